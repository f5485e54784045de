"""What charges cost by other prices than those that they were made with."""

import sqlalchemy as sa
from alembic import op

revision = "v0014"
down_revision = "v0013"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "billing_adjustments",
        sa.Column("charge_id", sa.LargeBinary(), nullable=False),
        sa.Column("number", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("virtual_key_id", sa.BigInteger(), nullable=False),
        sa.Column("price_version", sa.String(100), nullable=False),
        sa.Column("cost_before", sa.BigInteger(), nullable=True),
        sa.Column("cost_after", sa.BigInteger(), nullable=False),
        sa.Column("adjusted_at", sa.BigInteger(), nullable=False),
        sa.Column("posting_id", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("charge_id", "number"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Remove it; the postings stay."""
    op.drop_table("billing_adjustments")
