"""Days of which no charges are kept, and what these cost."""

import sqlalchemy as sa
from alembic import op

revision = "v0013"
down_revision = "v0012"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "billing_detached_days",
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("detached_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("day"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "billing_detached_expenses",
        sa.Column("virtual_key_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("cost", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("virtual_key_id"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Remove them; that charges are missing is then known to nobody."""
    op.drop_table("billing_detached_expenses")
    op.drop_table("billing_detached_days")
