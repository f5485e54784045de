"""When a second candidate is asked as well; retries of steps by class of failure."""

import sqlalchemy as sa
from alembic import op

revision = "v0005"
down_revision = "v0004"


def upgrade() -> None:
    """Add the columns; what there is goes on as it did."""
    op.add_column("fallback_chains", sa.Column("hedging", sa.JSON()))
    retries = sa.Column("retries", sa.JSON(), nullable=False, server_default="[]")
    op.add_column("fallback_chain_steps", retries)


def downgrade() -> None:
    """Remove the columns."""
    op.drop_column("fallback_chain_steps", "retries")
    op.drop_column("fallback_chains", "hedging")
