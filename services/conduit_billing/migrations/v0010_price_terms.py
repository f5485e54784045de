"""Prices of other units, of long requests and under conditions; priorities and dates."""

from typing import Any

import sqlalchemy as sa
from alembic import op

revision = "v0010"
down_revision = "v0009"

_NAME = "uq_billing_model_costs_pattern"
_OLD, _NEW = ["provider_id", "model_pattern"], ["priority", "effective_from"]


def upgrade() -> None:
    """Add the columns; what there is has no priority and is always in force."""
    last = _last_id()
    with op.batch_alter_table("billing_model_costs", **_AS_IT_IS) as table:
        table.add_column(sa.Column("terms", sa.Text(), nullable=False, server_default=""))
        table.add_column(sa.Column("priority", sa.Integer(), nullable=False, server_default="0"))
        table.add_column(
            sa.Column("effective_from", sa.BigInteger(), nullable=False, server_default="0")
        )
        table.add_column(sa.Column("effective_until", sa.BigInteger(), nullable=True))
        table.drop_constraint(_NAME, type_="unique")
        table.create_unique_constraint(_NAME, [*_OLD, *_NEW])
    _go_on_after(last)


def downgrade() -> None:
    """Take the columns away, and the prices that differ from others by them alone."""
    op.execute(
        "DELETE FROM billing_model_costs WHERE id NOT IN "
        "(SELECT min(id) FROM billing_model_costs GROUP BY provider_id, model_pattern)"
    )
    last = _last_id()
    with op.batch_alter_table("billing_model_costs", **_AS_IT_IS) as table:
        table.drop_constraint(_NAME, type_="unique")
        table.create_unique_constraint(_NAME, _OLD)
        for name in ("terms", "priority", "effective_from", "effective_until"):
            table.drop_column(name)
    _go_on_after(last)


# SQLite copies the table, and would use the ids of deleted prices again, which versions name.
_AS_IT_IS: dict[str, Any] = {"table_kwargs": {"sqlite_autoincrement": True}}
_OF_PRICES = "name = 'billing_model_costs'"


def _last_id() -> int | None:
    connection = op.get_bind()
    if connection.dialect.name != "sqlite":
        return None
    found: int | None = connection.scalar(
        sa.text(f"SELECT seq FROM sqlite_sequence WHERE {_OF_PRICES}")  # noqa: S608 # our own name
    )
    return found


def _go_on_after(last: int | None) -> None:
    if last is not None:
        op.execute(f"DELETE FROM sqlite_sequence WHERE {_OF_PRICES}")  # noqa: S608 # as above
        op.execute(f"INSERT INTO sqlite_sequence VALUES ('billing_model_costs', {last})")  # noqa: S608 # a number
