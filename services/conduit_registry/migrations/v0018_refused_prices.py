"""Virtual keys and groups whose calls are refused where nobody knows what they cost."""

import sqlalchemy as sa
from alembic import op

revision = "v0018"
down_revision = "v0017"


def upgrade() -> None:
    """Add the columns; whoever is there goes on."""
    for table in ("virtual_keys", "virtual_key_groups"):
        op.add_column(
            table,
            sa.Column("refuse_unpriced", sa.Boolean(), nullable=False, server_default=sa.false()),
        )


def downgrade() -> None:
    """Remove the columns."""
    for table in ("virtual_key_groups", "virtual_keys"):
        op.drop_column(table, "refuse_unpriced")
