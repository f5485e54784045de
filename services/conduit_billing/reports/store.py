"""Reads the sums that reports are made of, and keeps the names they need."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.ext.asyncio import AsyncEngine

from conduit_billing.ledger.attempt_stats import HourSum
from conduit_billing.ledger.days import DayKey, DaySum, Dimension
from conduit_billing.tables import DayRow, HourBucketRow, HourRow, ProviderNameRow
from conduit_kernel.database import guarded, reader, writer
from conduit_kernel.inserts import insert_into

SERVICE = "billing"


class Days(NamedTuple):
    """Days since 1970-01-01, both included."""

    first: int
    last: int


class Performance(NamedTuple):
    """An instance's sums over some days."""

    # By the hour since 1970.
    hours: Mapping[int, HourSum]
    buckets: Mapping[int, int]
    total: DaySum


class ReportStore:
    """Answers from sums, so the time a report takes grows with days and not with charges."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._writer = writer(engine)
        self._reader = reader(engine)

    async def costs(self, dimension: Dimension, days: Days) -> Sequence[tuple[DayKey, DaySum]]:
        """Return the sums of a dimension, over all of the days but where it is the days."""
        row = DayRow
        columns = (row.day,) if dimension is Dimension.DAY else (row.name, row.number)
        # More columns than the library has overloads for.
        selected: list[Any] = [*columns, *_SUMS]
        there = row.dimension == dimension, row.day.between(*days)
        query = select(*selected).where(*there).group_by(*columns)
        async with guarded(SERVICE), self._reader.connect() as connection:
            rows = (await connection.execute(query)).all()
        # PostgreSQL adds up to decimals.
        if dimension is Dimension.DAY:
            return [(DayKey(dimension, row[0]), DaySum(*map(int, row[1:]))) for row in rows]
        return [(DayKey(dimension, 0, row[0], row[1]), DaySum(*map(int, row[2:]))) for row in rows]

    async def performance(self, provider_id: int, days: Days) -> Performance:
        """Return what an instance's reports need."""
        first, last = days.first * 24, days.last * 24 + 23
        hours = select(
            HourRow.hour, HourRow.successes, HourRow.failures, HourRow.duration_ms_sum
        ).where(HourRow.provider_id == provider_id, HourRow.hour.between(first, last))
        bucket = HourBucketRow
        buckets = (
            select(bucket.bucket, func.sum(bucket.attempts))
            .where(bucket.provider_id == provider_id, bucket.hour.between(first, last))
            .group_by(bucket.bucket)
        )
        total = select(*(func.coalesce(column, 0) for column in _SUMS)).where(
            DayRow.dimension == Dimension.PROVIDER,
            DayRow.number == provider_id,
            DayRow.day.between(*days),
        )
        async with guarded(SERVICE), self._reader.connect() as connection:
            found = await connection.execute(hours.order_by(HourRow.hour))
            by_hour = {row.hour: HourSum(*row[1:]) for row in found}
            counts = Counter({row[0]: int(row[1]) for row in await connection.execute(buckets)})
            sums = (await connection.execute(total)).one()
        return Performance(by_hour, counts, DaySum(*map(int, sums)))

    async def provider_names(self) -> dict[int, str]:
        """Return what instances were last called, by id."""
        query = select(ProviderNameRow.id, ProviderNameRow.name)
        async with guarded(SERVICE), self._reader.connect() as connection:
            return dict((await connection.execute(query)).all())

    async def remember_names(self, names: Mapping[int, str]) -> None:
        """Keep the names of instances for when they are gone."""
        rows = [{"id": number, "name": names[number]} for number in sorted(names)]
        if not rows:
            return
        async with guarded(SERVICE), self._writer.begin() as connection:
            insert = insert_into(connection.dialect, ProviderNameRow)
            statement = insert.on_conflict_do_update(
                index_elements=["id"], set_={"name": insert.excluded.name}
            )
            await connection.execute(statement, rows)


_SUMS: tuple[ColumnElement[int], ...] = (
    func.sum(DayRow.cost),
    func.sum(DayRow.requests),
    func.sum(DayRow.unpriced_requests),
    func.sum(DayRow.input_tokens),
    func.sum(DayRow.output_tokens),
)
