"""What virtual keys may use in a minute, and at a time."""

import sqlalchemy as sa
from alembic import op

revision = "v0014"
down_revision = "v0013"


def upgrade() -> None:
    """Add the column; keys that there are have no limits."""
    none = sa.Column("usage_limits", sa.JSON(), nullable=False, server_default="{}")
    op.add_column("virtual_keys", none)


def downgrade() -> None:
    """Remove the column."""
    op.drop_column("virtual_keys", "usage_limits")
