"""Batches of requests that are made while nobody waits."""

import sqlalchemy as sa
from alembic import op

revision = "v0007"
down_revision = "v0006"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "storage_batches",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("virtual_key_id", sa.BigInteger(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("router_id", sa.Text(), nullable=False),
        sa.Column("leased_until", sa.BigInteger(), nullable=True),
        sa.Column("forget_at", sa.BigInteger(), nullable=True),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("id"),
    )
    for name, *columns in (
        ("of_key", "virtual_key_id", "id"),
        ("leased_until", "leased_until"),
        ("forget_at", "forget_at"),
    ):
        op.create_index(f"ix_storage_batches_{name}", "storage_batches", columns, unique=False)


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("storage_batches")
