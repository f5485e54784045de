"""What answers have in common that come as messages, be it over gRPC or over a WebSocket."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable

from conduit_kernel.http import BodyTooLarge, Headers, HttpError, Response, Timeouts
from conduit_kernel.http.wake_slot import WakeSlot
from conduit_providers.wire import HttpResponse
from conduit_router.routing.table import UpstreamTarget
from conduit_router.upstream.transport import MAX_ANSWER_BYTES, LazyHeaders
from conduit_router.upstream.transport_errors import raise_unreachable

# Unread bytes of an answer above which no more is read from the provider.
BUFFER_BYTES = 256 * 1024
_OK = 200


class MessageSource(ABC):
    """Reads messages into a response, no faster than they are taken."""

    def __init__(self, timeouts: Timeouts) -> None:
        self.wake_slot = WakeSlot(asyncio.get_running_loop())
        self.buffered = 0
        self.used = False
        self.answered = True
        self.timeouts = timeouts
        self.response = Response(self, [])
        self._may_read = asyncio.Event()
        self._may_read.set()

    @abstractmethod
    def drop(self) -> None:
        """Give up whatever is under way."""

    def resume(self) -> None:
        """Read on after the reader has taken what had arrived."""
        self.buffered = 0
        self._may_read.set()

    def begin(self, headers: Headers) -> None:
        """Note that the provider has taken the call."""
        self.response.status, self.response.headers = _OK, headers

    async def until_wanted(self) -> None:
        """Wait as long as there is enough for the reader."""
        await self._may_read.wait()

    def add(self, data: bytes) -> None:
        """Hand a message on."""
        self.response.parts.append(data)
        self.buffered += len(data)
        if self.buffered > BUFFER_BYTES:
            self.response.paused = True
            self._may_read.clear()
        self.wake_slot.wake()

    def finish(self, error: HttpError | None) -> None:
        """End the answer, unless its reader has."""
        if not self.response.done:
            self.response.done, self.response.error = True, error
        self.wake_slot.wake()


async def whole_answer(
    response: Response, upstream: UpstreamTarget, explain: Callable[[HttpError, bytes], None]
) -> tuple[HttpResponse, Headers]:
    """Return all messages of an answer, and its header fields. UpstreamError if it breaks off.

    Whoever knows more of why raises it from ``explain``, which gets what had come.
    """
    body = bytearray()
    try:
        while data := await response.next():
            body += data
            if len(body) > MAX_ANSWER_BYTES:
                raise BodyTooLarge(f"its messages have more than {MAX_ANSWER_BYTES} bytes")
    except HttpError as error:
        explain(error, bytes(body))
        raise_unreachable(error, upstream)
    finally:
        response.close()
    return HttpResponse(_OK, LazyHeaders(response.headers), bytes(body)), response.headers
