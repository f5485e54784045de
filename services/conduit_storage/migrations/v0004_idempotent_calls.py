"""Calls that were made with an idempotency key."""

import sqlalchemy as sa
from alembic import op

revision = "v0004"
down_revision = "v0003"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "storage_idempotent_calls",
        sa.Column("virtual_key_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("key_hash", sa.LargeBinary(), nullable=False),
        sa.Column("fingerprint", sa.LargeBinary(), nullable=False),
        sa.Column("claim_id", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("leased_until", sa.BigInteger(), nullable=True),
        sa.Column("result", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("virtual_key_id", "key_hash"),
    )
    _index("ix_storage_idempotent_calls_room", "virtual_key_id", "size")
    _index("ix_storage_idempotent_calls_expires_at", "expires_at")


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("storage_idempotent_calls")


def _index(name: str, *columns: str) -> None:
    op.create_index(name, "storage_idempotent_calls", list(columns), unique=False)
