"""Tasks, and their results."""

import sqlalchemy as sa
from alembic import op

revision = "v0001"
down_revision = None


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "storage_tasks",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("virtual_key_id", sa.BigInteger(), nullable=False),
        sa.Column("router_id", sa.Text(), nullable=False),
        sa.Column("operation", sa.Text(), nullable=False),
        sa.Column("model", sa.Text(), nullable=False),
        sa.Column("status", sa.SmallInteger(), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.Column("expires_at", sa.BigInteger(), nullable=False),
        sa.Column("leased_until", sa.BigInteger(), nullable=True),
        sa.Column("error_message", sa.Text(), nullable=False),
        sa.Column("error_type", sa.Text(), nullable=False),
        sa.Column("error_code", sa.Text(), nullable=False),
        sa.Column("result", sa.LargeBinary(), nullable=True),
        sa.PrimaryKeyConstraint("id"),
    )
    _index("ix_storage_tasks_of_key", "virtual_key_id", "id")
    _index("ix_storage_tasks_room", "virtual_key_id", "size")
    _index("ix_storage_tasks_expires_at", "expires_at")
    _index("ix_storage_tasks_leased_until", "leased_until")


def downgrade() -> None:
    """Remove the table."""
    op.drop_table("storage_tasks")


def _index(name: str, *columns: str) -> None:
    op.create_index(name, "storage_tasks", list(columns), unique=False)
