"""Maintenance that is under way."""

import sqlalchemy as sa
from alembic import op

revision = "v0024"
down_revision = "v0023"

_COUNTERS = sa.table("registry_counters", sa.column("kind"), sa.column("last_id"))


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "maintenance_windows",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("provider_id", sa.BigInteger(), nullable=False, unique=True),
        sa.Column("message", sa.Text(), nullable=False),
        sa.Column("expected_end", sa.BigInteger()),
    )
    op.bulk_insert(_COUNTERS, [{"kind": "maintenance_window", "last_id": 0}])


def downgrade() -> None:
    """Remove the table."""
    op.execute(_COUNTERS.delete().where(_COUNTERS.c.kind == "maintenance_window"))
    op.drop_table("maintenance_windows")
