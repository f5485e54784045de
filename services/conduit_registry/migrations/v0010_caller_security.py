"""From where virtual keys and administrators' tokens may be used, and by whom."""

import sqlalchemy as sa
from alembic import op

revision = "v0010"
down_revision = "v0009"

_TABLES = ("virtual_keys", "administrators")


def upgrade() -> None:
    """Add the columns; those that there are may be used from everywhere."""
    for table in _TABLES:
        for name in ("allowed_ips", "client_certificates"):
            op.add_column(table, sa.Column(name, sa.JSON(), nullable=False, server_default="[]"))
        no = sa.false()
        op.add_column(
            table, sa.Column("require_mtls", sa.Boolean(), nullable=False, server_default=no)
        )


def downgrade() -> None:
    """Remove the columns."""
    for table in _TABLES:
        for name in ("require_mtls", "client_certificates", "allowed_ips"):
            op.drop_column(table, name)
