"""Keeps the ledger: charges, postings, and the sums that reports read.

Writers take turns, so that what one of them finds missing is missing until it ends.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import orjson
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from conduit_billing.budgets.spending import BudgetSpending
from conduit_billing.ledger.attempt_stats import AttemptStats, hour_buckets_of, hours_of
from conduit_billing.ledger.charge_filter import ALL_CHARGES, ChargeFilter, clauses
from conduit_billing.ledger.charges import Line, PostedCharge
from conduit_billing.ledger.days import DayKey, DaySum, days_of, no_group
from conduit_billing.ledger.posting_store import insert_posting, post
from conduit_billing.ledger.postings import Posting, charge_posting
from conduit_billing.tables import (
    AttemptStatsRow,
    ChargeLineRow,
    ChargeRow,
    DayRow,
    HourBucketRow,
    HourRow,
)
from conduit_billing.upserts import add_up, insert_rows, known_of, take_turns
from conduit_kernel.database import guarded, reader, writer

SERVICE = "billing"
# The columns of a charge in the order of its fields, without its lines.
_COLUMNS = tuple(getattr(ChargeRow, name) for name in PostedCharge._fields if name != "lines")


class LedgerStore:
    """Stores charges and postings once, however often they are delivered."""

    def __init__(self, engine: AsyncEngine, spending: BudgetSpending | None = None) -> None:
        """Take what budgets are spent by; without it there are none."""
        self._writer = writer(engine)
        self._reader = reader(engine)
        self._spending = spending

    async def record(
        self, charges: Iterable[PostedCharge], stats: Iterable[AttemptStats], now: int
    ) -> int:
        """Store charges and attempt statistics at once; return how many charges were new."""
        unique = {charge.id: charge for charge in charges}
        async with guarded(SERVICE), self._writer.begin() as connection:
            await take_turns(connection)
            for known in await known_of(connection, ChargeRow.id, sorted(unique)):
                del unique[known]
            fresh = sorted(unique.values())
            await _insert_charges(connection, fresh, charge_posting(fresh, now))
            if self._spending is not None:
                # Before the days, by which a budget that is new learns what was spent before.
                await self._spending.spend(connection, fresh, now)
            group_of = no_group if self._spending is None else self._spending.group_of
            await _add_days(connection, days_of(fresh, group_of))
            await _add_attempts(connection, {each.id: each for each in stats})
        return len(fresh)

    async def post(self, posting: Posting) -> bool:
        """Post once; return whether it is new. PostingError if the books do not allow it."""
        async with guarded(SERVICE), self._writer.begin() as connection:
            await take_turns(connection)
            return await post(connection, posting)

    async def charges(
        self,
        *,
        limit: int,
        before: str = "",
        of: ChargeFilter = ALL_CHARGES,
    ) -> Sequence[PostedCharge]:
        """Return charges, newest first, older than `before`."""
        # More columns than the library has overloads for.
        selected: list[Any] = list(_COLUMNS)
        query = select(*selected).where(*clauses(of))
        if before:
            query = query.where(ChargeRow.id < before)
        query = query.order_by(ChargeRow.id.desc()).limit(limit)
        async with guarded(SERVICE), self._reader.connect() as connection:
            rows = (await connection.execute(query)).all()
            lines = await _lines_of(connection, [row.id for row in rows])
        return [_charge(tuple(row), lines.get(row.id, ())) for row in rows]

    async def forget_attempt_stats(self, before: int) -> None:
        """Delete the ids of attempt statistics that began before a moment."""
        row = AttemptStatsRow
        async with guarded(SERVICE), self._writer.begin() as connection:
            await connection.execute(delete(row).where(row.started_at < before))


async def _insert_charges(
    connection: AsyncConnection, charges: Sequence[PostedCharge], posting: Posting | None
) -> None:
    if posting is not None:
        await insert_posting(connection, posting)
    posting_id = None if posting is None else posting.id
    rows = [_row(charge, posting_id if charge.cost else None) for charge in charges]
    await insert_rows(connection, ChargeRow, rows)
    lines = [(each.id, at, *line) for each in charges for at, line in enumerate(each.lines)]
    await insert_rows(connection, ChargeLineRow, lines)


def _row(charge: PostedCharge, posting_id: str | None) -> tuple[Any, ...]:
    qualifiers = orjson.dumps(dict(charge.qualifiers)).decode() if charge.qualifiers else ""
    tags = orjson.dumps(charge.tags).decode() if charge.tags else ""
    return (*charge[:-5], qualifiers, posting_id, charge.lease_id, tags, charge.provider_cost)


def _charge(row: tuple[Any, ...], lines: Iterable[Line]) -> PostedCharge:
    *columns, qualifiers, lease_id, tags, provider_cost = row
    pairs = orjson.loads(qualifiers).items() if qualifiers else ()
    named = tuple(orjson.loads(tags)) if tags else ()
    return PostedCharge._make(
        [*columns, tuple(pairs), tuple(lines), lease_id, named, provider_cost]
    )


async def _add_days(connection: AsyncConnection, sums: Mapping[DayKey, DaySum]) -> None:
    days = sorted(sums.items())
    rows = [{**key._asdict(), **total._asdict()} for key, total in days]
    await add_up(connection, DayRow, list(DayKey._fields), rows)


async def _add_attempts(connection: AsyncConnection, stats: dict[str, AttemptStats]) -> None:
    if not stats:
        return
    for known in await known_of(connection, AttemptStatsRow.id, sorted(stats)):
        del stats[known]
    fresh = [stats[name] for name in sorted(stats)]
    await insert_rows(connection, AttemptStatsRow, [(each.id, each.started_at) for each in fresh])
    hours = sorted(hours_of(fresh).items())
    totals = [{**key._asdict(), **total._asdict()} for key, total in hours]
    await add_up(connection, HourRow, ["hour", "provider_id"], totals)
    buckets = [
        {**key._asdict(), "bucket": bucket, "attempts": count}
        for (key, bucket), count in sorted(hour_buckets_of(fresh).items())
    ]
    await add_up(connection, HourBucketRow, ["hour", "provider_id", "bucket"], buckets)


async def _lines_of(connection: AsyncConnection, charges: Collection[str]) -> dict[str, list[Line]]:
    found: dict[str, list[Line]] = {}
    if charges:
        row = ChargeLineRow
        query = select(row.charge_id, row.unit, row.quantity, row.price)
        query = query.where(row.charge_id.in_(charges)).order_by(row.charge_id, row.position)
        for charge_id, unit, quantity, price in await connection.execute(query):
            found.setdefault(charge_id, []).append(Line(unit, quantity, price))
    return found
