"""How instances are checked, each of them."""

import sqlalchemy as sa
from alembic import op

revision = "v0004"
down_revision = "v0003"


def upgrade() -> None:
    """Add the column; instances are checked as they were."""
    column = sa.Column("health_check", sa.JSON(), nullable=False, server_default="{}")
    op.add_column("providers", column)


def downgrade() -> None:
    """Remove the column."""
    op.drop_column("providers", "health_check")
