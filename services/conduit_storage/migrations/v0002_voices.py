"""Voices that callers have made."""

import sqlalchemy as sa
from alembic import op

revision = "v0002"
down_revision = "v0001"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "storage_voices",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("virtual_key_id", sa.BigInteger(), nullable=False),
        sa.Column("provider_id", sa.BigInteger(), nullable=False),
        sa.Column("account_group", sa.Text(), nullable=False),
        sa.Column("upstream_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("type", sa.Text(), nullable=False),
        sa.Column("description", sa.Text(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    _index("ix_storage_voices_of_key", "virtual_key_id", "id")
    _index("ix_storage_voices_deleted_at", "deleted_at")


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("storage_voices")


def _index(name: str, *columns: str) -> None:
    op.create_index(name, "storage_voices", list(columns), unique=False)
