"""What the batches of providers need of the batch that they are parts of."""

import asyncio
from collections.abc import Mapping
from enum import Enum
from typing import NamedTuple, Protocol, Self

from conduit.internal.v1.batch_storage_service_pb2 import KeptBatch
from conduit_router.batches.calls import BatchCalls, LineAnswer
from conduit_router.batches.done_requests import DoneRequests
from conduit_router.batches.recording import BatchRecorder
from conduit_router.batches.requests import LineRequest
from conduit_router.calls.runtime import CallRuntime
from conduit_router.context import CallerContext

# A provider is asked for a batch's state later each time, so many times as late at last.
LOOKS = 24
# Held at a router at a time, until providers have them; and whose results are read.
MOST_SENDING, MOST_READING = 4, 2


class Stop(Enum):
    """The reasons to make no more requests of a batch before all are made."""

    CANCELLED = "batch_cancelled"
    EXPIRED = "batch_expired"
    FULL = "storage_full"
    # Its virtual key, or its file, is no more.
    REFUSED = "refused"
    # The router stops; another one goes on.
    INTERRUPTED = "interrupted"


class RemoteParts(NamedTuple):
    """The things that the batches of providers share at a router."""

    runtime: CallRuntime
    calls: BatchCalls
    sending: asyncio.Semaphore
    reading: asyncio.Semaphore
    # After how many seconds a batch is first looked at.
    first_look: float

    @classmethod
    def of(cls, runtime: CallRuntime, calls: BatchCalls, first_look: float) -> Self:
        """Return those of a router."""
        sending, reading = asyncio.Semaphore(MOST_SENDING), asyncio.Semaphore(MOST_READING)
        return cls(runtime, calls, sending, reading, first_look)

    @property
    def longest_look(self) -> float:
        """Return after how many seconds it is looked at in the end."""
        return LOOKS * self.first_look


class BatchOwner(Protocol):
    """A batch of Conduit's that is worked on."""

    kept: KeptBatch
    recorder: BatchRecorder
    # Set once there is a reason to stop.
    stopped: asyncio.Event

    @property
    def stop_reason(self) -> Stop | None:
        """Return why no more requests are made; None as long as they are."""
        ...

    def look(self) -> None:
        """Stop where there is a reason to."""
        ...

    def caller(self, place: int) -> CallerContext | None:
        """Return in whose name a request is made; None, and stop, if it may be no more."""
        ...

    async def requests_at(self, places: DoneRequests) -> Mapping[int, LineRequest]:
        """Return the requests at some places that are not done."""
        ...

    async def make_call(self, place: int, request: LineRequest) -> None:
        """Begin to make a request as a call, once there is room for it."""
        ...

    async def note(self, place: int, request: LineRequest, answer: LineAnswer) -> None:
        """Have noted what a request came to."""
        ...
