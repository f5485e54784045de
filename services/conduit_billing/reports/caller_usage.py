"""Reads what one virtual key has used, and how its budgets stand."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import func, literal, select
from sqlalchemy.ext.asyncio import AsyncEngine

from conduit_billing.budgets.accounts import Balance, present_balances
from conduit_billing.budgets.rules import BudgetWindow
from conduit_billing.ledger.days import DaySum, Dimension
from conduit_billing.reports.store import Days
from conduit_billing.tables import DayRow
from conduit_kernel.database import guarded, reader

SERVICE = "billing"
# What a holder may group by.
COLUMNS = {"model": DayRow.name, "day": DayRow.day}
# Written into the statement: an index is of these rows alone.
_OF_KEYS = literal(Dimension.VIRTUAL_KEY_MODEL.value, literal_execute=True)


class CallerUsageStore:
    """Answers from the sums of days."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._reader = reader(engine)

    async def groups(
        self, virtual_key_id: int, grouping: str, days: Days, *, after: str | int, limit: int
    ) -> Sequence[tuple[str | int, DaySum]]:
        """Return what a key used by model or day, in order, beyond one of them."""
        column, row = COLUMNS[grouping], DayRow
        sums = (row.cost, row.requests, row.unpriced_requests, row.input_tokens, row.output_tokens)
        # More columns than the library has overloads for.
        selected: list[Any] = [column, *map(func.sum, sums)]
        query = select(*selected).where(
            row.dimension == _OF_KEYS,
            row.number == virtual_key_id,
            row.day.between(*days),
            column > after,
        )
        query = query.group_by(column).order_by(column).limit(limit)
        async with guarded(SERVICE), self._reader.connect() as connection:
            rows = (await connection.execute(query)).all()
        # PostgreSQL adds up to decimals.
        return [(name, DaySum(*map(int, each))) for name, *each in rows]

    async def balances(self, windows: Sequence[BudgetWindow]) -> dict[BudgetWindow, Balance]:
        """Return how budgets stand."""
        async with guarded(SERVICE), self._reader.connect() as connection:
            return await present_balances(connection, windows)
