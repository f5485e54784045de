"""Sums of days in each dimension by itself, in the place of those of all combinations."""

import sqlalchemy as sa
from alembic import op

revision = "v0008"
down_revision = "v0007"

_SUMS = ("cost", "requests", "unpriced_requests", "input_tokens", "output_tokens")
_NAMES = ", ".join(_SUMS)
_ADDED = ", ".join(f"SUM({name})" for name in _SUMS)
# Number of the dimension, the columns that are its name and number, and those it is grouped by.
_DIMENSIONS = (
    (1, "''", "0", "day"),
    (2, "''", "provider_id", "day, provider_id"),
    (4, "account_group", "provider_id", "day, account_group, provider_id"),
    (5, "''", "virtual_key_id", "day, virtual_key_id"),
    (6, "model_alias", "0", "day, model_alias"),
    (7, "''", "0", "day"),
    (8, "model_alias", "virtual_key_id", "day, model_alias, virtual_key_id"),
)


def upgrade() -> None:
    """Make the table of what the former one has; keys count from now on, as do tags."""
    op.create_table(
        "billing_day_totals",
        sa.Column("dimension", sa.SmallInteger(), autoincrement=False, nullable=False),
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(200), nullable=False),
        sa.Column("number", sa.BigInteger(), autoincrement=False, nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _SUMS),
        sa.PrimaryKeyConstraint("dimension", "day", "name", "number"),
        sqlite_with_rowid=False,
    )
    for dimension, name, number, group in _DIMENSIONS:
        op.execute(
            f"INSERT INTO billing_day_totals (dimension, day, name, number, {_NAMES}) "  # noqa: S608 # our own names
            f"SELECT {dimension}, day, {name}, {number}, {_ADDED} FROM billing_days "
            f"GROUP BY {group}"
        )
    op.drop_table("billing_days")
    of_keys = sa.text("dimension = 8")
    op.create_index(
        "ix_billing_day_totals_of_key",
        "billing_day_totals",
        ["number", "day"],
        sqlite_where=of_keys,
        postgresql_where=of_keys,
    )


def downgrade() -> None:
    """Make the former table, empty: of sums that are apart nobody knows the combinations."""
    op.create_table(
        "billing_days",
        sa.Column("day", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("provider_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("account_group", sa.String(200), nullable=False),
        sa.Column("virtual_key_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("model_alias", sa.String(200), nullable=False),
        *(sa.Column(name, sa.BigInteger(), nullable=False) for name in _SUMS),
        sa.PrimaryKeyConstraint(
            "day", "provider_id", "account_group", "virtual_key_id", "model_alias"
        ),
        sqlite_with_rowid=False,
    )
    op.drop_table("billing_day_totals")
