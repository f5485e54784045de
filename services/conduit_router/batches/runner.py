"""Works on batches: takes what nobody works on, and tells Storage what is worked on."""

import asyncio
from contextlib import suppress

import structlog

from conduit.internal.v1.batch_storage_service_pb2 import KeptBatch
from conduit.v1.batch_pb2 import BATCH_STATUS_FAILED, BatchError
from conduit_kernel.background import Background
from conduit_kernel.errors import ConduitError
from conduit_kernel.ids import IdSource
from conduit_kernel.secrets import Vault
from conduit_router.batches.recording import BatchRecorder, NotHeld
from conduit_router.batches.remote.owner import Stop
from conduit_router.batches.run import BatchRun, RunParts
from conduit_router.batches.storage import BatchStorage

# Four times within Storage's lease; so soon a batch is gone on with whose router was lost.
CLAIM_SECONDS = 5.0
# Worked on at each router at a time; the next ones wait.
MAX_BATCHES = 8
# Of these and of those that wait for providers.
MAX_HELD = 500
# How long a stopping router takes to give its batches up.
LAST_SECONDS = 0.5


class BatchRunner:
    """Works on batches at this router."""

    def __init__(
        self,
        storage: BatchStorage,
        parts: RunParts,
        vault: Vault,
        ids: IdSource,
        router_id: str,
        *,
        max_batches: int = MAX_BATCHES,
        claim_seconds: float = CLAIM_SECONDS,
    ) -> None:
        """Take where batches are kept, what they are worked on with, and this router's name."""
        self._storage = storage
        self._parts = parts
        self._vault = vault
        self._ids = ids
        self._router_id = router_id
        self._max_batches = max_batches
        self._claim_seconds = claim_seconds
        self._runs: dict[str, tuple[BatchRun, asyncio.Task[None]]] = {}
        self._is_stopping = False
        self._log = structlog.get_logger("batches")

    def run(self, background: Background) -> None:
        """Begin the loop that takes batches, and tells of them, where any are worked on."""
        if self._parts.most_calls:
            background.run("batches", self.step)

    async def step(self) -> None:
        """Ask Storage what to work on: a step of a loop."""
        with suppress(TimeoutError):
            async with asyncio.timeout(self._claim_seconds):
                await self._storage.changed.wait()
        self._storage.changed.clear()
        await self.claim()

    async def claim(self) -> None:
        """Take what nobody works on, and end what need not be worked on."""
        room = 0 if self._is_stopping else self._room()
        state = await self._storage.claim(self._router_id, [*self._runs], room)
        for batch_id in state.lost_ids:
            if found := self._runs.get(batch_id):
                found[1].cancel()
        for batch_id in state.cancelling_ids:
            if found := self._runs.get(batch_id):
                found[0].stop(Stop.CANCELLED)
        for kept in state.claimed:
            # One whose lease ended while this process was stopped is worked on still.
            if kept.batch.id not in self._runs:
                self._begin(kept)

    async def close(self, seconds: float) -> None:
        """Make no more requests, wait so long for those under way, and let others go on."""
        self._is_stopping = True
        runs = [*self._runs.values()]
        for run, _ in runs:
            run.stop(Stop.INTERRUPTED)
        if runs:
            await asyncio.wait([task for _, task in runs], timeout=seconds)
        left = [*self._runs]
        for _, task in runs:
            task.cancel()
        await asyncio.gather(*(task for _, task in runs), return_exceptions=True)
        await self._release(left)

    def _room(self) -> int:
        """Return how many more batches may be worked on; those that wait for providers need none.

        There is an end to them as well.
        """
        busy = sum(not run.is_waiting for run, _ in self._runs.values())
        return max(0, min(self._max_batches - busy, MAX_HELD - len(self._runs)))

    def _begin(self, kept: KeptBatch) -> None:
        recorder = BatchRecorder(kept, self._storage, self._vault, self._ids, self._router_id)
        run, batch_id = BatchRun(kept, recorder, self._parts), kept.batch.id
        task = asyncio.create_task(self._work(run, recorder, batch_id), name=batch_id)
        self._runs[batch_id] = run, task
        task.add_done_callback(lambda _: self._runs.pop(batch_id, None))

    async def _work(self, run: BatchRun, recorder: BatchRecorder, batch_id: str) -> None:
        try:
            await run.run()
        except Exception as error:  # noqa: BLE001 # whatever it was, it ends no other batch
            await self._fail(recorder, batch_id, _first_of(error))
        if self._is_stopping:
            await self._release([batch_id])
        else:
            # There is room for another one.
            self._storage.changed.set()

    async def _fail(self, recorder: BatchRecorder, batch_id: str, error: Exception) -> None:
        """End a batch that cannot go on, unless it is another router's by now."""
        if isinstance(error, NotHeld):
            self._log.warning("batch_lost", batch_id=batch_id)
            return
        if not isinstance(error, ConduitError):
            self._log.error("batch_failed", batch_id=batch_id, exc_info=error)
            error = ConduitError("Conduit failed in a way it did not foresee")
        problem = BatchError(code=error.reason.lower(), message=error.message)
        try:
            await recorder.end(BATCH_STATUS_FAILED, [problem])
        except (NotHeld, ConduitError) as refusal:
            self._log.error("batch_left", batch_id=batch_id, reason=str(refusal))

    async def _release(self, ids: list[str]) -> None:
        """Let others go on; where Storage is away, they do once the leases end."""
        if not ids:
            return
        with suppress(ConduitError, TimeoutError):
            async with asyncio.timeout(LAST_SECONDS):
                await self._storage.release(self._router_id, ids)


def _first_of(error: Exception) -> Exception:
    """Return what went wrong first, of what went wrong together."""
    while isinstance(error, ExceptionGroup):
        error = error.exceptions[0]
    return error
