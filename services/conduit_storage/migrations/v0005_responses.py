"""Responses that callers can go on from."""

import sqlalchemy as sa
from alembic import op

revision = "v0005"
down_revision = "v0004"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "storage_responses",
        sa.Column("virtual_key_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("previous_id", sa.Text(), nullable=False),
        sa.Column("provider_id", sa.BigInteger(), nullable=False),
        sa.Column("key_id", sa.Text(), nullable=False),
        sa.Column("account_group", sa.Text(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("content", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("virtual_key_id", "id"),
    )
    _index("ix_storage_responses_room", "virtual_key_id", "created_at", "size")
    _index("ix_storage_responses_expires_at", "expires_at")


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("storage_responses")


def _index(name: str, *columns: str) -> None:
    op.create_index(name, "storage_responses", list(columns), unique=False)
