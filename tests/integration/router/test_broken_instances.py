"""A configuration with instances that cannot be used, at a whole router."""

import pytest
from tests.integration.router.conftest import Runner, instances, text
from tests.support.snapshots import ALIAS

from conduit.v1 import decision_pb2
from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.provider_pb2 import ProviderSecurity
from conduit_kernel.errors import NoProviderAvailable

MASTER = (("x-master-key", "master"),)


async def test_router_serves_by_the_usable_instances(bench: Runner, upstream: str) -> None:
    """It starts, and says of each of the others why it is left out."""
    source = instances(upstream, "ok", "ok", "ok")
    source.providers[0].provider_type = "Withdrawn"
    security = ProviderSecurity(allowed_ips=["10.0.0.0/99"])
    source.providers[1].security.CopyFrom(security)
    router = await bench(source)
    assert text(await router.chat())
    answer = await router.stub.ExplainRoute(pb.ExplainRouteRequest(model=ALIAS), MASTER)
    assert [c.provider_id for c in answer.decision.candidates] == [3]
    assert {r.provider_id: r.reason for r in answer.decision.rejections} == {
        1: decision_pb2.REJECTION_REASON_TYPE_UNKNOWN,
        2: decision_pb2.REJECTION_REASON_MISCONFIGURED,
    }


async def test_call_says_what_is_wrong_with_the_only_instance(bench: Runner, upstream: str) -> None:
    """The type is named that this version does not know."""
    source = instances(upstream, "ok")
    source.providers[0].provider_type = "Withdrawn"
    router = await bench(source)
    with pytest.raises(NoProviderAvailable, match="There is no provider type 'Withd"):
        await router.chat()
