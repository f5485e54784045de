"""Keeps batches, which router works on each, and what it came to."""

from collections.abc import Collection, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from conduit.internal.v1 import batch_storage_service_pb2 as pb
from conduit.v1.batch_pb2 import (
    BATCH_STATUS_CANCELLED,
    BATCH_STATUS_CANCELLING,
    BATCH_STATUS_COMPLETED,
    BATCH_STATUS_EXPIRED,
    BATCH_STATUS_FAILED,
    BATCH_STATUS_IN_PROGRESS,
    BATCH_STATUS_VALIDATING,
    Batch,
)
from conduit_kernel.database import guarded, reader, writer
from conduit_kernel.errors import InvalidRequest, StorageFull
from conduit_kernel.not_found_errors import BatchNotFound
from conduit_storage.batches.tables import BatchRow
from conduit_storage.files.store import (
    FileStore,
    NewFile,
    append_in,
    file_in,
    finish_in,
    keep_until_in,
)

SERVICE = "storage"
# What a batch takes, about.
ROW_BYTES = 4096
# Of a virtual key, ended ones as well.
MAX_BATCHES = 10_000
# A router that is silent about a batch for so long is lost.
LEASE_SECONDS = 20.0
# Requests are made for so long; a file that is read meanwhile outlasts it.
WINDOW_SECONDS = 24 * 3600
_AFTER_SECONDS = 3600
BATCH_PURPOSE, OUTPUT_PURPOSE = "batch", "batch_output"
_NOBODY = ""
# What notes when a batch ended, by how it did.
_ENDED_AT: Mapping[int, tuple[str, ...]] = {
    BATCH_STATUS_COMPLETED: ("finalizing_at", "completed_at"),
    BATCH_STATUS_FAILED: ("failed_at",),
    BATCH_STATUS_EXPIRED: ("expired_at",),
    BATCH_STATUS_CANCELLED: ("cancelled_at",),
}
OUTCOMES = frozenset(_ENDED_AT)


class Claimed(NamedTuple):
    """The batches that a router works on from now on."""

    claimed: Sequence[pb.KeptBatch]
    lost: Sequence[str]
    cancelling: Sequence[str]


class BatchStore:
    """Stores batches; times are in seconds since 1970."""

    def __init__(self, engine: AsyncEngine, files: FileStore, retention_seconds: float) -> None:
        """Take where files are kept, and for how long batches are that have ended."""
        self._writer = writer(engine)
        self._reader = reader(engine)
        self._files = files
        self._retention_seconds = retention_seconds

    async def create(self, kept: pb.KeptBatch, now: float) -> Batch:
        """Store a batch, unless it is stored, and return it.

        FileNotFound without its file; StorageFull if its owner has too many batches.
        """
        batch, owner = kept.batch, kept.virtual_key_id
        async with guarded(SERVICE), self._writer.begin() as connection:
            stored = await self._find(connection, owner, batch.id)
            if stored is not None:
                return stored.batch
            await self._check(connection, kept, now)
            batch.object = "batch"
            batch.status = BATCH_STATUS_VALIDATING
            batch.created_at = int(now)
            batch.expires_at = int(now) + WINDOW_SECONDS
            batch.request_counts.total = 0
            row = {
                "id": batch.id,
                "virtual_key_id": owner,
                "status": batch.status,
                "router_id": _NOBODY,
                "leased_until": 0,
                "forget_at": None,
                "content": kept.SerializeToString(),
            }
            await connection.execute(insert(BatchRow).values(**row))
        return batch

    async def batch(self, owner: int, batch_id: str) -> Batch:
        """Return a batch. BatchNotFound if the owner has none of this id."""
        async with guarded(SERVICE), self._reader.connect() as connection:
            found = await self._find(connection, owner, batch_id)
        if found is None:
            raise _not_found(batch_id)
        return found.batch

    async def batches(self, owner: int, after: str, limit: int) -> tuple[Sequence[Batch], bool]:
        """Return a page of an owner's batches, newest first, and whether there are more."""
        query = select(BatchRow.content).where(BatchRow.virtual_key_id == owner)
        if after:
            query = query.where(BatchRow.id < after)
        query = query.order_by(BatchRow.id.desc()).limit(limit + 1)
        async with guarded(SERVICE), self._reader.connect() as connection:
            rows = (await connection.execute(query)).scalars().all()
        found = [pb.KeptBatch.FromString(content).batch for content in rows]
        return found[:limit], len(found) > limit

    async def cancel(self, owner: int, batch_id: str, now: float) -> Batch:
        """Take a batch back, unless it has ended. BatchNotFound if the owner has none."""
        async with guarded(SERVICE), self._writer.begin() as connection:
            kept = await self._find(connection, owner, batch_id, locked=True)
            if kept is None:
                raise _not_found(batch_id)
            batch = kept.batch
            if batch.status not in OUTCOMES and batch.status != BATCH_STATUS_CANCELLING:
                batch.status = BATCH_STATUS_CANCELLING
                batch.cancelling_at = int(now)
                await self._write(connection, kept, now)
        return batch

    async def claim(self, router_id: str, ids: Collection[str], room: int, now: float) -> Claimed:
        """Lease to a router what it works on, and, as it has room, what nobody works on."""
        until, lost = _millis(now + LEASE_SECONDS), list[str]()
        async with guarded(SERVICE), self._reader.connect() as connection:
            mine = BatchRow.id.in_(ids), BatchRow.router_id == router_id, _IS_UNDER_WAY
            query = select(BatchRow.id, BatchRow.status, BatchRow.leased_until).where(*mine)
            held = {row.id: row for row in await connection.execute(query)}
            free = select(BatchRow.id).where(BatchRow.leased_until < _millis(now))
            is_waiting = room > 0 and await connection.scalar(free.limit(1)) is not None
        lost = [each for each in ids if each not in held]
        cancelling = [i for i, row in held.items() if row.status == BATCH_STATUS_CANCELLING]
        # Renewed twice within a lease, not each time that a router asks.
        is_due = any(row.leased_until < until - _millis(LEASE_SECONDS / 2) for row in held.values())
        if not is_waiting and not is_due:
            return Claimed((), lost, cancelling)
        async with guarded(SERVICE), self._writer.begin() as connection:
            renewed = update(BatchRow).where(*mine).values(leased_until=until)
            if held:
                await connection.execute(renewed)
            claimed = await self._take(connection, router_id, room, now) if is_waiting else ()
        return Claimed(claimed, lost, cancelling)

    async def record(self, said: pb.RecordBatchRequest, now: float) -> pb.RecordBatchResponse:
        """Store how far a batch is, if its router holds it."""
        async with guarded(SERVICE), self._writer.begin() as connection:
            mine = BatchRow.id == said.id, BatchRow.router_id == said.router_id, _IS_UNDER_WAY
            query = select(BatchRow.content).where(*mine).with_for_update()
            content = await connection.scalar(query)
            if content is None:
                return pb.RecordBatchResponse()
            kept = pb.KeptBatch.FromString(content)
            await self._add(connection, kept, said, now)
            _note(kept, said, now)
            if said.outcome:
                await self._end(connection, kept, said, now)
            await self._write(connection, kept, now)
            is_full = await self._files.is_full_in(connection, kept.virtual_key_id)
        is_cancelling = kept.batch.status == BATCH_STATUS_CANCELLING
        return pb.RecordBatchResponse(is_held=True, is_cancelling=is_cancelling, is_full=is_full)

    async def release(self, router_id: str, ids: Collection[str]) -> None:
        """Let others go on with batches that a router held."""
        mine = BatchRow.id.in_(ids), BatchRow.router_id == router_id, _IS_UNDER_WAY
        async with guarded(SERVICE), self._writer.begin() as connection:
            given = update(BatchRow).where(*mine).values(router_id=_NOBODY, leased_until=0)
            await connection.execute(given)

    async def forget(self, now: float) -> None:
        """Delete the ended batches that are kept no longer."""
        async with guarded(SERVICE), self._writer.begin() as connection:
            old = BatchRow.forget_at <= _millis(now)
            await connection.execute(delete(BatchRow).where(old))

    async def _check(self, connection: AsyncConnection, kept: pb.KeptBatch, now: float) -> None:
        """Raise where a batch cannot be made; let its file outlast it."""
        owner, file_id = kept.virtual_key_id, kept.batch.input_file_id
        known = select(BatchRow.id).where(BatchRow.id == kept.batch.id)
        if (await connection.execute(known)).first() is not None:
            raise InvalidRequest("Another's batch has this id", field="id")
        query = select(func.count()).where(BatchRow.virtual_key_id == owner)
        if (await connection.scalar(query) or 0) >= MAX_BATCHES:
            message = f"A virtual key can have {MAX_BATCHES} batches"
            raise StorageFull(message, limit_bytes=str(MAX_BATCHES * ROW_BYTES))
        file = await file_in(connection, owner, file_id, now)
        if file.purpose != BATCH_PURPOSE:
            message = f"The file was sent for {file.purpose}, not for {BATCH_PURPOSE}"
            raise InvalidRequest(message, field="input_file_id")
        await keep_until_in(connection, file_id, now + WINDOW_SECONDS + _AFTER_SECONDS)

    async def _find(
        self, connection: AsyncConnection, owner: int, batch_id: str, *, locked: bool = False
    ) -> pb.KeptBatch | None:
        mine = BatchRow.id == batch_id, BatchRow.virtual_key_id == owner
        query = select(BatchRow.content).where(*mine)
        content = await connection.scalar(query.with_for_update() if locked else query)
        return None if content is None else pb.KeptBatch.FromString(content)

    async def _take(
        self, connection: AsyncConnection, router_id: str, room: int, now: float
    ) -> list[pb.KeptBatch]:
        """Lease batches to a router on which nobody works, oldest first."""
        free = select(BatchRow.id, BatchRow.content).where(BatchRow.leased_until < _millis(now))
        free = free.order_by(BatchRow.id).limit(room).with_for_update(skip_locked=True)
        rows = (await connection.execute(free)).all()
        ids = [row.id for row in rows]
        lease = {"router_id": router_id, "leased_until": _millis(now + LEASE_SECONDS)}
        if ids:
            await connection.execute(update(BatchRow).where(BatchRow.id.in_(ids)).values(**lease))
        return [pb.KeptBatch.FromString(row.content) for row in rows]

    async def _add(
        self,
        connection: AsyncConnection,
        kept: pb.KeptBatch,
        said: pb.RecordBatchRequest,
        now: float,
    ) -> None:
        """Store the pieces of its files that a router brought, once each."""
        for piece, file, name in (
            (said.output, kept.output, "output"),
            (said.errors, kept.errors, "error"),
        ):
            if not piece.file_id or piece.number < file.pieces:
                continue
            if not file.id:
                file.id = piece.file_id
                new = NewFile(
                    file.id,
                    kept.virtual_key_id,
                    f"{kept.batch.id}_{name}.jsonl",
                    OUTPUT_PURPOSE,
                    kept.output_retention_seconds,
                )
                await self._files.begin_in(connection, new, now)
            sealed = piece.content, piece.bytes
            await append_in(connection, file.id, piece.number, sealed)
            file.pieces = piece.number + 1

    async def _end(
        self,
        connection: AsyncConnection,
        kept: pb.KeptBatch,
        said: pb.RecordBatchRequest,
        now: float,
    ) -> None:
        batch = kept.batch
        batch.status = said.outcome
        for member in _ENDED_AT[said.outcome]:
            setattr(batch, member, int(now))
        if said.HasField("problems"):
            batch.errors.CopyFrom(said.problems)
        for file, member in ((kept.output, "output_file_id"), (kept.errors, "error_file_id")):
            if file.id:
                setattr(batch, member, file.id)
                await finish_in(connection, file.id, now)

    async def _write(self, connection: AsyncConnection, kept: pb.KeptBatch, now: float) -> None:
        batch = kept.batch
        values: dict[str, Any] = {"status": batch.status}
        if batch.status in OUTCOMES:
            kept.done = b""
            del kept.remote[:]
            values["forget_at"] = _millis(now + self._retention_seconds)
            values["leased_until"] = None
        values["content"] = kept.SerializeToString()
        mine = BatchRow.id == batch.id
        await connection.execute(update(BatchRow).where(mine).values(**values))


_IS_UNDER_WAY: ColumnElement[bool] = BatchRow.leased_until.is_not(None)


def _note(kept: pb.KeptBatch, said: pb.RecordBatchRequest, now: float) -> None:
    """Note how far a batch is."""
    batch = kept.batch
    if said.HasField("total"):
        batch.request_counts.total = said.total
        if said.HasField("model"):
            batch.model = said.model
        if not batch.in_progress_at:
            batch.in_progress_at = int(now)
        if batch.status == BATCH_STATUS_VALIDATING:
            batch.status = BATCH_STATUS_IN_PROGRESS
    batch.request_counts.completed = max(batch.request_counts.completed, said.completed)
    batch.request_counts.failed = max(batch.request_counts.failed, said.failed)
    if said.done:
        kept.done = said.done
    if said.HasField("remote"):
        del kept.remote[:], batch.provider_batches[:]
        kept.remote.extend(said.remote.remote)
        batch.provider_batches.extend(said.remote.public)


def _not_found(batch_id: str) -> BatchNotFound:
    return BatchNotFound(f"There is no batch {batch_id}", batch_id=batch_id)


def _millis(seconds: float) -> int:
    return round(seconds * 1000)
