"""How parts of limits are dealt out to routers."""

import asyncio
from typing import Any

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine
from tests.support.billing import NOW

from conduit.internal.v1 import quota_service_pb2 as pb
from conduit.internal.v1.snapshot_pb2 import Snapshot, SnapshotVirtualKey
from conduit.v1.usage_limits_pb2 import UsageLimits
from conduit.v1.virtual_key_pb2 import VirtualKey
from conduit_billing.quota_service import PATIENCE_SECONDS, QuotaService
from conduit_billing.quotas.limits import Limits
from conduit_billing.quotas.store import QuotaStore
from conduit_kernel.errors import InvalidRequest, RateLimited
from conduit_kernel.ids import IdSource
from conduit_kernel.snapshot import SnapshotState

IDS = IdSource()
PLACES, TOKENS = pb.QUOTA_METRIC_CONCURRENT_REQUESTS, pb.QUOTA_METRIC_TOKENS
CONTEXT: Any = None


@pytest.fixture
def service(engine: AsyncEngine) -> QuotaService:
    """Return the service for a key with limits of one."""
    limits = UsageLimits(requests_per_minute=1, tokens_per_minute=1, concurrent_requests=1)
    key = SnapshotVirtualKey(virtual_key=VirtualKey(id=4, usage_limits=limits))
    state = SnapshotState.of(Snapshot(epoch="e", virtual_keys=[key]))
    return QuotaService(QuotaStore(engine), Limits(state), lambda: float(NOW))


def asked(metric: pb.QuotaMetric.ValueType = PLACES, **fields: Any) -> pb.AcquireQuotaRequest:  # noqa: ANN401 # its own
    """Return a router's request."""
    usual: dict[str, Any] = {"quota_id": IDS.next(), "virtual_key_id": 4, "least": 1, "amount": 1}
    return pb.AcquireQuotaRequest(metric=metric, **(usual | fields))


@pytest.mark.parametrize("metric", [PLACES, TOKENS])
async def test_what_another_router_is_just_giving_back_is_waited_for(
    service: QuotaService, metric: pb.QuotaMetric.ValueType
) -> None:
    """A caller who makes one call after the other must not be refused for where they arrive."""
    first = asked(metric)
    await service.AcquireQuota(first, CONTEXT)
    second = asyncio.create_task(service.AcquireQuota(asked(metric), CONTEXT))
    await asyncio.sleep(0)
    await service.ReleaseQuota(pb.ReleaseQuotaRequest(quota_id=first.quota_id), CONTEXT)
    assert (await second).amount == 1


async def test_what_is_not_given_back_is_refused_after_a_moment(service: QuotaService) -> None:
    """A call must not wait for others to end; what was called in this minute is refused at once."""
    await service.AcquireQuota(asked(), CONTEXT)
    loop = asyncio.get_running_loop()
    began = loop.time()
    with pytest.raises(RateLimited):
        await service.AcquireQuota(asked(), CONTEXT)
    assert loop.time() - began >= PATIENCE_SECONDS * 0.9
    await service.AcquireQuota(asked(pb.QUOTA_METRIC_REQUESTS), CONTEXT)
    with pytest.raises(RateLimited):
        await service.AcquireQuota(asked(pb.QUOTA_METRIC_REQUESTS), CONTEXT)


async def test_a_quota_is_renewed_as_long_as_it_is_known(service: QuotaService) -> None:
    """Those that are no more are told."""
    first = asked()
    await service.AcquireQuota(first, CONTEXT)
    renewal = pb.RenewQuotasRequest(quota_ids=[first.quota_id, "x"])
    answer = await service.RenewQuotas(renewal, CONTEXT)
    assert list(answer.ended_quota_ids) == ["x"]


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"quota_id": "x"}, "quotaId"),
        ({"metric": 0}, "metric"),
        ({"metric": 99}, "metric"),
        ({"virtual_key_id": 0}, "virtualKeyId"),
        ({"amount": 0}, "amount"),
        ({"amount": 2**62}, "amount"),
        ({"least": 0}, "least"),
        ({"least": 2}, "least"),
        ({"spare": -1}, "spare"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    service: QuotaService, fields: dict[str, Any], field: str
) -> None:
    """The error names the field."""
    with pytest.raises(InvalidRequest) as caught:
        await service.AcquireQuota(asked(**fields), CONTEXT)
    assert caught.value.metadata["field"] == field
