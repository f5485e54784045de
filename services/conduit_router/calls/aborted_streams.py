"""Streams, and answers, whose callers leave before the end, by their instance's policy.

Many providers go on, and bill, though nobody listens. Theirs are read to their end, as they count
then what everything was; the call ends when that is known, and what it reserved is held until then.
"""

import asyncio
from collections.abc import Callable, Coroutine
from types import TracebackType
from typing import Any, Protocol, TypeVar

import structlog

from conduit.v1.provider_pb2 import ABORTED_STREAM_POLICY_READ_TO_END
from conduit_kernel.errors import ConduitError
from conduit_kernel.http import CallerGone, HttpError
from conduit_router.routing.attempt_plan import Attempt
from conduit_router.spending.purse import Reserved

ResultT = TypeVar("ResultT")
# Reasoning models take minutes.
MAX_SECONDS = 300.0
MAX_BYTES = 16 * 1024 * 1024
# Each holds a connection, and its decoder's memory.
MAX_STREAMS = 100


class AbortedCall(Protocol):
    """A call whose caller has left."""

    # Whether its end is left to who reads on.
    is_read_on: bool
    attempt: Attempt | None
    reserved: Reserved | None

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """End it."""
        ...


class AbortedStream(Protocol):
    """The stream of an attempt."""

    async def read_on(self) -> int:
        """Return how many bytes came next, 0 at the end. UpstreamError or HttpError if it fails."""
        ...

    def end_aborted(self) -> None:
        """Close it, and note what it used."""
        ...


class AbortedStreams:
    """Reads streams to their end, and waits for answers, within bounds of time, bytes, number."""

    def __init__(
        self, seconds: float = MAX_SECONDS, most_bytes: int = MAX_BYTES, most: int = MAX_STREAMS
    ) -> None:
        """Take the bounds of each stream, and how many may be read at a time."""
        self._seconds = seconds
        self._most_bytes = most_bytes
        self._most = most
        self._reading = set[asyncio.Task[None]]()
        self._is_closed = False

    @property
    def count(self) -> int:
        """Return how many are read just now."""
        return len(self._reading)

    def take(self, call: AbortedCall, attempt: Attempt, stream: AbortedStream) -> bool:
        """Read a stream on, and end it and its call; return whether that is its instance's policy.

        False as well where there is no room.
        """
        if call.attempt is not attempt or not self._reads_on(attempt):
            return False
        self._hand_over(call)
        self._start(self._read(stream), call, [stream])
        return True

    async def opened(
        self,
        call: AbortedCall,
        opening: Coroutine[Any, Any, ResultT],
        stream_of: Callable[[ResultT], AbortedStream],
    ) -> ResultT:
        """Return what an opening comes to, which goes on where its caller leaves meanwhile."""
        task = asyncio.ensure_future(opening)
        try:
            return await asyncio.shield(task)
        except asyncio.CancelledError:
            attempt = call.attempt
            if attempt is None or not attempt.is_sent or not self._reads_on(attempt):
                await _call_off(task, stream_of)
                raise
            self._hand_over(call)
            opened: list[AbortedStream] = []
            self._start(self._open(task, stream_of, opened), call, opened)
            raise
        finally:
            # A task refers to its error, which refers to this frame: the body would be kept.
            del task

    async def close(self) -> None:
        """Read no further; what was read is charged, the rest as an estimate."""
        self._is_closed = True
        reading = [*self._reading]
        for each in reading:
            each.cancel()
        await asyncio.gather(*reading, return_exceptions=True)

    def _reads_on(self, attempt: Attempt) -> bool:
        policy = attempt.candidate.instance.aborted_streams
        has_room = len(self._reading) < self._most and not self._is_closed
        return policy == ABORTED_STREAM_POLICY_READ_TO_END and has_room

    def _hand_over(self, call: AbortedCall) -> None:
        call.is_read_on = True
        if call.reserved is not None:
            # Its caller may call again at once.
            call.reserved.free_place()

    def _start(
        self, work: Coroutine[Any, Any, None], call: AbortedCall, opened: list[AbortedStream]
    ) -> None:
        task = asyncio.ensure_future(work)
        self._reading.add(task)
        # Not within the work: that may be called off before it begins.
        task.add_done_callback(lambda done: self._end(done, call, opened))

    async def _open(
        self,
        opening: asyncio.Future[ResultT],
        stream_of: Callable[[ResultT], AbortedStream],
        opened: list[AbortedStream],
    ) -> None:
        async with asyncio.timeout(self._seconds):
            opened.append(stream_of(await opening))
        await self._read(opened[0])

    async def _read(self, stream: AbortedStream) -> None:
        left = self._most_bytes
        async with asyncio.timeout(self._seconds):
            while size := await stream.read_on():
                left -= size
                if left <= 0:
                    raise TimeoutError("an aborted stream is longer than it is read")

    def _end(
        self, task: asyncio.Task[None], call: AbortedCall, opened: list[AbortedStream]
    ) -> None:
        """End a call, and its attempt: with what was counted until now."""
        self._reading.discard(task)
        error = None if task.cancelled() else task.exception()
        if isinstance(error, TimeoutError):
            structlog.get_logger("calls").info("aborted_stream_left_off", why=str(error))
        elif error is not None and not isinstance(error, ConduitError | HttpError):
            structlog.get_logger("calls").error("aborted_stream_failed", exc_info=error)
        call.is_read_on = False
        gone = CallerGone("the caller left before its answer was whole")
        try:
            for stream in opened:
                stream.end_aborted()
        finally:
            call.__exit__(CallerGone, gone, None)


async def _call_off(
    task: asyncio.Task[ResultT], stream_of: Callable[[ResultT], AbortedStream]
) -> None:
    """Cancel an opening, and wait until it is over; what has been opened is closed."""
    task.cancel()
    await asyncio.wait({task})
    if not task.cancelled() and task.exception() is None:
        stream_of(task.result()).end_aborted()
