"""Answers that are kept, and given again."""

import sqlalchemy as sa
from alembic import op

revision = "v0020"
down_revision = "v0019"


def upgrade() -> None:
    """No answers of the aliases that there are were kept."""
    op.add_column("fallback_chains", sa.Column("cache", sa.JSON()))


def downgrade() -> None:
    """Forget it."""
    op.drop_column("fallback_chains", "cache")
