"""Administrators with tokens of their own."""

import sqlalchemy as sa
from alembic import op

revision = "v0007"
down_revision = "v0006"

_COUNTERS = sa.table("registry_counters", sa.column("kind"), sa.column("last_id"))


def upgrade() -> None:
    """Make the table; there is nobody yet but the holder of the master key."""
    op.create_table(
        "administrators",
        sa.Column("id", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folded_name", sa.Text(), nullable=False, unique=True),
        sa.Column("role", sa.BigInteger(), nullable=False),
        sa.Column("token_prefix", sa.Text(), nullable=False),
        sa.Column("hash", sa.LargeBinary(), nullable=False, unique=True),
        sa.Column("is_enabled", sa.Boolean(), nullable=False),
        sa.Column("expires_at", sa.BigInteger()),
        sa.Column("rotated_at", sa.BigInteger()),
    )
    op.bulk_insert(_COUNTERS, [{"kind": "administrator", "last_id": 0}])


def downgrade() -> None:
    """Remove the table."""
    op.execute(_COUNTERS.delete().where(_COUNTERS.c.kind == "administrator"))
    op.drop_table("administrators")
