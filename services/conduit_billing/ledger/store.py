"""Keeps the ledger: charges, postings, and the sums that reports read.

Writers take turns, so that what one of them finds missing is missing until it ends.
"""

from collections.abc import Iterable, Mapping, Sequence

import structlog
from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from conduit_billing.budgets.spending import BudgetSpending
from conduit_billing.ledger.adjustment_store import standings_of
from conduit_billing.ledger.adjustments import Standing
from conduit_billing.ledger.alike import LikeCharges, alike_of
from conduit_billing.ledger.attempt_stats import (
    AttemptStats,
    HourKey,
    HourSum,
    hour_buckets_of,
    hours_of,
)
from conduit_billing.ledger.attributions import Attributions
from conduit_billing.ledger.charge_columns import (
    POSTGRESQL,
    SQLITE,
    ChargeColumns,
    charge_of,
    rows_of,
)
from conduit_billing.ledger.charge_filter import (
    ALL_CHARGES,
    ChargeFilter,
    select_charges,
    select_rarer,
)
from conduit_billing.ledger.charges import Attribution, PostedCharge
from conduit_billing.ledger.days import DayKey, DaySum, days_of_alike, no_group
from conduit_billing.ledger.posting_store import insert_postings, post
from conduit_billing.ledger.postings import Posting, charge_posting
from conduit_billing.tables import (
    AttemptStatsRow,
    ChargeRow,
    DayRow,
    DetachedDayRow,
    HourBucketRow,
    HourRow,
)
from conduit_billing.timestamps import DAY_MICROS
from conduit_billing.upserts import (
    add_up_rows,
    insert_rows,
    insert_stored,
    known_of,
    select_among_bytes,
    take_turns,
)
from conduit_kernel.database import guarded, reader, writer
from conduit_kernel.ids import made_at, pack_id
from conduit_kernel.settings import MIN_CHARGE_DAYS

SERVICE = "billing"
# As it is stored; SQLAlchemy's own would take as long as a hundred charges. PostgreSQL knows no
# greatest of bytes before 18.
_LATEST = f"SELECT id FROM {ChargeRow.__tablename__} ORDER BY id DESC LIMIT 1"  # noqa: S608 # ours

_HOUR = HourKey._fields
_BUCKET = (*_HOUR, "bucket")


class LedgerStore:
    """Stores charges and postings once, however often they are delivered."""

    def __init__(self, engine: AsyncEngine, spending: BudgetSpending | None = None) -> None:
        """Take what budgets are spent by; without it there are none."""
        self._writer = writer(engine)
        self._reader = reader(engine)
        self._spending = spending
        self._attributions = Attributions()

    async def record(
        self, charges: Iterable[PostedCharge], stats: Iterable[AttemptStats], now: int
    ) -> set[str]:
        """Store charges and attempt statistics at once; return the ids of charges that are new."""
        unique = {pack_id(charge.id): charge for charge in charges}
        async with guarded(SERVICE), self._writer.begin() as connection:
            await take_turns(connection)
            await _leave_out_known(connection, unique)
            await _leave_out_detached(connection, unique, now)
            fresh = list(unique.values())
            alike = alike_of(fresh)
            attributions = await self._insert(connection, unique, alike, now)
            if self._spending is not None:
                # Before the days, by which a budget that is new learns what was spent before.
                await self._spending.spend(connection, fresh, now)
            group_of = no_group if self._spending is None else self._spending.group_of
            await _add_days(connection, days_of_alike(alike, group_of))
            await _add_attempts(connection, {each.id: each for each in stats})
        self._attributions.note(attributions)
        return {charge.id for charge in fresh}

    async def _insert(
        self,
        connection: AsyncConnection,
        charges: Mapping[bytes, PostedCharge],
        alike: LikeCharges,
        now: int,
    ) -> dict[Attribution, int]:
        """Insert charges that are new, by their packed ids, and what they cost."""
        paid = next((charge.id for charge in charges.values() if charge.cost), "")
        posting = charge_posting(paid, alike, now)
        if posting is not None:
            await insert_postings(connection, [posting])
        posting_id = None if posting is None else pack_id(posting.id)
        wanted = {each.attribution for each in alike}
        ids = await self._attributions.ids_of(connection, wanted)
        binding = POSTGRESQL if connection.dialect.name == "postgresql" else SQLITE
        rows = rows_of(sorted(charges.items()), ids, posting_id, binding)
        await insert_stored(connection, ChargeRow, rows)
        return ids

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
        rarer = select_rarer(of)
        async with guarded(SERVICE), self._reader.connect() as connection:
            is_rarer = rarer is not None and bool(await connection.scalar(rarer))
            query = select_charges(of, limit=limit, before=before, by_attribution=is_rarer)
            rows = (await connection.execute(query)).all()
            own = len(ChargeColumns._fields)
            found = [charge_of(row[:own], row[own:]) for row in rows]
            return _adjusted(found, await standings_of(connection, found))

    async def forget_attempt_stats(self, before: int) -> None:
        """Delete the ids of attempt statistics that began before a moment."""
        row = AttemptStatsRow
        async with guarded(SERVICE), self._writer.begin() as connection:
            await connection.execute(delete(row).where(row.started_at < before))


def _adjusted(
    charges: Sequence[PostedCharge], standings: Mapping[str, Standing]
) -> Sequence[PostedCharge]:
    """Return charges with what they cost by now."""
    if not standings:
        return charges
    return [
        each
        if (standing := standings.get(each.id)) is None
        else each._replace(adjusted_cost=standing.cost, adjusted_version=standing.price_version)
        for each in charges
    ]


async def _leave_out_known(connection: AsyncConnection, charges: dict[bytes, PostedCharge]) -> None:
    """Leave out charges that are there already; what is later than all that are is none of them."""
    latest = (await connection.exec_driver_sql(_LATEST)).scalar()
    latest = bytes(latest or b"")
    doubtful = sorted(name for name in charges if name <= latest)
    for (known,) in await select_among_bytes(connection, [ChargeRow.id], doubtful):
        del charges[bytes(known)]


async def _leave_out_detached(
    connection: AsyncConnection, charges: dict[bytes, PostedCharge], now: int
) -> None:
    """Leave out charges of days of which none are kept: whether they are new nobody knows."""
    oldest = (now - MIN_CHARGE_DAYS * DAY_MICROS) // 1000
    if (made_at(min(charges, default=b"")) or oldest) >= oldest:
        return
    late = {name: at * 1000 // DAY_MICROS for name in charges if (at := made_at(name)) is not None}
    query = select(DetachedDayRow.day).where(DetachedDayRow.day.in_(set(late.values())))
    detached = frozenset(await connection.scalars(query))
    for name, day in late.items():
        if day in detached:
            charge = charges.pop(name)
            log = structlog.get_logger("billing")
            log.warning("late_charge_left_out", charge_id=charge.id, cost_nano_usd=charge.cost)


async def _add_days(connection: AsyncConnection, sums: Mapping[DayKey, DaySum]) -> None:
    # Drivers take numbers sooner than members of enums.
    rows = [(int(of), *key, *total) for (of, *key), total in sorted(sums.items())]
    await add_up_rows(connection, DayRow, DayKey._fields, DayKey._fields + DaySum._fields, rows)


async def _add_attempts(connection: AsyncConnection, stats: dict[str, AttemptStats]) -> None:
    if not stats:
        return
    for known in await known_of(connection, AttemptStatsRow.id, sorted(stats)):
        del stats[known]
    fresh = [stats[name] for name in sorted(stats)]
    await insert_rows(connection, AttemptStatsRow, [(each.id, each.started_at) for each in fresh])
    hours = [(*key, *total) for key, total in sorted(hours_of(fresh).items())]
    await add_up_rows(connection, HourRow, _HOUR, _HOUR + HourSum._fields, hours)
    counts = sorted(hour_buckets_of(fresh).items())
    buckets = [(*key, bucket, count) for (key, bucket), count in counts]
    await add_up_rows(connection, HourBucketRow, _BUCKET, (*_BUCKET, "attempts"), buckets)
