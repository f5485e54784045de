"""Works on one batch: reads its file, makes its requests, has what they come to noted."""

import asyncio
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import aclosing, suppress
from typing import NamedTuple, Self

from conduit.internal.v1.batch_storage_service_pb2 import KeptBatch
from conduit.v1.batch_pb2 import (
    BATCH_STATUS_CANCELLED,
    BATCH_STATUS_CANCELLING,
    BATCH_STATUS_COMPLETED,
    BATCH_STATUS_EXPIRED,
    BATCH_STATUS_FAILED,
    BatchError,
    BatchStatus,
)
from conduit_kernel.errors import ConduitError
from conduit_kernel.not_found_errors import FileNotFound
from conduit_router.batches.call_window import CallWindow
from conduit_router.batches.calls import MAX_TRIES, BatchCalls, LineAnswer, unmade, written
from conduit_router.batches.done_requests import DoneRequests
from conduit_router.batches.lines import Line, lines_of
from conduit_router.batches.recording import BatchRecorder, Result
from conduit_router.batches.remote.owner import RemoteParts, Stop
from conduit_router.batches.remote.work import RemoteWork
from conduit_router.batches.requests import LineRequest, checked, request_in
from conduit_router.context import CallerContext
from conduit_router.files.keeping import FileKeeper
from conduit_router.routing.table import Caller

# Results of requests that are not made any more are noted so many at a time.
_AT_ONCE = 1000


_MESSAGES = {
    Stop.CANCELLED: "The batch was taken back before this request was made",
    Stop.EXPIRED: "The batch's time was up before this request was made",
    Stop.FULL: "The files of this virtual key leave no room for more results",
}
_OUTCOMES: dict[Stop, BatchStatus.ValueType] = {
    Stop.CANCELLED: BATCH_STATUS_CANCELLED,
    Stop.EXPIRED: BATCH_STATUS_EXPIRED,
}


class RunParts(NamedTuple):
    """The things that all runs of a router share."""

    files: FileKeeper
    calls: BatchCalls
    # Returns who calls by the id of a virtual key. One of the VIRTUAL_KEY errors without it.
    caller_of: Callable[[int], Caller]
    # Seconds since 1970.
    clock: Callable[[], float]
    # Of all batches at this router.
    places: asyncio.Semaphore
    # Of one.
    most_calls: int
    # Makes requests by the batches of providers; None where no router does.
    remote: RemoteParts | None = None

    @classmethod
    def of(  # noqa: PLR0917 # all that they are
        cls,
        files: FileKeeper,
        calls: BatchCalls,
        caller_of: Callable[[int], Caller],
        clock: Callable[[], float],
        most_calls: int,
        remote: RemoteParts,
    ) -> Self:
        """Return those of a router, which makes so many calls at a time."""
        places = asyncio.Semaphore(most_calls)
        return cls(files, calls, caller_of, clock, places, most_calls, remote)


class BatchRun:
    """The work on one batch, from where it was left."""

    def __init__(self, kept: KeptBatch, recorder: BatchRecorder, parts: RunParts) -> None:
        # As BatchOwner has them.
        self.kept = kept
        self._batch = kept.batch
        self.recorder = recorder
        self._parts = parts
        self._window = CallWindow(parts.most_calls)
        self._stop: Stop | None = None
        self.stopped = asyncio.Event()
        self._refusal: ConduitError | None = None
        self._remote = None if parts.remote is None else RemoteWork(self, parts.remote)
        self._under_way: asyncio.TaskGroup | None = None
        self._has_read = False
        if kept.batch.status == BATCH_STATUS_CANCELLING:
            self.stop(Stop.CANCELLED)

    @property
    def stop_reason(self) -> Stop | None:
        """Return why no more requests are made; None as long as they are."""
        return self._stop

    @property
    def is_waiting(self) -> bool:
        """Return whether it needs nothing but that providers go on with their batches."""
        is_idle = self._has_read and self._window.is_idle
        return is_idle and self._remote is not None and self._remote.is_waiting

    def stop(self, why: Stop) -> None:
        """Make no more requests; those under way are waited for."""
        if self._stop is None:
            self._stop = why
            self.stopped.set()

    async def run(self) -> None:
        """Work on the batch to its end, or until it is stopped. NotHeld if it is another's."""
        is_new = not self._batch.HasField("in_progress_at") and self._stop is None
        if is_new and (problems := await self._read()):
            await self.recorder.end(BATCH_STATUS_FAILED, problems)
            return
        await self._make_all()
        match self._stop:
            case Stop.INTERRUPTED:
                return
            case None:
                await self.recorder.end(BATCH_STATUS_COMPLETED)
            case Stop.CANCELLED | Stop.EXPIRED as why:
                with suppress(FileNotFound):
                    await self._note_unmade(why)
                await self.recorder.end(_OUTCOMES[why])
            case why:
                await self.recorder.end(BATCH_STATUS_FAILED, [self._problem(why)])

    async def _read(self) -> list[BatchError]:
        """Look through the batch's file; return what is wrong with it."""
        async with aclosing(self._lines()) as lines:
            found = await checked(lines, self._batch.endpoint)
        if not found.problems.data:
            await self.recorder.read(found.total, found.model)
            self._batch.request_counts.total = found.total
        return [*found.problems.data]

    async def _make_all(self) -> None:
        """Make the requests that are not done, as many at a time as there is room for."""
        async with asyncio.TaskGroup() as under_way, aclosing(self._open_requests()) as requests:
            self._under_way = under_way
            if self._remote is not None:
                await self._remote.resume(under_way)
            try:
                async for place, request in requests:
                    if self._remote is not None and self._remote.has(place):
                        continue
                    self.look()
                    if self._stop is not None:
                        break
                    if self._remote is None or not await self._remote.take(place, request):
                        await self.make_call(place, request)
                if self._remote is not None:
                    await self._remote.send_all()
            except FileNotFound as error:
                # Deleted meanwhile; what is under way was paid for.
                self._refuse(error)
            self._has_read = True

    async def make_call(self, place: int, request: LineRequest) -> None:
        """Begin to make a request as a call, once there is room for it."""
        await self._window.take()
        self.look()
        if self._stop is not None:
            self._window.give()
            return
        assert self._under_way is not None  # noqa: S101 # as long as requests are made
        self._under_way.create_task(self._make(place, request))

    async def _make(self, place: int, request: LineRequest) -> None:
        """Make a request, and have noted what it comes to."""
        try:
            answer = await self._answer(place, request)
            if answer is None:
                # Stopped before it was made.
                return
            await self.note(place, request, answer)
        finally:
            self._window.give()

    async def note(self, place: int, request: LineRequest, answer: LineAnswer) -> None:
        """Have noted what a request came to."""
        line = written(self._line_id(place), request.custom_id, self._request_id(place), answer)
        await self.recorder.add([Result(place, line, is_failed=answer.error is not None)])

    async def requests_at(self, places: DoneRequests) -> Mapping[int, LineRequest]:
        """Return the requests at some places that are not done."""
        async with aclosing(self._open_requests()) as requests:
            return {place: request async for place, request in requests if place in places}

    async def _answer(self, place: int, request: LineRequest) -> LineAnswer | None:
        """Return what a request comes to, tried as often as is worth it."""
        tries = 0
        while self._stop is None:
            caller = self.caller(place)
            if caller is None:
                return None
            async with self._parts.places:
                answer = await self._parts.calls.make(
                    self._batch.endpoint, bytes(request.body), self.kept.options, caller
                )
            if answer.error is None:
                self._window.succeeded()
            if not answer.may_pass:
                return answer
            self._window.slowed()
            pause = answer.pause(tries)
            tries += 1
            if tries >= MAX_TRIES and not answer.is_waited_out:
                return answer
            with suppress(TimeoutError):
                async with asyncio.timeout(pause):
                    await self.stopped.wait()
            self.look()
        return None

    def caller(self, place: int) -> CallerContext | None:
        """Return in whose name a request is made; None, and stop, if it may be no more."""
        try:
            caller = self._parts.caller_of(self.kept.virtual_key_id)
        except ConduitError as error:
            self._refuse(error)
            return None
        kept = self.kept
        return CallerContext(caller, self._request_id(place), kept.peer, kept.certificate)

    def _refuse(self, error: ConduitError) -> None:
        self._refusal = error
        self.stop(Stop.REFUSED)

    def look(self) -> None:
        """Stop where there is a reason to."""
        if self.recorder.is_cancelling:
            self.stop(Stop.CANCELLED)
        if self._parts.clock() >= self._batch.expires_at:
            self.stop(Stop.EXPIRED)
        if self.recorder.is_full:
            self.stop(Stop.FULL)

    async def _note_unmade(self, why: Stop) -> None:
        """Have noted of each request that was not made why it was not."""
        results = list[Result]()
        async with aclosing(self._open_requests()) as requests:
            async for place, request in requests:
                line = unmade(self._line_id(place), request.custom_id, why.value, _MESSAGES[why])
                results.append(Result(place, line, is_failed=True, is_made=False))
                if len(results) >= _AT_ONCE:
                    await self.recorder.add(results)
                    results = []
        if results:
            await self.recorder.add(results)

    async def _open_requests(self) -> AsyncGenerator[tuple[int, LineRequest], None]:
        """Yield the requests that are not done, each with its place among all."""
        if not self._batch.HasField("in_progress_at") and not self._batch.request_counts.total:
            # Nobody knows whether they are requests.
            return
        place = -1
        async with aclosing(self._lines()) as lines:
            async for line in lines:
                place += 1
                if place not in self.recorder.done:
                    yield place, request_in(line, self._batch.endpoint)

    async def _lines(self) -> AsyncGenerator[Line, None]:
        owner, file_id = self.kept.virtual_key_id, self._batch.input_file_id
        async with (
            aclosing(self._parts.files.read(owner, file_id, waits=True)) as content,
            aclosing(lines_of(content)) as lines,
        ):
            async for line in lines:
                yield line

    def _problem(self, why: Stop) -> BatchError:
        if self._refusal is not None:
            return BatchError(code=self._refusal.reason.lower(), message=self._refusal.message)
        return BatchError(code=why.value, message=_MESSAGES[why])

    def _line_id(self, place: int) -> str:
        return f"batch_req_{self._batch.id.removeprefix('batch_')}_{place + 1}"

    def _request_id(self, place: int) -> str:
        return f"{self._batch.id}_{place + 1}"
