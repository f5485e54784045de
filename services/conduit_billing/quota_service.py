"""The QuotaService: deals out parts of limits to routers."""

import asyncio
from collections.abc import Callable, Sequence

from google.protobuf.duration_pb2 import Duration

from conduit.internal.v1 import quota_service_pb2 as pb
from conduit.internal.v1.quota_service_pb2_grpc import QuotaServiceServicer
from conduit_billing.ledger.charges import is_charge_id
from conduit_billing.money import MAX_QUANTITY
from conduit_billing.quotas.limits import FIELDS, Limit, Limits
from conduit_billing.quotas.store import Quota, QuotaRequest, QuotaStore
from conduit_billing.timestamps import MICRO
from conduit_billing.validation import at_most, bounded, refuse
from conduit_kernel.errors import RateLimited
from conduit_kernel.rpc.auth_interceptor import Context

MAX_RENEWED = 1_000
# For how long a request waits for what another router is just giving back.
PATIENCE_SECONDS = 0.25
# How often it is looked at what another Billing process took back.
LOOK_SECONDS = 0.05


class QuotaService(QuotaServiceServicer):
    """Answers Conduit's own services."""

    def __init__(self, quotas: QuotaStore, limits: Limits, clock: Callable[[], float]) -> None:
        """Take what was dealt out, the limits, and a clock of seconds since 1970."""
        self._quotas = quotas
        self._limits = limits
        self._clock = clock
        # Set whenever something was given back.
        self._given_back = asyncio.Event()

    async def AcquireQuota(
        self, request: pb.AcquireQuotaRequest, context: Context
    ) -> pb.AcquireQuotaResponse:
        """Deal out a part of what a virtual key may use."""
        wish = _quota_request(request)
        self._limits.must_be_known()
        limits = self._limits.of(wish.virtual_key_id, wish.metric)
        quota = await self._acquire(wish, limits)
        return pb.AcquireQuotaResponse(
            amount=quota.amount,
            usable_for=_duration(quota.usable_for),
            lasts_for=_duration(quota.lasts_for),
            limit=quota.limit,
            remaining=quota.remaining,
            resets_after=_duration(quota.resets_after),
        )

    async def RenewQuotas(
        self, request: pb.RenewQuotasRequest, context: Context
    ) -> pb.RenewQuotasResponse:
        """Put off the deadline of quotas."""
        at_most("quotaIds", len(request.quota_ids), MAX_RENEWED)
        ended = await self._quotas.renew(request.quota_ids, self._now())
        return pb.RenewQuotasResponse(ended_quota_ids=ended)

    async def ReleaseQuota(
        self, request: pb.ReleaseQuotaRequest, context: Context
    ) -> pb.ReleaseQuotaResponse:
        """Take back what was not used of a quota."""
        used = bounded("used", request.used, 0, MAX_QUANTITY)
        await self._quotas.release(request.quota_id, used)
        self._given_back.set()
        return pb.ReleaseQuotaResponse()

    async def _acquire(self, wish: QuotaRequest, limits: Sequence[Limit]) -> Quota:
        """Deal out a part, or wait a moment for what is being given back.

        A caller who makes one call after the other may be at another router before the one that
        answered has said so.
        """
        if wish.metric == pb.QUOTA_METRIC_REQUESTS:
            # Calls that were made are not given back.
            return await self._quotas.acquire(wish, limits, self._now())
        loop = asyncio.get_running_loop()
        until = loop.time() + PATIENCE_SECONDS
        while True:
            self._given_back.clear()
            try:
                return await self._quotas.acquire(wish, limits, self._now())
            except RateLimited:
                if (left := until - loop.time()) <= 0:
                    raise
            await _wait(self._given_back, min(left, LOOK_SECONDS))

    def _now(self) -> int:
        return int(self._clock() * MICRO)


async def _wait(event: asyncio.Event, seconds: float) -> None:
    try:
        async with asyncio.timeout(seconds):
            await event.wait()
    except TimeoutError:
        return


def _quota_request(request: pb.AcquireQuotaRequest) -> QuotaRequest:
    """Read a request for a quota. InvalidRequest if it makes no sense."""
    if not is_charge_id(request.quota_id):
        refuse("quotaId", "must have 26 digits and small letters")
    if request.metric not in FIELDS:
        refuse("metric", "must say what is limited")
    bounded("virtualKeyId", request.virtual_key_id, 1, MAX_QUANTITY)
    amount = bounded("amount", request.amount, 1, MAX_QUANTITY)
    least = bounded("least", request.least, 1, amount)
    spare = bounded("spare", request.spare, 0, MAX_QUANTITY)
    return QuotaRequest(
        request.quota_id, request.virtual_key_id, request.metric, least, amount, spare
    )


def _duration(micros: int) -> Duration:
    duration = Duration()
    duration.FromMicroseconds(micros)
    return duration
