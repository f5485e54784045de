"""What a router does beside its calls: it follows prices and health, and delivers what it owes.

Every link is a task that lives as long as the router, outlasts any absence of the service at its
other end, and never stands in the way of a call.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import grpc
import structlog

from conduit.v1.billing_requests_pb2 import (
    PricedModel,
    RecordChargesRequest,
    RecordChargesResponse,
    WatchPricesRequest,
    WatchPricesResponse,
)
from conduit.v1.health_service_pb2 import (
    ReportOutcomesRequest,
    WatchHealthRequest,
    WatchHealthResponse,
)
from conduit.v1.provider_health_pb2 import HEALTH_STATUS_UNHEALTHY, ProviderHealth
from conduit.v1.registry_requests_pb2 import ReportKeyUseRequest
from conduit_router.accounting.charging import ChargeRecorder
from conduit_router.accounting.prices import PriceList
from conduit_router.accounting.protowire import data_tag, delimited
from conduit_router.accounting.spool import CHARGE, Spool, read_segment
from conduit_router.routing.provider_state import ProviderState
from conduit_router.routing.table import RoutingTable
from conduit_router.upstream.outcomes import Outcomes

if TYPE_CHECKING:
    # Exist for type checkers only.
    from conduit.v1.billing_service_pb2_grpc import BillingServiceAsyncStub
    from conduit.v1.health_service_pb2_grpc import HealthServiceAsyncStub
    from conduit.v1.registry_service_pb2_grpc import RegistryServiceAsyncStub

Metadata = tuple[tuple[str, str], ...]

BILLING = "conduit.v1.BillingService"
SILENCE_SECONDS = 45.0
RETRY_SECONDS = 1.0
CALL_SECONDS = 10.0
DELIVERY_SECONDS = 1.0
REPORT_SECONDS = 1.0
KEY_USE_SECONDS = 10.0
BATCH = 1000
_CHARGES = data_tag(RecordChargesRequest, "charges")
_TALLIES = data_tag(RecordChargesRequest, "tallies")


class PriceLink:
    """Keeps the prices of all mapped models up to date."""

    def __init__(
        self, stub: "BillingServiceAsyncStub", prices: PriceList, metadata: Metadata
    ) -> None:
        self._stub = stub
        self._prices = prices
        self._metadata = metadata
        self._models: list[PricedModel] = []
        self._changed = asyncio.Event()

    def load(self, table: RoutingTable) -> None:
        """Ask for the prices of a new table's models, if they are others than before."""
        wanted = {
            (c.provider_id, c.instance.spec.name, c.model)
            for route in table.routes.values()
            for c in route.candidates
        }
        models = [
            PricedModel(provider_id=i, provider_type=kind, actual_model_name=model)
            for i, kind, model in sorted(wanted)
        ]
        if models != self._models:
            self._models = models
            self._changed.set()

    async def run(self) -> None:
        """Follow for ever."""
        while True:
            self._changed.clear()
            watch = asyncio.create_task(self._watch())
            changed = asyncio.create_task(self._changed.wait())
            try:
                await asyncio.wait({watch, changed}, return_when=asyncio.FIRST_COMPLETED)
                if not changed.done():
                    await asyncio.wait({changed}, timeout=RETRY_SECONDS)
            finally:
                for task in (watch, changed):
                    task.cancel()
                await asyncio.gather(watch, changed, return_exceptions=True)

    async def _watch(self) -> None:
        call = self._stub.WatchPrices(
            WatchPricesRequest(models=self._models), metadata=self._metadata
        )
        try:
            while True:
                async with asyncio.timeout(SILENCE_SECONDS):
                    message = await call.read()
                if not isinstance(message, WatchPricesResponse):
                    return
                if message.prices:
                    self._prices.load(message.prices)
        except (grpc.RpcError, TimeoutError):
            pass
        finally:
            call.cancel()


async def follow_health(
    stub: "HealthServiceAsyncStub", vitals: ProviderState, metadata: Metadata
) -> None:
    """Let the Health service's findings order the candidates, for ever."""
    known: dict[int, ProviderHealth] = {}
    while True:
        call = stub.WatchHealth(WatchHealthRequest(), metadata=metadata)
        try:
            while True:
                async with asyncio.timeout(SILENCE_SECONDS):
                    message = await call.read()
                if not isinstance(message, WatchHealthResponse):
                    break
                if message.is_complete:
                    known.clear()
                known.update({p.provider_id: p for p in message.providers})
                vitals.set_unhealthy(
                    frozenset(i for i, p in known.items() if p.status == HEALTH_STATUS_UNHEALTHY)
                )
        except (grpc.RpcError, TimeoutError):
            # Who cannot be asked says nothing against anybody.
            vitals.set_unhealthy(frozenset())
        finally:
            call.cancel()
        await asyncio.sleep(RETRY_SECONDS)


class Delivery:
    """Delivers the spool to Billing: each record at least once, which Billing counts once."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        spool: Spool,
        accounts: ChargeRecorder,
        metadata: Metadata,
    ) -> None:
        # Records are messages already, so no request is built out of them, only put together.
        self._send: grpc.aio.UnaryUnaryMultiCallable[bytes, RecordChargesResponse] = (
            channel.unary_unary(
                f"/{BILLING}/RecordCharges",
                response_deserializer=RecordChargesResponse.FromString,
            )
        )
        self._spool = spool
        self._accounts = accounts
        self._metadata = metadata
        self._log = structlog.get_logger("delivery")
        self._is_failing = False

    async def run(self) -> None:
        """Deliver for ever."""
        while True:
            await asyncio.sleep(DELIVERY_SECONDS)
            await self.deliver()

    async def deliver(self) -> None:
        """Deliver what there is, as far as Billing takes it."""
        self._accounts.flush()
        try:
            segments = await asyncio.to_thread(self._spool.closed_segments)
            # While Billing is away, one segment is filled rather than one begun each second.
            if not segments:
                self._spool.rotate()
                segments = await asyncio.to_thread(self._spool.closed_segments)
            for segment in segments:
                await self._deliver_segment(segment)
            self._is_failing = False
        except (grpc.RpcError, OSError) as error:
            # Said once, not each second of an absence.
            if not self._is_failing:
                self._log.warning("delivery_waits", reason=_reason(error))
            self._is_failing = True

    async def _deliver_segment(self, segment: Path) -> None:
        records, is_damaged = await asyncio.to_thread(read_segment, segment)
        for batch in _batches(records):
            try:
                await self._record(batch)
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.INVALID_ARGUMENT:
                    raise
                await self._record_one_by_one(batch)
        await asyncio.to_thread(self._spool.discard, segment, is_damaged=is_damaged)
        if is_damaged:
            self._log.error("segment_damaged", segment=segment.name, whole_records=len(records))

    async def _record_one_by_one(self, batch: list[tuple[bytes, bytes]]) -> None:
        # One record that Billing will never take must not hold up the others, nor be lost.
        for kind, message in batch:
            try:
                await self._record([(kind, message)])
            except grpc.aio.AioRpcError as error:
                if error.code() is not grpc.StatusCode.INVALID_ARGUMENT:
                    raise
                self._log.error("record_refused", reason=error.details())
                await asyncio.to_thread(self._spool.set_aside, kind, message)

    async def _record(self, batch: list[tuple[bytes, bytes]]) -> None:
        request = b"".join(
            delimited(_CHARGES if kind == CHARGE else _TALLIES, message) for kind, message in batch
        )
        await self._send(request, metadata=self._metadata, timeout=CALL_SECONDS)


def _batches(records: list[tuple[bytes, bytes]]) -> Iterator[list[tuple[bytes, bytes]]]:
    return (records[start : start + BATCH] for start in range(0, len(records), BATCH))


async def report_outcomes(
    stub: "HealthServiceAsyncStub", outcomes: Outcomes, metadata: Metadata
) -> None:
    """Tell the Health service what attempts met, for ever. A report that is lost is no harm."""

    async def once() -> None:
        if taken := outcomes.take():
            request = ReportOutcomesRequest(outcomes=taken)
            await stub.ReportOutcomes(request, metadata=metadata, timeout=CALL_SECONDS)

    await _every(REPORT_SECONDS, once)


async def report_key_use(
    stub: "RegistryServiceAsyncStub", outcomes: Outcomes, metadata: Metadata
) -> None:
    """Tell the Registry when keys were used, for ever."""

    async def once() -> None:
        if uses := outcomes.take_uses():
            request = ReportKeyUseRequest(uses=uses)
            await stub.ReportKeyUse(request, metadata=metadata, timeout=CALL_SECONDS)

    await _every(KEY_USE_SECONDS, once)


async def sync_spool(spool: Spool, seconds: float) -> None:
    """Bring the spool to the disk again and again."""

    async def once() -> None:
        await spool.sync()

    await _every(seconds, once)


async def _every(seconds: float, action: Callable[[], Awaitable[None]]) -> None:
    log = structlog.get_logger("links")
    while True:
        await asyncio.sleep(seconds)
        try:
            await action()
        except (grpc.RpcError, OSError) as error:
            log.debug("link_failed", reason=_reason(error))


def _reason(error: Exception) -> str:
    return error.code().name if isinstance(error, grpc.aio.AioRpcError) else type(error).__name__
