"""Former values of rotated keys, which are kept for a time."""

import sqlalchemy as sa
from alembic import op

revision = "v0010"
down_revision = "v0009"


def upgrade() -> None:
    """Add when a key is removed: none of those that are there is."""
    op.add_column("key_credentials", sa.Column("retires_at", sa.BigInteger()))


def downgrade() -> None:
    """Remove it; former values stay, as keys like any other."""
    op.drop_column("key_credentials", "retires_at")
