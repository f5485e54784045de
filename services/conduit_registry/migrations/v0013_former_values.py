"""Former values of virtual keys and of administrators' tokens, which count for a time."""

import sqlalchemy as sa
from alembic import op

revision = "v0013"
down_revision = "v0012"

_VIRTUAL_KEYS, _ADMINISTRATORS = "virtual_keys", "administrators"


def upgrade() -> None:
    """Add their hashes and how long they count: there are none."""
    op.add_column(_VIRTUAL_KEYS, sa.Column("rotated_at", sa.BigInteger()))
    op.add_column(_VIRTUAL_KEYS, sa.Column("former_hash", sa.LargeBinary()))
    op.add_column(_VIRTUAL_KEYS, sa.Column("former_key_until", sa.BigInteger()))
    op.add_column(_ADMINISTRATORS, sa.Column("former_hash", sa.LargeBinary()))
    op.add_column(_ADMINISTRATORS, sa.Column("former_token_until", sa.BigInteger()))


def downgrade() -> None:
    """Remove them: former values are refused."""
    for name in ("rotated_at", "former_hash", "former_key_until"):
        op.drop_column(_VIRTUAL_KEYS, name)
    for name in ("former_hash", "former_token_until"):
        op.drop_column(_ADMINISTRATORS, name)
