"""Servers of the Model Context Protocol."""

import sqlalchemy as sa
from alembic import op

revision = "v0022"
down_revision = "v0021"

_COUNTERS = sa.table("registry_counters", sa.column("kind"), sa.column("last_id"))


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "mcp_servers",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False, unique=True),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("header_names", sa.JSON(), nullable=False),
        sa.Column("grants", sa.JSON(), nullable=False),
        sa.Column("timeout", sa.BigInteger()),
        sa.Column("encryption_key_id", sa.Text(), nullable=False),
        sa.Column("wrapped_data_key", sa.LargeBinary(), nullable=False),
        sa.Column("ciphertext", sa.LargeBinary(), nullable=False),
        sa.Column("destination", sa.Text(), nullable=False),
    )
    op.bulk_insert(_COUNTERS, [{"kind": "mcp_server", "last_id": 0}])


def downgrade() -> None:
    """Remove the table."""
    op.execute(_COUNTERS.delete().where(_COUNTERS.c.kind == "mcp_server"))
    op.drop_table("mcp_servers")
