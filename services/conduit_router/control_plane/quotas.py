"""Asks Billing for parts of the limits of virtual keys."""

from collections.abc import Callable
from typing import TYPE_CHECKING

import grpc

from conduit.internal.v1.ledger_service_pb2_grpc import LedgerServiceStub
from conduit.internal.v1.quota_service_pb2 import (
    QUOTA_METRIC_CONCURRENT_REQUESTS,
    QUOTA_METRIC_REQUESTS,
    QUOTA_METRIC_TOKENS,
    AcquireQuotaRequest,
    ReleaseQuotaRequest,
    RenewQuotasRequest,
)
from conduit.internal.v1.quota_service_pb2_grpc import QuotaServiceStub
from conduit_router.control_plane.leases import LeaseClient, checked, told_by_billing
from conduit_router.spending.lease_pool import Leases
from conduit_router.spending.leases import Grant
from conduit_router.spending.reserver import BUDGET, CONCURRENT
from conduit_router.spending.standing import REQUESTS, TOKENS

if TYPE_CHECKING:
    # Exists for type checkers only.
    from conduit.internal.v1.quota_service_pb2_grpc import QuotaServiceAsyncStub

_METRICS = {
    REQUESTS: QUOTA_METRIC_REQUESTS,
    TOKENS: QUOTA_METRIC_TOKENS,
    CONCURRENT: QUOTA_METRIC_CONCURRENT_REQUESTS,
}
# A call waits for it: to give up sooner would let more pass wherever Billing is slow.
ACQUIRE_SECONDS = 5.0
KEEP_SECONDS = 5.0


class QuotaClient:
    """Acquires, renews and gives back quotas of one metric."""

    def __init__(
        self, stub: "QuotaServiceAsyncStub", metadata: tuple[tuple[str, str], ...], metric: str
    ) -> None:
        self._stub = stub
        self._metadata = metadata
        self._metric = _METRICS[metric]
        # What was not used is of use to others; what was used, the minute's end gives back.
        self._is_given_back_whole = metric == CONCURRENT

    async def acquire(  # as the RPC has it
        self, name: str, virtual_key_id: int, least: int, amount: int, spare: int
    ) -> Grant:
        """Return a quota. The ConduitError of Billing, or of its absence, if there is none."""
        request = AcquireQuotaRequest(
            quota_id=name,
            virtual_key_id=virtual_key_id,
            metric=self._metric,
            least=least,
            amount=amount,
            spare=spare,
        )
        with told_by_billing():
            answer = await self._stub.AcquireQuota(
                request, metadata=self._metadata, timeout=ACQUIRE_SECONDS
            )
        grant = Grant(
            answer.amount,
            answer.usable_for.ToMicroseconds() / 1e6,
            answer.lasts_for.ToMicroseconds() / 1e6,
            answer.limit,
            answer.remaining,
            answer.resets_after.ToMicroseconds() / 1e6,
        )
        return checked(grant, least)

    async def renew(self, names: list[str]) -> list[str]:
        """Put off the deadline of quotas; return those that are no more. Raises likewise."""
        with told_by_billing():
            answer = await self._stub.RenewQuotas(
                RenewQuotasRequest(quota_ids=names), metadata=self._metadata, timeout=KEEP_SECONDS
            )
        return [each for each in names if each in frozenset(answer.ended_quota_ids)]

    async def release(self, name: str, spent: int, left: int) -> None:
        """Give back a quota, unless nothing is left that others may use. Raises likewise."""
        if not left and not self._is_given_back_whole:
            return
        request = ReleaseQuotaRequest(quota_id=name, used=spent)
        with told_by_billing():
            await self._stub.ReleaseQuota(request, metadata=self._metadata, timeout=KEEP_SECONDS)


def lease_clients(
    billing: grpc.aio.Channel, metadata: tuple[tuple[str, str], ...]
) -> Callable[[str], Leases]:
    """Return what makes the client of budgets, or of a limit."""
    budgets = LeaseClient(LedgerServiceStub(billing), metadata)
    quotas = QuotaServiceStub(billing)
    return lambda metric: budgets if metric == BUDGET else QuotaClient(quotas, metadata, metric)
