"""When webhooks last changed."""

import sqlalchemy as sa
from alembic import op

revision = "v0003"
down_revision = "v0002"


def upgrade() -> None:
    """Add the column: those that are there have not changed since they were made."""
    with op.batch_alter_table("webhooks") as table:
        table.add_column(sa.Column("updated_at", sa.BigInteger(), nullable=True))
    op.execute("UPDATE webhooks SET updated_at = created_at")
    with op.batch_alter_table("webhooks") as table:
        table.alter_column("updated_at", existing_type=sa.BigInteger(), nullable=False)


def downgrade() -> None:
    """Remove the column."""
    with op.batch_alter_table("webhooks") as table:
        table.drop_column("updated_at")
