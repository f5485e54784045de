"""Works on one batch of a provider's: begins it, follows it, and reads what it came to."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import aclosing, suppress

import structlog

from conduit.internal.v1.remote_batch_pb2 import RemoteBatch
from conduit.v1.batch_pb2 import (
    BATCH_STATUS_CANCELLED,
    BATCH_STATUS_CANCELLING,
    BATCH_STATUS_COMPLETED,
    BATCH_STATUS_FAILED,
    BATCH_STATUS_FINALIZING,
    BATCH_STATUS_IN_PROGRESS,
    BatchStatus,
    ProviderBatch,
)
from conduit_kernel.errors import ConduitError, UpstreamError, UpstreamModelNotFound
from conduit_kernel.ids import derived_id
from conduit_providers.batch_apis.api import BatchResult, BatchState, BegunBatch
from conduit_router.batches.calls import MAX_TRIES, LineAnswer
from conduit_router.batches.done_requests import DoneRequests
from conduit_router.batches.remote.chunk import Chunk
from conduit_router.batches.remote.exchange import BatchExchange, exchange_with
from conduit_router.batches.remote.owner import BatchOwner, RemoteParts, Stop
from conduit_router.batches.requests import LineRequest
from conduit_router.calls.deferred import DeferredAnswer
from conduit_router.routing.maintenance import USUAL_SECONDS, is_resting
from conduit_router.spending.purse import Reserved

# How long Billing is waited for.
HOLD_SECONDS = 5.0
_GROWTH = 1.5


class ProviderBatchRun:
    """The work on one batch of a provider's, from where it was left."""

    def __init__(
        self,
        owner: BatchOwner,
        parts: RemoteParts,
        kept: RemoteBatch,
        public: ProviderBatch,
        *,
        note: Callable[[], Awaitable[None]],
        chunk: Chunk | None = None,
    ) -> None:
        """Take a batch as Storage has it; `chunk` is what it has, if it is to be begun.

        `note` has stored how far it is.
        """
        self.kept = kept
        self.public = public
        # Whether it waits for the provider, and needs nothing meanwhile.
        self.is_waiting = False
        # Whether the provider had no room for it: its requests are worth another try there.
        self.is_crowded = False
        self._owner = owner
        self._parts = parts
        self._note = note
        self._chunk = chunk
        self._places = DoneRequests(kept.requests)
        self._paid_from: Reserved | None = None
        self._log = structlog.get_logger("batches")

    async def run(self) -> list[tuple[int, LineRequest]]:
        """Work on the batch to its end, or until the router stops; return what it did not make."""
        try:
            if self._chunk is not None and not await self._begin(self._chunk):
                return await self._unmade(BATCH_STATUS_FAILED)
            await self._hold(self.kept.most_nano_usd)
            state = await self._followed()
            if state is None:
                return []
            return await self._finish(state)
        finally:
            if self._paid_from is not None:
                self._paid_from.end()

    @property
    def _exchange(self) -> BatchExchange:
        """Return the way to the provider, by the configuration as it is now."""
        kept, public = self.kept, self.public
        runtime = self._parts.runtime
        return exchange_with(runtime, public.provider_id, kept.key_id, public.model, kept.operation)

    @property
    def _begun(self) -> BegunBatch:
        return BegunBatch(self.kept.id, self.kept.file_id)

    async def _begin(self, chunk: Chunk) -> bool:
        """Send the batch; return whether the provider has it."""
        async with self._parts.sending:
            try:
                await self._hold(chunk.most_cost, must_be_had=True)
                begun = await self._sent(chunk)
            except ConduitError as error:
                self._log.warning("provider_batch_refused", name=self.kept.name, why=str(error))
                return False
            finally:
                chunk.forget_entries()
        if begun is None:
            return False
        self.kept.id, self.kept.file_id = begun
        await self._tell(BATCH_STATUS_IN_PROGRESS)
        return True

    async def _sent(self, chunk: Chunk) -> BegunBatch | None:
        """Send the batch as often as is worth it; None where it is not wanted any more."""
        tries = 0
        while self._owner.stop_reason is None:
            if is_resting(self._parts.runtime.table, self.public.provider_id):
                await self.pause(USUAL_SECONDS)
                continue
            try:
                if tries and (found := await self._exchange.find(self.kept.name)) is not None:
                    # The answer was lost, not the batch.
                    return found
                return await self._exchange.begin(chunk.batch(self.kept.name))
            except UpstreamError as error:
                failure = LineAnswer(error.failure.http_status, b"", error)
                tries += 1
                is_vain = not (error.is_transient and failure.may_pass)
                if is_vain or (tries >= MAX_TRIES and not failure.is_waited_out):
                    raise
                await self.pause(failure.pause(tries))
        return None

    async def find(self) -> bool:
        """Look for the batch by its name; return whether the provider has it."""
        with suppress(UpstreamError):
            found = await self._exchange.find(self.kept.name)
            if found is not None:
                self.kept.id, self.kept.file_id = found
        return bool(self.kept.id)

    async def _hold(self, most_cost: int, *, must_be_had: bool = False) -> None:
        """Hold what the batch may cost of a hard budget until it is charged."""
        caller = self._owner.caller(0)
        usage = None if caller is None else caller.caller.usage
        if caller is None or self._paid_from or not most_cost or not (usage and usage.has_budget):
            return
        try:
            more = self._parts.runtime.reserver.more(caller.caller, most_cost, HOLD_SECONDS)
            reservation = await more
        except ConduitError:
            # What was begun before is paid for, whatever is left.
            if must_be_had:
                raise
            return
        self._paid_from = Reserved(cost=reservation.source, most_cost=reservation.amount)

    async def _followed(self) -> BatchState | None:
        """Return the batch's state once it is over; None where the router stops before."""
        pause, failures, is_cancelled = self._parts.first_look, 0, False
        while True:
            reason = self._owner.stop_reason
            if reason is Stop.INTERRUPTED:
                return None
            if reason is not None and not is_cancelled:
                is_cancelled, pause = True, self._parts.first_look
                await self._cancel()
            try:
                state = await self._exchange.state(self._begun)
            except UpstreamError as error:
                failures += 1
                is_gone = isinstance(error, UpstreamModelNotFound) and error.is_conclusive
                if failures >= MAX_TRIES and (is_gone or is_cancelled):
                    # Nobody will ever say what came of it.
                    return BatchState(is_over=True)
            else:
                failures = 0
                if state.is_over:
                    return state
                await self._note_progress(state)
            await self.pause(pause, wakes=not is_cancelled)
            pause = min(pause * _GROWTH, self._parts.longest_look)
            self._owner.look()

    async def _cancel(self) -> None:
        await self._tell(BATCH_STATUS_CANCELLING)
        try:
            await self._exchange.cancel(self._begun)
        except UpstreamError as error:
            # It may be over already; else it is looked after to its end.
            self._log.warning("provider_batch_not_cancelled", name=self.kept.name, why=str(error))

    async def _note_progress(self, state: BatchState) -> None:
        counts = self.public.request_counts
        if (counts.completed, counts.failed) != (state.completed, state.failed):
            counts.completed, counts.failed = state.completed, state.failed
            await self._note()

    async def _finish(self, state: BatchState) -> list[tuple[int, LineRequest]]:
        """Read what the batch came to; return what it did not make."""
        await self._tell(BATCH_STATUS_FINALIZING)
        self.is_crowded = state.is_crowded
        again = DoneRequests()
        tries = 0
        while state.results:
            try:
                async with self._parts.reading:
                    await self._read(state, again)
                break
            except UpstreamError as error:
                tries += 1
                if tries >= MAX_TRIES:
                    self._log.warning("provider_batch_lost", name=self.kept.name, why=str(error))
                    break
                await self.pause(LineAnswer(0, b"", error).pause(tries))
        if self._owner.stop_reason is Stop.INTERRUPTED:
            return []
        counts = self.public.request_counts
        counts.completed = max(counts.completed, state.completed)
        counts.failed = max(counts.failed, state.failed)
        is_whole = self._owner.stop_reason is None
        found = await self._unmade(BATCH_STATUS_COMPLETED if is_whole else BATCH_STATUS_CANCELLED)
        with suppress(UpstreamError):
            await self._exchange.delete(self._begun, state)
        return found

    async def _read(self, state: BatchState, again: DoneRequests) -> None:
        """Have noted what requests came to; leave out what may do better as calls."""
        requests = await self._owner.requests_at(self._places)
        async with aclosing(self._exchange.results(state)) as results:
            async for result in results:
                if self._owner.stop_reason is Stop.INTERRUPTED:
                    return
                place = place_of(result)
                request = requests.get(place)
                if request is None or result.response is None:
                    continue
                if place in again or place in self._owner.recorder.done:
                    # Told twice.
                    continue
                answer = self._answer(place, request, result)
                if answer is None or (answer.may_pass and self._owner.stop_reason is None):
                    again.add(place)
                else:
                    await self._owner.note(place, request, answer)

    def _answer(self, place: int, request: LineRequest, result: BatchResult) -> LineAnswer | None:
        """Return what a request came to, and charge it; None where nobody can be charged."""
        owner, response = self._owner, result.response
        caller = owner.caller(place)
        if caller is None or response is None:
            return None
        batch = owner.kept.batch
        given = DeferredAnswer(
            self._exchange.by,
            response,
            derived_id(batch.id.removeprefix("batch_"), str(place)),
            self._paid_from,
        )
        body, options = bytes(request.body), owner.kept.options
        return self._parts.calls.answered(batch.endpoint, body, options, caller, given)

    async def _unmade(self, status: BatchStatus.ValueType) -> list[tuple[int, LineRequest]]:
        """End the batch; return its requests that are not done."""
        found = [*(await self._owner.requests_at(self._places)).items()]
        self.kept.is_over = True
        self.kept.requests = b""
        await self._tell(status)
        return found

    async def _tell(self, status: BatchStatus.ValueType) -> None:
        self.public.status = status
        await self._note()

    async def pause(self, seconds: float, *, wakes: bool = True) -> None:
        """Wait, but no longer than until there is a reason to stop, if that wakes it."""
        self.is_waiting = True
        try:
            if not wakes:
                await asyncio.sleep(seconds)
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await self._owner.stopped.wait()
        finally:
            self.is_waiting = False


def place_of(result: BatchResult) -> int:
    """Return a request's place in the batch; one that no request has for a name that is none."""
    return int(result.name) if result.name.isdecimal() and len(result.name) <= 9 else -1  # noqa: PLR2004 # digits
