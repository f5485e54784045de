"""What providers say that a call cost, beside what it costs by the prices."""

import sqlalchemy as sa
from alembic import op

revision = "v0011"
down_revision = "v0010"

_INDEX, _CHARGES = "ix_billing_charges_provider_cost", "billing_charges"


def upgrade() -> None:
    """Add the column; of charges that there are nobody said so."""
    op.add_column(_CHARGES, sa.Column("provider_cost", sa.BigInteger(), nullable=True))
    told = sa.text("provider_cost IS NOT NULL")
    op.create_index(_INDEX, _CHARGES, ["id"], sqlite_where=told, postgresql_where=told)


def downgrade() -> None:
    """Take it away."""
    op.drop_index(_INDEX, _CHARGES)
    op.drop_column(_CHARGES, "provider_cost")
