"""Routers that die between reserve and settle: nothing is lost, doubled, stuck or exceeded."""

import asyncio
import random
from collections.abc import AsyncIterator

import pytest
from tests.integration.billing.conftest import Bench
from tests.support.budgets import MICRO, BudgetBench

from conduit.v1 import budget_pb2 as pb
from conduit_billing.bootstrap import MIGRATIONS, SERVICE
from conduit_billing.budgets.accounts import Balance
from conduit_billing.budgets.lease_grants import LeaseRequest
from conduit_billing.budgets.lease_store import LEASE_MICROS, Lease
from conduit_billing.ledger.charges import PostedCharge
from conduit_kernel.database import open_database
from conduit_kernel.errors import BudgetExceeded
from conduit_router.routing.policy import UsagePolicy
from conduit_router.routing.table import Caller
from conduit_router.spending.lease_pool import LeasePool
from conduit_router.spending.leases import Grant

LIMIT = 5_000
ROUNDS = 25
CALLER = Caller(
    4, is_enabled=True, expires_at=1e18, allowed=None, usage=UsagePolicy(has_budget=True)
)


@pytest.fixture
async def ledger(bench: Bench) -> AsyncIterator[BudgetBench]:
    """Return a ledger with a budget."""
    engine = await open_database(bench.settings, SERVICE, MIGRATIONS)
    made = BudgetBench(engine)
    made.give(4, pb.Budget(limit_nano_usd=LIMIT, period=pb.BUDGET_PERIOD_TOTAL))
    yield made
    await engine.dispose()


class LedgerLeases:
    """Leases of a ledger, without a network between it and a router."""

    def __init__(self, ledger: BudgetBench) -> None:
        self._ledger = ledger

    async def acquire(
        self, name: str, virtual_key_id: int, least: int, amount: int, spare: int
    ) -> Grant:
        """Return a lease."""
        ledger, request = self._ledger, LeaseRequest(name, virtual_key_id, least, amount, spare)
        lease = await ledger.leases.acquire(request, ledger.windows(), ledger.now)
        return Grant(lease.amount, lease.usable_for / MICRO, LEASE_MICROS / MICRO)

    async def renew(self, names: list[str]) -> list[str]:
        """Put off the deadline of leases."""
        return await self._ledger.leases.renew(names, self._ledger.now)

    async def release(self, name: str, spent: int, left: int) -> None:
        """Give back a lease."""
        await self._ledger.leases.release(name, spent, self._ledger.now)


class Worker:
    """A router that makes calls, and may die at any of their awaits; its spool outlives it."""

    def __init__(self, ledger: BudgetBench, chance: random.Random) -> None:
        self._ledger = ledger
        self._chance = chance
        self.spool: list[PostedCharge] = []
        self.passed = 0
        self._calls: list[asyncio.Task[None]] = []
        self._begin()

    def _begin(self) -> None:
        leases, ids = LedgerLeases(self._ledger), self._ledger.ids
        self.budgets = LeasePool(leases, ids.next, lambda: self._ledger.now / MICRO)

    def begin_calls(self, count: int) -> None:
        """Begin some calls."""
        self._calls += [asyncio.create_task(self._call()) for _ in range(count)]

    async def _call(self) -> None:
        amount = self._chance.randrange(1, 60)
        try:
            reservation = await self.budgets.acquire(CALLER, amount)
        except BudgetExceeded:
            return
        self.passed += 1
        for _ in range(self._chance.randrange(4)):
            await asyncio.sleep(0)
        # From here on the charge is on the disk.
        reservation.spent = self._chance.randrange(amount + 1)
        if reservation.spent:
            lease = Lease(reservation.source.id, 4, 0, 0, 0)
            self.spool.append(self._ledger.charge(reservation.spent, lease))
        await asyncio.sleep(0)
        reservation.end()

    async def die(self) -> None:
        """Die at once, with all that was in memory, and start anew."""
        for call in self._calls:
            call.cancel()
        await asyncio.gather(*self._calls, return_exceptions=True)
        self._calls = []
        self._begin()

    async def rest(self) -> None:
        """Wait for the calls under way, and look after the leases."""
        await asyncio.gather(*self._calls)
        self._calls = []
        await self.budgets.keep()


@pytest.mark.parametrize("seed", range(3))
async def test_routers_that_die_lose_nothing_and_hold_nothing_up(
    ledger: BudgetBench, seed: int
) -> None:
    """Three of them at random moments; spools come late, and some charges twice."""
    chance = random.Random(seed)  # noqa: S311 # the same each time
    workers = [Worker(ledger, chance) for _ in range(3)]
    charged: dict[str, int] = {}
    for _ in range(ROUNDS):
        for worker in workers:
            worker.begin_calls(chance.randrange(8))
        for _ in range(chance.randrange(30)):
            await asyncio.sleep(0.0005)
        for worker in workers:
            await (worker.die() if chance.random() < 0.4 else worker.rest())
        for worker in workers:
            if chance.random() < 0.6:
                charged |= {each.id: each.cost or 0 for each in worker.spool}
                await ledger.record(*worker.spool)
                worker.spool = chance.sample(worker.spool, len(worker.spool) // 3)
        ledger.now += chance.randrange(LEASE_MICROS // 8)
        (balance,) = await ledger.balances()
        assert balance.left >= 0
    for worker in workers:
        await worker.rest()
        charged |= {each.id: each.cost or 0 for each in worker.spool}
        await ledger.record(*worker.spool)
    ledger.now += LEASE_MICROS
    await ledger.leases.expire(ledger.now)
    (balance,) = await ledger.balances()
    assert sum(worker.passed for worker in workers) > ROUNDS
    spent = sum(charged.values())
    assert balance == Balance(LIMIT - spent, 0, spent)
    assert await ledger.breaches() == []
