"""What was dealt out of limits, in each minute or at a time."""

import sqlalchemy as sa
from alembic import op

revision = "v0006"
down_revision = "v0005"


def upgrade() -> None:
    """Make the tables."""
    op.create_table(
        "billing_quota_windows",
        sa.Column("owner", sa.String(60), primary_key=True),
        sa.Column("metric", sa.SmallInteger(), primary_key=True, autoincrement=False),
        sa.Column("starts_at", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("used", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "billing_quotas",
        sa.Column("id", sa.String(26), primary_key=True),
        sa.Column("metric", sa.SmallInteger(), nullable=False),
        sa.Column("owners", sa.String(300), nullable=False),
        sa.Column("starts_at", sa.BigInteger(), nullable=False),
        sa.Column("amount", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_billing_quotas_expiry", "billing_quotas", ["starts_at", "expires_at"])


def downgrade() -> None:
    """Drop them."""
    op.drop_table("billing_quotas")
    op.drop_table("billing_quota_windows")
