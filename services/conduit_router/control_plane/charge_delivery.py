"""Delivers the spool to Billing: each record at least once, which Billing counts once."""

import asyncio
import contextlib
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
from conduit_router.accounting.protowire import data_tag, varint
from conduit_router.accounting.segment import CHARGE, Record, read_segment
from conduit_router.accounting.spool import Spool

LEDGER = DESCRIPTOR.services_by_name["LedgerService"].full_name
# How long records wait, so that they are delivered together.
DELIVERY_SECONDS = 1.0
# How often to look for the spools of processes that are gone.
ADOPTION_SECONDS = 10.0
CALL_SECONDS = 10.0
BATCH = 1000
# Well below what a gRPC server takes.
BATCH_BYTES = 1024 * 1024
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
        # Segments that Billing has and the disk does not remove yet, and whether they are damaged.
        self._delivered: dict[Path, bool] = {}
        self._log = structlog.get_logger("delivery")

    async def deliver(self) -> None:
        """Deliver all there is. RpcError if Billing does not take it, OSError if the disk fails."""
        self._recorder.flush()
        failure = await self._deliver_closed()
        # While Billing is away, one segment is filled rather than one begun each second.
        if self._spool.rotate():
            failure = await self._deliver_closed() or failure
        if failure:
            raise failure

    async def finish(self, seconds: float) -> None:
        """Deliver what can be delivered in a time, at the end; the rest waits in the spool."""
        try:
            async with asyncio.timeout(seconds):
                # A disk that takes nothing may hold what can be delivered.
                with contextlib.suppress(OSError):
                    await self._recorder.backlog.retry()
                await self.deliver()
        except (grpc.RpcError, OSError) as error:
            self._log.info("delivery_waits", reason=reason_of(error))
        except Exception:  # noqa: BLE001 # what else there is to end must not stay open for it
            self._log.exception("delivery_failed")

    async def look(self) -> None:
        """Have `deliver` look for spools that others left behind."""
        self._spool.waiting.set()

    async def _deliver_closed(self) -> OSError | None:
        """Deliver what is complete. What the disk fails to read or to remove holds up no other."""
        failure = None
        for segment in await asyncio.to_thread(self._spool.closed_segments):
            try:
                await self._deliver_segment(segment)
            except OSError as error:
                failure = error
        return failure

    async def _deliver_segment(self, segment: Path) -> None:
        if segment not in self._delivered:
            self._delivered[segment] = await self._deliver_records(segment)
        is_damaged = self._delivered[segment]
        kept = await asyncio.to_thread(self._spool.discard, segment, is_damaged=is_damaged)
        del self._delivered[segment]
        self._spool.note_discarded(segment)
        if kept:
            self._log.error("segment_damaged", segment=segment.name, kept=kept.name)

    async def _deliver_records(self, segment: Path) -> bool:
        """Deliver the whole records of a segment; return whether there is damage among them."""
        records, is_damaged, is_torn = await asyncio.to_thread(read_segment, segment)
        if is_torn:
            # Its process ended while it wrote, and nobody was told that it was stored.
            self._log.info("record_torn", segment=segment.name)
        refused: dict[Record, str] = {}
        for batch in _batches(records):
            refused |= await self._deliver_batch(batch)
        # Only now: of a segment that is delivered again, none is kept twice.
        if refused:
            kept = await asyncio.to_thread(self._spool.set_aside, list(refused))
            reason = next(iter(refused.values()))
            self._log.error("records_refused", count=len(refused), reason=reason, kept=kept.name)
        return is_damaged

    async def _deliver_batch(self, batch: list[Record]) -> dict[Record, str]:
        """Deliver records; return those that Billing will never take, and why."""
        try:
            await self._record(batch)
        except grpc.aio.AioRpcError as error:
            if error.code() is not grpc.StatusCode.INVALID_ARGUMENT:
                raise
            if len(batch) == 1:
                return {batch[0]: error.details() or ""}
        else:
            return {}
        # One among a thousand is found in twenty calls, and the others are delivered by them.
        middle = len(batch) // 2
        refused = await self._deliver_batch(batch[:middle])
        return refused | await self._deliver_batch(batch[middle:])

    async def _record(self, batch: list[Record]) -> None:
        parts: list[bytes] = []
        for kind, message in batch:
            parts += (_CHARGES if kind == CHARGE else _TALLIES, varint(len(message)), message)
        await self._send(b"".join(parts), metadata=self._metadata, timeout=CALL_SECONDS)


def _batches(records: list[Record]) -> Iterator[list[Record]]:
    if len(records) <= BATCH and sum([len(message) for _, message in records]) <= BATCH_BYTES:
        # As most are.
        if records:
            yield records
        return
    batch: list[Record] = []
    size = 0
    for record in records:
        size += len(record[1])
        if batch and (len(batch) == BATCH or size > BATCH_BYTES):
            yield batch
            batch, size = [], len(record[1])
        batch.append(record)
    if batch:
        yield batch
