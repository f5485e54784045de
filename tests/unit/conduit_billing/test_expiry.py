"""When what routers hold ends that nobody renews."""

from sqlalchemy.ext.asyncio import AsyncEngine
from structlog.testing import capture_logs
from tests.integration.billing.conftest import Clock

from conduit.internal.v1.quota_service_pb2 import QUOTA_METRIC_CONCURRENT_REQUESTS
from conduit_billing.budgets.lease_grants import LeaseRequest
from conduit_billing.budgets.lease_store import LEASE_MICROS, LeaseStore
from conduit_billing.expiry import Expiry
from conduit_billing.quotas.store import LASTS_MICROS, QuotaRequest, QuotaStore
from conduit_kernel.ids import IdSource


async def test_leases_that_ended_while_billing_was_away_may_be_renewed(engine: AsyncEngine) -> None:
    """Their routers could not be heard: a Billing that is back gives them a lease's time."""
    clock = Clock()
    leases = LeaseStore(engine, IdSource().next)
    request = LeaseRequest("0" * 26, 4, 1, 1, 0)
    await leases.acquire(request, (), int(clock() * 1e6))
    clock.now += 10 * LEASE_MICROS / 1e6
    expiry = Expiry(leases.expire, LEASE_MICROS, clock, "leases_expired")
    await expiry.run()
    assert await leases.renew([request.id], int(clock() * 1e6)) == []
    clock.now += LEASE_MICROS / 1e6 + 1
    with capture_logs() as logs:
        await expiry.run()
        await expiry.run()
    assert await leases.renew([request.id], int(clock() * 1e6)) == [request.id]
    assert [(each["event"], each["count"]) for each in logs] == [("leases_expired", 1)]


async def test_so_may_quotas(engine: AsyncEngine) -> None:
    """Of those that are renewed at all: places among the calls under way."""
    clock = Clock()
    quotas = QuotaStore(engine)
    request = QuotaRequest("0" * 26, 4, QUOTA_METRIC_CONCURRENT_REQUESTS, 1, 1, 0)
    await quotas.acquire(request, (), int(clock() * 1e6))
    clock.now += 10 * LASTS_MICROS / 1e6
    expiry = Expiry(quotas.expire, LASTS_MICROS, clock, "quotas_expired")
    await expiry.run()
    assert await quotas.renew([request.id], int(clock() * 1e6)) == []
    clock.now += LASTS_MICROS / 1e6 + 1
    await expiry.run()
    assert await quotas.renew([request.id], int(clock() * 1e6)) == [request.id]
