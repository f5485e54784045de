"""What a router says to Billing of quotas."""

from typing import Any

import pytest
from tests.support.scripted_service import serve_rpcs

from conduit.internal.v1 import quota_service_pb2 as pb
from conduit_kernel.errors import RateLimited
from conduit_kernel.rpc.status import status_of
from conduit_router.control_plane.quotas import lease_clients
from conduit_router.spending.leases import Grant
from conduit_router.spending.reserver import CONCURRENT
from conduit_router.spending.standing import TOKENS

SERVICE = pb.DESCRIPTOR.services_by_name["QuotaService"]


class Billing:
    """Notes what it is asked."""

    def __init__(self) -> None:
        self.asked: list[object] = []
        self.refuses = False

    async def acquire(
        self,
        request: pb.AcquireQuotaRequest,
        context: Any,  # noqa: ANN401 # of the library
    ) -> pb.AcquireQuotaResponse:
        """Deal out a quota."""
        self.asked.append(request)
        if self.refuses:
            await context.abort_with_status(status_of(RateLimited("no", metric="tokens")))
        answer = pb.AcquireQuotaResponse(amount=70, limit=100, remaining=30)
        answer.usable_for.FromMilliseconds(1_500)
        answer.lasts_for.FromSeconds(120)
        answer.resets_after.FromSeconds(2)
        return answer

    async def renew(self, request: pb.RenewQuotasRequest, _: object) -> pb.RenewQuotasResponse:
        """Know the first one no more."""
        self.asked.append(request)
        return pb.RenewQuotasResponse(ended_quota_ids=request.quota_ids[:1])

    async def release(self, request: pb.ReleaseQuotaRequest, _: object) -> pb.ReleaseQuotaResponse:
        """Take it back."""
        self.asked.append(request)
        return pb.ReleaseQuotaResponse()


async def test_quotas_are_asked_for_renewed_and_given_back() -> None:
    """With all that Billing must know, and nothing that it need not."""
    billing = Billing()
    async with serve_rpcs(
        SERVICE,
        AcquireQuota=billing.acquire,
        RenewQuotas=billing.renew,
        ReleaseQuota=billing.release,
    ) as channel:
        client_of = lease_clients(channel, ())
        tokens, places = client_of(TOKENS), client_of(CONCURRENT)
        assert await tokens.acquire("q", 4, 10, 20, 30) == Grant(70, 1.5, 120.0, 100, 30, 2.0)
        assert await tokens.renew(["a", "b"]) == ["a"]
        await tokens.release("q", 7, 63)
        await tokens.release("r", 70, 0)
        await places.release("s", 0, 0)
        billing.refuses = True
        with pytest.raises(RateLimited):
            await places.acquire("p", 4, 1, 1, 0)
    assert billing.asked == [
        pb.AcquireQuotaRequest(
            quota_id="q",
            virtual_key_id=4,
            metric=pb.QUOTA_METRIC_TOKENS,
            least=10,
            amount=20,
            spare=30,
        ),
        pb.RenewQuotasRequest(quota_ids=["a", "b"]),
        pb.ReleaseQuotaRequest(quota_id="q", used=7),
        pb.ReleaseQuotaRequest(quota_id="s"),
        pb.AcquireQuotaRequest(
            quota_id="p",
            virtual_key_id=4,
            metric=pb.QUOTA_METRIC_CONCURRENT_REQUESTS,
            least=1,
            amount=1,
        ),
    ]
