"""Sums of groups of virtual keys, and an index of the charges whose price is unknown."""

import sqlalchemy as sa
from alembic import op

revision = "v0009"
down_revision = "v0008"

_SUMS = "cost, requests, unpriced_requests, input_tokens, output_tokens"


def upgrade() -> None:
    """Count what there is for no group."""
    op.execute(
        f"INSERT INTO billing_day_totals (dimension, day, name, number, {_SUMS}) "  # noqa: S608 # our own names
        f"SELECT 9, day, '', 0, {_SUMS} FROM billing_day_totals WHERE dimension = 1"
    )
    unpriced = sa.text("cost IS NULL")
    op.create_index(
        "ix_billing_charges_unpriced",
        "billing_charges",
        ["id"],
        sqlite_where=unpriced,
        postgresql_where=unpriced,
    )


def downgrade() -> None:
    """Take both away."""
    op.drop_index("ix_billing_charges_unpriced", "billing_charges")
    op.execute("DELETE FROM billing_day_totals WHERE dimension = 9")
