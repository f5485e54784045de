"""What the ledger keeps."""

import asyncio

import pytest
import sqlalchemy as sa
from google.protobuf.timestamp_pb2 import Timestamp
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.billing import DOLLAR, NOW, charge

from conduit.internal.v1.call_tally_pb2 import CallTally
from conduit_billing.ledger.attempt_stats import AttemptStats, read_attempt_stats
from conduit_billing.ledger.charge_filter import ChargeFilter
from conduit_billing.ledger.charges import PostedCharge, read_charge
from conduit_billing.ledger.days import Dimension
from conduit_billing.ledger.store import LedgerStore
from conduit_billing.tables import (
    AttemptStatsRow,
    ChargeRow,
    DayRow,
    EntryRow,
    HourBucketRow,
    HourRow,
    PostingRow,
)
from conduit_kernel.errors import ServiceUnavailable

MICROS = NOW * 1_000_000


@pytest.fixture
def ledger(engine: AsyncEngine) -> LedgerStore:
    """Return an empty ledger."""
    return LedgerStore(engine)


def made(**fields: object) -> PostedCharge:
    """Return a charge as the ledger has it."""
    return read_charge(charge(**fields), "charge")  # type: ignore[arg-type] # whichever a test names


def stats(name: str, seconds: int = NOW) -> AttemptStats:
    """Return statistics of two attempts."""
    tally = CallTally(
        id=name,
        started_at=Timestamp(seconds=seconds),
        provider_id=1,
        successes=1,
        failures=1,
        duration_buckets={10: 2},
        duration_ms_sum=50,
    )
    return read_attempt_stats(tally, "tally")


async def rows(engine: AsyncEngine, *columns: object) -> list[tuple[object, ...]]:
    """Return some columns of a table."""
    async with engine.connect() as connection:
        found = await connection.execute(sa.select(*columns))  # type: ignore[call-overload] # columns
        return [tuple(row) for row in found]


async def test_a_charge_reads_as_it_was_recorded(ledger: LedgerStore) -> None:
    """Lines in their order, qualifiers, and a price that is unknown."""
    told = charge(price=None, tokens=7, is_complete=False)
    told.lines.add(unit=told.lines[0].unit, quantity=3, nano_usd_per_million=5)
    told.qualifiers.update({"size": "1024x1024", "quality": "high"})
    read = read_charge(told, "charge")
    assert len(await ledger.record([read], [], MICROS)) == 1
    assert await ledger.charges(limit=9) == [read]


async def test_a_charge_counts_once_however_often_it_comes(
    ledger: LedgerStore, engine: AsyncEngine
) -> None:
    """In one delivery, in another, and beside new ones."""
    first, second = made(), made()
    assert len(await ledger.record([first, first], [], MICROS)) == 1
    assert len(await ledger.record([first, second], [], MICROS)) == 1
    assert len(await ledger.record([first, second], [], MICROS)) == 0
    found = await rows(engine, DayRow.dimension, DayRow.cost, DayRow.requests)
    assert found == [(dimension, 2 * DOLLAR, 2) for dimension in Dimension]
    assert len(await rows(engine, PostingRow.id)) == 2


async def test_charges_of_a_delivery_are_one_posting(
    ledger: LedgerStore, engine: AsyncEngine
) -> None:
    """Those that cost nothing, as far as is known, are in none."""
    dear, free, unknown = made(), made(tokens=0), made(price=None)
    assert len(await ledger.record([free, unknown], [], MICROS)) == 2
    assert await rows(engine, PostingRow.id) == []
    assert len(await ledger.record([dear, made()], [], MICROS)) == 2
    [(name,)] = await rows(engine, PostingRow.id)
    posted = set(await rows(engine, ChargeRow.id, ChargeRow.posting_id))
    assert posted >= {(dear.id, name), (free.id, None), (unknown.id, None)}
    assert sum(int(str(amount)) for (amount,) in await rows(engine, EntryRow.amount)) == 0


async def test_charges_are_listed_newest_first_by_what_was_asked_for(ledger: LedgerStore) -> None:
    """Older than one that is named; ids are in order of time."""
    one, two, three = made(request_id="r"), made(virtual_key_id=9), made(provider_id=2)
    await ledger.record([two, three, one], [], MICROS)
    assert [each.id for each in await ledger.charges(limit=2)] == [three.id, two.id]
    assert await ledger.charges(limit=2, before=two.id) == [one]
    assert await ledger.charges(limit=9, of=ChargeFilter(request_id="r")) == [one]
    assert await ledger.charges(limit=9, of=ChargeFilter(virtual_key_id=9)) == [two]
    assert await ledger.charges(limit=9, of=ChargeFilter(provider_id=2)) == [three]
    assert await ledger.charges(limit=9, of=ChargeFilter(provider_id=2, virtual_key_id=9)) == []


async def test_statistics_count_once_and_add_up_by_hour(
    ledger: LedgerStore, engine: AsyncEngine
) -> None:
    """Also those that come twice in a delivery."""
    await ledger.record([], [stats("a"), stats("b"), stats("a")], MICROS)
    await ledger.record([], [stats("a"), stats("c")], MICROS)
    assert await rows(engine, HourRow.successes, HourRow.failures, HourRow.duration_ms_sum) == [
        (3, 3, 150)
    ]
    assert await rows(engine, HourBucketRow.bucket, HourBucketRow.attempts) == [(10, 6)]


async def test_statistics_are_forgotten_by_their_id_alone(
    ledger: LedgerStore, engine: AsyncEngine
) -> None:
    """What they came to stays."""
    await ledger.record([], [stats("old", NOW - 1), stats("new")], MICROS)
    await ledger.forget_attempt_stats(MICROS)
    assert await rows(engine, AttemptStatsRow.id) == [("new",)]
    assert await rows(engine, HourRow.successes) == [(1,), (1,)]


async def test_deliveries_at_once_count_each_charge_once(
    ledger: LedgerStore, engine: AsyncEngine
) -> None:
    """Writers take turns."""
    charges = [made() for _ in range(5)]
    new = await asyncio.gather(*(ledger.record(charges, [], MICROS) for _ in range(4)))
    assert sorted(map(len, new)) == [0, 0, 0, 5]
    assert await rows(engine, DayRow.requests) == [(5,)] * len(Dimension)


async def test_a_delivery_that_fails_leaves_nothing(
    ledger: LedgerStore, engine: AsyncEngine
) -> None:
    """The database fails after the charges were written: they are not there."""
    async with engine.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE billing_hours RENAME TO away")
    with pytest.raises(ServiceUnavailable):
        await ledger.record([made()], [stats("a")], MICROS)
    async with engine.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE away RENAME TO billing_hours")
    assert await ledger.charges(limit=9) == []
    assert await rows(engine, PostingRow.id) == []
    assert len(await ledger.record([made()], [stats("a")], MICROS)) == 1
