"""Has Storage note what a batch's requests came to, many at a time."""

import asyncio
from collections.abc import Iterable
from typing import NamedTuple

from conduit.internal.v1 import batch_storage_service_pb2 as pb
from conduit.internal.v1.remote_batch_pb2 import RemoteBatch, RemoteBatches
from conduit.v1.batch_pb2 import BatchError, BatchErrors, BatchStatus, ProviderBatch
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.ids import IdSource
from conduit_kernel.secrets import Vault
from conduit_router.batches.done_requests import DoneRequests
from conduit_router.batches.storage import BatchStorage
from conduit_router.files.keeping import ID_PREFIX
from conduit_router.files.pieces import Place, sealed

# Between tries where Storage is away; the batch waits meanwhile.
PAUSE_SECONDS = 1.0


class Result(NamedTuple):
    """A request that is over: a line of one of the batch's files."""

    # Of the request among all, from 0.
    place: int
    line: bytes
    is_failed: bool
    # Whether it was made at all.
    is_made: bool = True


class NotHeld(Exception):
    """Another router works on the batch, or nobody does any more."""


class BatchRecorder:
    """Tells Storage how far a batch is.

    Whoever adds a result waits until Storage has it. What is added meanwhile goes together.
    """

    def __init__(
        self,
        kept: pb.KeptBatch,
        storage: BatchStorage,
        vault: Vault,
        ids: IdSource,
        router_id: str,
        *,
        pause_seconds: float = PAUSE_SECONDS,
    ) -> None:
        """Take a batch as Storage has it, and what its results are sealed with."""
        self.done = DoneRequests(kept.done)
        # What Storage said of the batch when it was last told of it.
        self.is_cancelling = False
        self.is_full = False
        self._kept = kept
        self._storage = storage
        self._vault = vault
        self._ids = ids
        self._router_id = router_id
        self._pause_seconds = pause_seconds
        self._waiting: list[Result] = []
        self._lock = asyncio.Lock()

    async def read(self, total: int, model: str) -> None:
        """Note that the batch's file was read. NotHeld if the batch is another's by now."""
        request = self._request(total=total, model=model or None)
        await self._tell(request)

    async def add(self, results: Iterable[Result]) -> None:
        """Note what requests came to. NotHeld as above."""
        self._waiting += results
        async with self._lock:
            # Else whoever had the lock before has told of them as well.
            if self._waiting:
                await self._flush()

    async def note_remote(
        self, remote: Iterable[RemoteBatch], public: Iterable[ProviderBatch]
    ) -> None:
        """Note how far the batches of providers are. NotHeld as above."""
        async with self._lock:
            request = self._request()
            request.remote.CopyFrom(RemoteBatches(remote=remote, public=public))
            await self._tell(request)

    async def end(
        self, outcome: BatchStatus.ValueType, problems: Iterable[BatchError] = ()
    ) -> None:
        """Note how the batch ended, and why if it failed. NotHeld as above."""
        request, told = self._request(outcome=outcome), [*problems]
        if told:
            request.problems.CopyFrom(BatchErrors(object="list", data=told))
        await self._tell(request)

    async def _flush(self) -> None:
        results, self._waiting = self._waiting, []
        counts = self._kept.batch.request_counts
        for each in results:
            self.done.add(each.place)
            if each.is_made:
                counts.completed += not each.is_failed
                counts.failed += each.is_failed
        request = self._request(done=self.done.kept())
        for piece, file, lines in (
            (request.output, self._kept.output, [r.line for r in results if not r.is_failed]),
            (request.errors, self._kept.errors, [r.line for r in results if r.is_failed]),
        ):
            if lines:
                await self._fill(piece, file, b"".join(lines))
        await self._tell(request)

    async def _fill(self, piece: pb.BatchPiece, file: pb.BatchFile, content: bytes) -> None:
        """Seal the next piece of a file, which begins with its first."""
        file.id = file.id or f"{ID_PREFIX}{self._ids.next()}"
        piece.file_id, piece.number, piece.bytes = file.id, file.pieces, len(content)
        place = Place(self._kept.virtual_key_id, file.id, file.pieces)
        piece.content = await asyncio.to_thread(sealed, content, place, self._vault)
        file.pieces += 1

    def _request(self, **said: object) -> pb.RecordBatchRequest:
        counts = self._kept.batch.request_counts
        return pb.RecordBatchRequest(
            router_id=self._router_id,
            id=self._kept.batch.id,
            completed=counts.completed,
            failed=counts.failed,
            **said,  # type: ignore[arg-type] # by name
        )

    async def _tell(self, request: pb.RecordBatchRequest) -> None:
        """Tell Storage, however long it is away: what was answered was paid for."""
        while True:
            try:
                state = await self._storage.record(request)
            except ServiceUnavailable:
                await asyncio.sleep(self._pause_seconds)
                continue
            if not state.is_held:
                raise NotHeld(self._kept.batch.id)
            self.is_cancelling, self.is_full = state.is_cancelling, state.is_full
            return
