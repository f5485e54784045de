"""What is charged for streams that did not reach their end, by instance."""

import sqlalchemy as sa
from alembic import op

revision = "v0023"
down_revision = "v0022"


def upgrade() -> None:
    """Add the column; instances go by their types."""
    column = sa.Column("aborted_streams", sa.BigInteger(), nullable=False, server_default="0")
    op.add_column("providers", column)


def downgrade() -> None:
    """Remove the column."""
    op.drop_column("providers", "aborted_streams")
