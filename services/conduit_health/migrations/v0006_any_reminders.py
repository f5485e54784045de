"""Reminders of other things than keys."""

from alembic import op

revision = "v0006"
down_revision = "v0005"


def upgrade() -> None:
    """Name the table, and what is due, by what they are now."""
    op.rename_table("key_rotation_reminders", "reminders")
    op.alter_column("reminders", "key_id", new_column_name="subject")


def downgrade() -> None:
    """Name them as before; reminders of models stay, and remind of no key."""
    op.alter_column("reminders", "subject", new_column_name="key_id")
    op.rename_table("reminders", "key_rotation_reminders")
