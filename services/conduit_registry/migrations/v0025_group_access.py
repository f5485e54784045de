"""Who may use the virtual keys of a group, until when, and which instances may serve them."""

import sqlalchemy as sa
from alembic import op

revision = "v0025"
down_revision = "v0024"

_LISTS = ("allowed_providers", "allowed_ips", "client_certificates")


def upgrade() -> None:
    """Add the columns; groups that there are bind their keys no more than before."""
    for name in _LISTS:
        none = sa.Column(name, sa.JSON(), nullable=False, server_default="[]")
        op.add_column("virtual_key_groups", none)
    no = sa.false()
    op.add_column(
        "virtual_key_groups",
        sa.Column("require_mtls", sa.Boolean(), nullable=False, server_default=no),
    )
    op.add_column("virtual_key_groups", sa.Column("expires_at", sa.BigInteger(), nullable=True))


def downgrade() -> None:
    """Remove the columns."""
    for name in ("expires_at", "require_mtls", *_LISTS):
        op.drop_column("virtual_key_groups", name)
