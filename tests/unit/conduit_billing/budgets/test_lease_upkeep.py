"""When leases end that nobody renews."""

from sqlalchemy.ext.asyncio import AsyncEngine
from tests.integration.billing.conftest import Clock

from conduit_billing.budgets.lease_store import LEASE_MICROS, LeaseRequest, LeaseStore
from conduit_billing.budgets.lease_upkeep import LeaseUpkeep
from conduit_kernel.ids import IdSource

LEASE_SECONDS = LEASE_MICROS / 1_000_000


async def test_leases_that_ended_while_billing_was_away_may_be_renewed(engine: AsyncEngine) -> None:
    """Their routers could not be heard: a Billing that is back gives them a lease's time."""
    clock = Clock()
    leases = LeaseStore(engine, IdSource().next)
    request = LeaseRequest("0" * 26, 4, 1, 1, 0)
    await leases.acquire(request, (), int(clock() * 1e6))
    clock.now += 10 * LEASE_SECONDS
    upkeep = LeaseUpkeep(leases, clock)
    await upkeep.expire()
    assert await leases.renew([request.id], int(clock() * 1e6)) == []
    clock.now += LEASE_SECONDS + 1
    await upkeep.expire()
    assert await leases.renew([request.id], int(clock() * 1e6)) == [request.id]


async def test_leases_that_ended_long_ago_are_forgotten(engine: AsyncEngine) -> None:
    """The id of one is free again then, as no router makes it twice."""
    clock = Clock()
    leases = LeaseStore(engine, IdSource().next)
    request = LeaseRequest("0" * 26, 4, 1, 1, 0)
    await leases.acquire(request, (), int(clock() * 1e6))
    await leases.release(request.id, 0, int(clock() * 1e6))
    upkeep = LeaseUpkeep(leases, clock)
    await upkeep.forget()
    later = int(clock() * 1e6) + 5
    assert (await leases.acquire(request, (), later)).expires_at < later + LEASE_MICROS
    clock.now += 8 * 86_400
    await upkeep.forget()
    later = int(clock() * 1e6)
    assert (await leases.acquire(request, (), later)).expires_at == later + LEASE_MICROS
