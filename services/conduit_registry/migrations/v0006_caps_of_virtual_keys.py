"""The most that calls of a virtual key may take, whatever their callers ask for."""

import sqlalchemy as sa
from alembic import op

revision = "v0006"
down_revision = "v0005"


def upgrade() -> None:
    """Add the columns; keys that there are have no caps."""
    op.add_column("virtual_keys", sa.Column("max_attempts", sa.BigInteger()))
    op.add_column("virtual_keys", sa.Column("timeout", sa.BigInteger()))
    op.add_column("virtual_keys", sa.Column("hedging_budget", sa.Double()))


def downgrade() -> None:
    """Remove the columns."""
    for name in ("hedging_budget", "timeout", "max_attempts"):
        op.drop_column("virtual_keys", name)
