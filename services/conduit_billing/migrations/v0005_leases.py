"""Budgets in their periods, and the leases that routers spend them by."""

import sqlalchemy as sa
from alembic import op

revision = "v0005"
down_revision = "v0004"


def upgrade() -> None:
    """Add the tables; charges so far were paid from no lease."""
    op.create_table(
        "billing_budget_windows",
        sa.Column("code", sa.String(length=300), nullable=False),
        sa.Column("limit", sa.BigInteger(), nullable=False),
        sa.Column("ends_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("code"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "billing_leases",
        sa.Column("id", sa.String(length=26), nullable=False),
        sa.Column("virtual_key_id", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("spent", sa.BigInteger(), nullable=False),
        sa.Column("final", sa.BigInteger(), nullable=True),
        sa.Column("holds", sa.SmallInteger(), nullable=False),
        sa.Column("acquired_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("ended_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_billing_leases_open", "billing_leases", ["ended_at", "expires_at"])
    op.add_column(
        "billing_charges",
        sa.Column("lease_id", sa.String(length=26), nullable=False, server_default=""),
    )


def downgrade() -> None:
    """Remove the tables; what was held and spent of budgets stays in the postings."""
    op.drop_column("billing_charges", "lease_id")
    op.drop_index("ix_billing_leases_open", table_name="billing_leases")
    op.drop_table("billing_leases")
    op.drop_table("billing_budget_windows")
