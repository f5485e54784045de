"""When quotas end that nobody renews."""

from sqlalchemy.ext.asyncio import AsyncEngine
from tests.integration.billing.conftest import Clock

from conduit.internal.v1.quota_service_pb2 import QUOTA_METRIC_CONCURRENT_REQUESTS
from conduit_billing.quotas.store import LASTS_MICROS, QuotaRequest, QuotaStore
from conduit_billing.quotas.upkeep import QuotaUpkeep

LASTS_SECONDS = LASTS_MICROS / 1_000_000


async def test_quotas_that_ended_while_billing_was_away_may_be_renewed(engine: AsyncEngine) -> None:
    """Their routers could not be heard: a Billing that is back gives them their time."""
    clock = Clock()
    quotas = QuotaStore(engine)
    request = QuotaRequest("0" * 26, 4, QUOTA_METRIC_CONCURRENT_REQUESTS, 1, 1, 0)
    await quotas.acquire(request, (), int(clock() * 1e6))
    clock.now += 10 * LASTS_SECONDS
    upkeep = QuotaUpkeep(quotas, clock)
    await upkeep.expire()
    assert await quotas.renew([request.id], int(clock() * 1e6)) == []
    clock.now += LASTS_SECONDS + 1
    await upkeep.expire()
    assert await quotas.renew([request.id], int(clock() * 1e6)) == [request.id]
