"""A request's body on its way from the caller to the handler."""

import asyncio
from collections.abc import AsyncIterator
from typing import Protocol

from conduit_kernel.http.request import Request
from conduit_kernel.http.wake_slot import WakeSlot


class BodyFlow(Protocol):
    """The connection that a body comes over."""

    def want_body(self) -> None:
        """Read on: the handler waits for more."""


class RequestBody:
    """A body in pieces, as they come. One reader at a time.

    Bytes that nobody reads are kept up to a bound; then the caller is held back.
    """

    __slots__ = ("_flow", "_parts", "_slot", "buffered", "done", "error", "keep_alive", "request")

    def __init__(self, request: Request, *, keep_alive: bool = False) -> None:
        self.request = request
        self.keep_alive = keep_alive
        """Whether the connection may go on once the body is whole."""
        self.buffered = 0
        self.done = False
        self.error: Exception | None = None
        self._parts: list[bytes] = []
        self._flow: BodyFlow | None = None
        self._slot: WakeSlot | None = None

    @classmethod
    def whole(cls, request: Request) -> "RequestBody":
        """Make a body of what a request that came whole has."""
        made = cls(request)
        if request.body:
            made._parts.append(request.body)
        made.done = True
        return made

    async def next(self) -> bytes:
        """Return all that has arrived since the last call, waiting for something; b"" at the end.

        Raises Refusal where the body is too large, too slow or malformed, and CallerGone; both
        once everything before it was handed out.
        """
        while not self._parts:
            if self.done:
                if self.error is not None:
                    raise self.error
                return b""
            if self._flow is not None:
                self._flow.want_body()
            if self._slot is None:
                self._slot = WakeSlot(asyncio.get_running_loop())
            await self._slot
        parts = self._parts
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        self.buffered = 0
        return data

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the pieces as ``next`` returns them."""
        while data := await self.next():
            yield data

    # For the connection and its reader.

    @property
    def is_whole(self) -> bool:
        """Return whether all of it has come."""
        return self.done and self.error is None

    @property
    def is_awaited(self) -> bool:
        """Return whether the handler waits for more."""
        return self._slot is not None and self._slot.waiter is not None

    def flow_from(self, flow: BodyFlow) -> None:
        """Take the connection that more comes over."""
        self._flow = flow

    def add(self, data: bytes) -> None:
        """Take a piece."""
        if not self.done:
            self._parts.append(data)
            self.buffered += len(data)

    def end(self, error: Exception | None = None) -> None:
        """Take the end: of all, or with an error."""
        if self.done:
            return
        self.done = True
        self.error = error
        if error is None and not self.request.is_answered:
            self.request.keep_alive = self.keep_alive

    def wake(self) -> None:
        """Let the handler go on, now; call it last."""
        if self._slot is not None:
            self._slot.wake()
