"""Deliveries of many routers are stored together."""

import asyncio

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.billing import NOW, charge

from conduit_billing.ledger.charges import PostedCharge, read_charge
from conduit_billing.ledger.group_commit import ENOUGH_CHARGES, Delivery, GroupCommit
from conduit_billing.ledger.store import LedgerStore
from conduit_kernel.errors import ServiceUnavailable

MICROS = NOW * 1_000_000
# Longer than any test: what waits for it waits for ever.
LONG_SECONDS = 3_600.0


class Bench:
    """A ledger, and the transactions that wrote to it."""

    def __init__(self, engine: AsyncEngine) -> None:
        self.engine = engine
        self.store = LedgerStore(engine)
        self.writes = 0
        sa.event.listen(engine.sync_engine, "before_cursor_execute", self._note)

    def gatherer(self, seconds: float = LONG_SECONDS) -> GroupCommit:
        """Return one that gathers for so long."""
        return GroupCommit(self.store, seconds)

    def _note(self, *told: object) -> None:
        self.writes += str(told[2]).startswith("INSERT INTO billing_charges")


@pytest.fixture
def bench(engine: AsyncEngine) -> Bench:
    """Return an empty ledger."""
    return Bench(engine)


def made(**fields: object) -> PostedCharge:
    """Return a charge as the ledger has it."""
    return read_charge(charge(**fields), "charge")  # type: ignore[arg-type] # whichever a test names


def delivery(*charges: PostedCharge) -> Delivery:
    """Return what a router delivers."""
    return Delivery(charges, (), MICROS)


async def test_what_comes_alone_is_stored_at_once(bench: Bench) -> None:
    """Nobody waits for others who are not there."""
    assert await bench.gatherer().record(delivery(made())) == 1


async def test_what_comes_after_a_transaction_is_gathered(bench: Bench) -> None:
    """Until there is enough for another; each router hears what of its own was new."""
    gatherer, again = bench.gatherer(), made()
    await gatherer.record(delivery(again))
    small = [gatherer.record(delivery(made(), again)) for _ in range(3)]
    waiting = asyncio.gather(*small, gatherer.record(delivery()))
    await asyncio.sleep(0)
    large = delivery(*[made() for _ in range(ENOUGH_CHARGES)])
    assert await gatherer.record(large) == ENOUGH_CHARGES
    assert await waiting == [1, 1, 1, 0]
    assert bench.writes <= 3


async def test_what_is_not_enough_waits_no_longer_than_said(bench: Bench) -> None:
    """However little it is."""
    gatherer = bench.gatherer(0.001)
    for _ in range(3):
        assert await gatherer.record(delivery(made())) == 1


async def test_a_charge_of_two_routers_is_new_to_one(bench: Bench) -> None:
    """Delivered at once, too."""
    gatherer, same = bench.gatherer(0.0), delivery(made(), made())
    assert sum(await asyncio.gather(*(gatherer.record(same) for _ in range(4)))) == 2


async def test_what_cannot_be_stored_keeps_nothing_else_out(bench: Bench) -> None:
    """Each of those with which it came is tried by itself."""
    gatherer = bench.gatherer(0.0)
    impossible = made()._replace(occurred_at=2**70)
    results = await asyncio.gather(
        *(gatherer.record(delivery(each)) for each in (made(), impossible, made(), made())),
        return_exceptions=True,
    )
    assert [result for result in results if result != 1] == [results[1]]
    assert isinstance(results[1], OverflowError)
    assert len(await bench.store.charges(limit=9)) == 3


async def test_a_database_that_is_away_is_asked_once_for_all(bench: Bench) -> None:
    """All are told, and may come again."""
    gatherer = bench.gatherer(0.0)
    async with bench.engine.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE billing_charges RENAME TO away")
    deliveries = [delivery(made()) for _ in range(5)]
    results = await asyncio.gather(
        *(gatherer.record(each) for each in deliveries), return_exceptions=True
    )
    assert [type(result) for result in results] == [ServiceUnavailable] * 5
    async with bench.engine.begin() as connection:
        await connection.exec_driver_sql("ALTER TABLE away RENAME TO billing_charges")
    assert await asyncio.gather(*(gatherer.record(each) for each in deliveries)) == [1] * 5


async def test_a_router_that_is_gone_keeps_nobody_waiting(bench: Bench) -> None:
    """Whoever was to store for the others may be cancelled at any moment of it."""
    for patience in range(30):
        gatherer = bench.gatherer(0.0)
        first = asyncio.ensure_future(gatherer.record(delivery(made())))
        others = [asyncio.ensure_future(gatherer.record(delivery(made()))) for _ in range(3)]
        for _ in range(patience):
            await asyncio.sleep(0)
        first.cancel()
        assert await asyncio.gather(*others) == [1, 1, 1]
        await asyncio.wait([first])
