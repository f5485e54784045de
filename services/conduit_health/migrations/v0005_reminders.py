"""Reminders of keys that are to be rotated."""

import sqlalchemy as sa
from alembic import op

revision = "v0005"
down_revision = "v0004"


def upgrade() -> None:
    """Make the table."""
    op.create_table(
        "key_rotation_reminders",
        sa.Column("key_id", sa.Text(), primary_key=True),
        sa.Column("due_at", sa.BigInteger(), primary_key=True, autoincrement=False),
        sa.Column("days_left", sa.Integer(), primary_key=True, autoincrement=False),
    )


def downgrade() -> None:
    """Remove it."""
    op.drop_table("key_rotation_reminders")
