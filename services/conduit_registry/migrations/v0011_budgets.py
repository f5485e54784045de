"""What virtual keys may spend in each day, week, month or in all."""

import sqlalchemy as sa
from alembic import op

revision = "v0011"
down_revision = "v0010"


def upgrade() -> None:
    """Add the columns; keys that there are have no budgets."""
    none = sa.Column("budgets", sa.JSON(), nullable=False, server_default="[]")
    op.add_column("virtual_keys", none)
    op.add_column("virtual_keys", sa.Column("outage_allowance_nano_usd", sa.BigInteger()))


def downgrade() -> None:
    """Remove the columns."""
    op.drop_column("virtual_keys", "outage_allowance_nano_usd")
    op.drop_column("virtual_keys", "budgets")
