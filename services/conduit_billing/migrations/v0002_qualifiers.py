"""What the price of a charge depends on beside its units."""

import sqlalchemy as sa
from alembic import op

revision = "v0002"
down_revision = "v0001"


def upgrade() -> None:
    """Add the column; charges so far were all of the usual kind."""
    op.add_column(
        "billing_charges",
        sa.Column("qualifiers", sa.String(length=1500), nullable=False, server_default=""),
    )


def downgrade() -> None:
    """Remove the column."""
    op.drop_column("billing_charges", "qualifiers")
