"""Budgets that several routers spend at once, on both databases: they cover so many calls."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from itertools import cycle
from typing import cast

import pytest
import sqlalchemy as sa
from sqlalchemy.pool import QueuePool
from tests.integration.billing.conftest import Bench, configuration
from tests.support.billing import SERVICE_METADATA, BillingStub, knows_providers
from tests.support.budgets import BudgetBench

from conduit.internal.v1.quota_service_pb2 import QUOTA_METRIC_REQUESTS
from conduit.internal.v1.snapshot_pb2 import Snapshot, SnapshotVirtualKey
from conduit.v1.budget_pb2 import BUDGET_PERIOD_MONTH, Budget
from conduit.v1.virtual_key_pb2 import VirtualKey
from conduit_billing import bootstrap
from conduit_billing.bootstrap import MIGRATIONS, SERVICE
from conduit_billing.budgets.accounts import Balance
from conduit_billing.quotas.limits import Limit
from conduit_billing.quotas.store import QuotaRequest, QuotaStore
from conduit_kernel.database import open_database
from conduit_kernel.errors import BudgetExceeded, ServiceUnavailable
from conduit_kernel.ids import IdSource
from conduit_kernel.rpc import HostedService, connect
from conduit_router.control_plane.quotas import lease_clients
from conduit_router.routing.policy import UsagePolicy
from conduit_router.routing.table import Caller
from conduit_router.spending.purse import Needs, Reserved
from conduit_router.spending.reserver import BUDGET, Reserver

USAGE = UsagePolicy(has_budget=True)
CALLER = Caller(4, is_enabled=True, expires_at=1e18, allowed=None, usage=USAGE)
COST = 1_000
ROUTERS = 3
CALLS = 200


def with_budget(calls: int) -> Snapshot:
    """Return a configuration of a key whose budget covers so many calls."""
    budget = Budget(limit_nano_usd=calls * COST, period=BUDGET_PERIOD_MONTH)
    made = configuration({1: "known"})
    key = VirtualKey(id=4, name="k", is_enabled=True, budgets=[budget])
    made.virtual_keys.append(SnapshotVirtualKey(virtual_key=key))
    return made


def router(port: int) -> Reserver:
    """Return what a router holds, whose Billing is at a port."""
    clients = lease_clients(connect(f"127.0.0.1:{port}"), SERVICE_METADATA)
    return Reserver(clients, IdSource().next, asyncio.get_running_loop().time)


@asynccontextmanager
async def started(bench: Bench, port: int = 0) -> AsyncIterator[HostedService]:
    """Run Billing for as long as this lasts."""
    process = await bootstrap.start(bench.settings, bench.catalog, clock=bench.clock, port=port)
    channel = connect(f"127.0.0.1:{process.port}")
    await knows_providers(BillingStub(channel))
    await channel.close()
    try:
        yield process
    finally:
        await process.drain(0)


async def insist(router: Reserver) -> Reserved | None:
    """Reserve for a call until Billing can be asked; None if the budget has no room for it."""
    while True:
        try:
            return await router.take(CALLER, USAGE, Needs(cost=COST), 5.0)
        except BudgetExceeded:
            return None
        except ServiceUnavailable:
            await asyncio.sleep(0.05)


async def test_many_keys_at_once_take_one_connection(bench: Bench) -> None:
    """At the beginning of a period as at any time, and to give back: nobody waits for a pool."""
    engine = await open_database(bench.settings, SERVICE, MIGRATIONS)
    most = [0]

    def note(*_: object) -> None:
        most[0] = max(most[0], cast("QueuePool", engine.pool).checkedout())

    sa.event.listen(engine.sync_engine, "checkout", note)
    budgets, quotas = BudgetBench(engine), QuotaStore(engine)
    keys = range(1, 301)
    for key in keys:
        budgets.give(key, Budget(limit_nano_usd=50 * COST, period=BUDGET_PERIOD_MONTH))
    leases = await asyncio.gather(*(budgets.acquire(COST, virtual_key_id=key) for key in keys))
    assert {lease.amount for lease in leases} == {COST}
    limits = {key: (Limit(f"virtual-key:{key}", "This virtual key", 9),) for key in keys}
    wishes = [QuotaRequest(budgets.ids.next(), key, QUOTA_METRIC_REQUESTS, 1, 1, 0) for key in keys]
    await asyncio.gather(
        *(quotas.acquire(wish, limits[wish.virtual_key_id], budgets.now) for wish in wishes)
    )
    assert most == [1]
    await asyncio.gather(*(budgets.leases.release(lease.id, 0, budgets.now) for lease in leases))
    await asyncio.gather(*(quotas.release(wish.id, 0) for wish in wishes))
    assert most == [1]
    assert await budgets.balances(300) == [Balance(50 * COST, 0, 0)]
    assert await budgets.breaches() == []
    used = await quotas.used(limits[300], QUOTA_METRIC_REQUESTS, budgets.now)
    assert used == {"virtual-key:300": 0}
    await engine.dispose()


@pytest.mark.parametrize("calls", [1, 50])
async def test_as_many_calls_pass_as_the_budget_covers(bench: Bench, calls: int) -> None:
    """Of two hundred at once at three routers, exactly so many."""
    bench.registry.replace(with_budget(calls))
    async with started(bench) as process:
        routers = [router(process.port) for _ in range(ROUTERS)]
        asked = [insist(each) for each, _ in zip(cycle(routers), range(CALLS), strict=False)]
        passed = Counter(each is not None for each in await asyncio.gather(*asked))
        assert passed == {True: calls, False: CALLS - calls}


async def test_as_many_pass_while_billing_restarts(bench: Bench) -> None:
    """Never more; what was granted in an answer that was lost is given back, and passes then."""
    calls = 20
    bench.registry.replace(with_budget(calls))
    async with started(bench) as process:
        port = process.port
        routers = [router(port) for _ in range(ROUTERS)]
        asked = [
            asyncio.create_task(insist(each))
            for each, _ in zip(cycle(routers), range(60), strict=False)
        ]
        await asyncio.wait(asked, return_when=asyncio.FIRST_COMPLETED)
    async with started(bench, port):
        passed = sum(each is not None for each in await asyncio.gather(*asked))
        assert passed <= calls
        async with asyncio.timeout(60):
            while passed < calls:
                for each in routers:
                    with suppress(ServiceUnavailable):
                        await each.pools[BUDGET].keep()
                    passed += await insist(each) is not None
        assert [await insist(each) for each in routers] == [None] * ROUTERS
