"""Delivers the spool to Billing: each record at least once, which Billing counts once."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import grpc
import structlog

from conduit.internal.v1.ledger_service_pb2 import (
    DESCRIPTOR,
    RecordChargesRequest,
    RecordChargesResponse,
)
from conduit_kernel.background import reason_of
from conduit_router.accounting.charging import ChargeRecorder
from conduit_router.accounting.protowire import data_tag, delimited
from conduit_router.accounting.spool import CHARGE, Spool, read_segment

LEDGER = DESCRIPTOR.services_by_name["LedgerService"].full_name
# How long records wait, so that they are delivered together.
DELIVERY_SECONDS = 1.0
# How often to look for the spools of processes that are gone.
ADOPTION_SECONDS = 10.0
CALL_SECONDS = 10.0
BATCH = 1000
_CHARGES = data_tag(RecordChargesRequest, "charges")
_TALLIES = data_tag(RecordChargesRequest, "tallies")


class ChargeDelivery:
    """Delivers segments, one after the other, and discards them."""

    def __init__(
        self,
        channel: grpc.aio.Channel,
        spool: Spool,
        recorder: ChargeRecorder,
        metadata: tuple[tuple[str, str], ...],
    ) -> None:
        # Records are messages already, so no request is built out of them, only put together.
        self._send: grpc.aio.UnaryUnaryMultiCallable[bytes, RecordChargesResponse] = (
            channel.unary_unary(
                f"/{LEDGER}/RecordCharges",
                response_deserializer=RecordChargesResponse.FromString,
            )
        )
        self._spool = spool
        self._recorder = recorder
        self._metadata = metadata
        self._log = structlog.get_logger("delivery")

    async def deliver(self) -> None:
        """Deliver all there is. RpcError if Billing does not take it, OSError if the disk fails."""
        self._recorder.flush()
        await self._deliver_closed()
        # While Billing is away, one segment is filled rather than one begun each second.
        if self._spool.rotate():
            await self._deliver_closed()

    async def finish(self, seconds: float) -> None:
        """Deliver what can be delivered in a time, at the end; the rest waits in the spool."""
        try:
            async with asyncio.timeout(seconds):
                await self._recorder.store_refused()
                await self.deliver()
        except (grpc.RpcError, OSError) as error:
            self._log.info("delivery_waits", reason=reason_of(error))
        except Exception:  # noqa: BLE001 # what else there is to end must not stay open for it
            self._log.exception("delivery_failed")

    async def look(self) -> None:
        """Have `deliver` look for spools that others left behind."""
        self._spool.waiting.set()

    async def _deliver_closed(self) -> None:
        for segment in await asyncio.to_thread(self._spool.closed_segments):
            await self._deliver_segment(segment)

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
