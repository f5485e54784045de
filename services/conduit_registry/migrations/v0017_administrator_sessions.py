"""Sessions of administrators who have logged in."""

import sqlalchemy as sa
from alembic import op

revision = "v0017"
down_revision = "v0016"

_COUNTERS = sa.table("registry_counters", sa.column("kind"), sa.column("last_id"))


def upgrade() -> None:
    """Make the table; whoever has logged in logs in again."""
    op.create_table(
        "administrator_sessions",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("subject", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("role", sa.BigInteger(), nullable=False),
        sa.Column("address", sa.Text(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
    )
    op.bulk_insert(_COUNTERS, [{"kind": "administrator_session", "last_id": 0}])


def downgrade() -> None:
    """Remove the table."""
    op.execute(_COUNTERS.delete().where(_COUNTERS.c.kind == "administrator_session"))
    op.drop_table("administrator_sessions")
