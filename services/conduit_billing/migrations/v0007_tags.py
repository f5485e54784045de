"""What the calls of charges belong to."""

import sqlalchemy as sa
from alembic import op

revision = "v0007"
down_revision = "v0006"


def upgrade() -> None:
    """Add the column; charges that there are have none."""
    none = sa.Column("tags", sa.Text(), nullable=False, server_default="")
    op.add_column("billing_charges", none)


def downgrade() -> None:
    """Remove the column."""
    op.drop_column("billing_charges", "tags")
