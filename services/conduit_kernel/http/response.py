"""An answer whose body may still be on its way."""

import asyncio
from typing import Protocol

from conduit_kernel.http.errors import (
    BodyCut,
    BodyTooLarge,
    ConnectionReset,
    HttpError,
    IdleTimeout,
)
from conduit_kernel.http.headers import Headers
from conduit_kernel.http.limits import QUIET_TIMES, Timeouts
from conduit_kernel.http.wake_slot import WakeSlot


class BodySource(Protocol):
    """The connection that a response comes from."""

    wake_slot: WakeSlot
    buffered: int
    # Of the request under way.
    timeouts: Timeouts
    # Whether it has served a request before, and whether this one had a byte of an answer.
    used: bool
    answered: bool

    def resume(self) -> None:
        """Read on after the reader has taken what had arrived."""

    def drop(self) -> None:
        """Give the connection up."""


class BodyRedactor(Protocol):
    """Takes secrets out of bodies; what it returns is as long as what it was given."""

    def covered(self, data: bytes, /) -> bytes:
        """Return bytes without the secrets that are whole in them."""
        ...

    def unfinished(self, data: bytes, /) -> int:
        """Return how many bytes at the end may be the beginning of a secret."""
        ...


class Response:
    """Status, headers, and the body as it comes. One reader at a time. Always ``close`` it."""

    __slots__ = (
        *("_held", "_source", "done", "error", "headers", "parts", "paused", "redactor"),
        *("status", "wake_slot"),
    )

    headers: Headers

    def __init__(self, source: BodySource, parts: list[bytes]) -> None:
        self.status = 0
        self.parts = parts
        self.done = False
        self.error: HttpError | None = None
        self.paused = False
        # What the body is read through; None for what nothing has to be taken out of.
        self.redactor: BodyRedactor | None = None
        # The end of what has arrived, as long as a secret may begin there.
        self._held = b""
        self._source = source
        # Opens when more has arrived.
        self.wake_slot = source.wake_slot

    @property
    def was_stale(self) -> bool:
        """Return whether the server had most likely closed the connection before the request came.

        It was kept from an earlier request, and ended without a single byte of an answer.
        """
        source = self._source
        return isinstance(self.error, ConnectionReset) and source.used and not source.answered

    async def next(self) -> bytes:
        """Give all that has arrived since the last call, waiting for something; b"" at the end.

        Raises BodyCut, IdleTimeout or ProtocolViolation once everything before it was handed out.
        """
        while True:
            while not (self.parts or self.done):
                await self.wake_slot
            data = self.take()
            if data or self.done:
                return data

    def take(self) -> bytes:
        """Give what `next` gives, without waiting: only once there are `parts`, or it is `done`.

        b"" is the end only if it is `done`: what may be the beginning of a secret is held back.
        """
        if self.parts:
            return self._take()
        if self._held:
            data, self._held = self._held, b""
            return data
        if self.error is not None:
            raise self.error.anew()
        return b""

    async def read(self, max_bytes: int) -> bytes:
        """Give the (rest of the) body, whole. Raises BodyTooLarge, and what ``next`` raises.

        IdleTimeout also where white space is all that comes for a while: between the words of JSON
        it means nothing, and servers send it to keep connections open.
        """
        whole, blank_since = bytearray(), None
        while data := await self.next():
            whole += data
            if len(whole) > max_bytes:
                self.close()
                raise BodyTooLarge(f"the body is larger than {max_bytes} bytes")
            blank_since = self._still_blank(blank_since) if data.isspace() else None
        return bytes(whole)

    def take_whole(self, max_bytes: int) -> bytes | None:
        """Give the (rest of the) body if all of it has arrived; None if it must be read.

        Most bodies come together with their head, and need no waiting for. Raises BodyTooLarge.
        """
        if not self.done or self.error is not None:
            return None
        parts, self.parts = self.parts, []
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        if len(data) > max_bytes:
            raise BodyTooLarge(f"the body is larger than {max_bytes} bytes")
        return data if self.redactor is None else self._covered(self.redactor, data)

    def close(self) -> None:
        """Cancel what is still to come; the connection is lost unless the body was whole."""
        if not self.done:
            self.done = True
            self.error = BodyCut("the response was closed before its end")
            self._source.drop()
        self.parts, self._held = [], b""

    def _still_blank(self, since: float | None) -> float:
        """Return since when there is nothing but white space. IdleTimeout after too long."""
        now = asyncio.get_running_loop().time()
        if since is None:
            return now
        if not self.done and now - since > QUIET_TIMES * self._source.timeouts.idle:
            self.close()
            raise IdleTimeout(f"nothing but white space came for {now - since:.0f} s")
        return since

    def _take(self) -> bytes:
        parts = self.parts
        data = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        if not self.done:
            self._source.buffered = 0
            if self.paused:
                self.paused = False
                self._source.resume()
        return data if self.redactor is None else self._covered(self.redactor, data)

    def _covered(self, redactor: BodyRedactor, data: bytes) -> bytes:
        """Return what may be handed out of what was held back and what has come."""
        if self._held:
            data = self._held + data
            self._held = b""
        data = redactor.covered(data)
        if not self.done and (count := redactor.unfinished(data)):
            data, self._held = data[:-count], data[-count:]
        return data
