"""An answer whose body may still be on its way."""

from typing import Protocol

from conduit_kernel.http.errors import BodyTooLarge, HttpError
from conduit_kernel.http.gate import Gate
from conduit_kernel.http.headers import Headers


class Source(Protocol):
    """The connection that a response comes from."""

    gate: Gate

    def resume(self) -> None:
        """Read on after the reader has taken what had arrived."""

    def drop(self) -> None:
        """Give the connection up."""


class Response:
    """Status, headers, and the body as it comes. One reader at a time. Always ``close`` it."""

    __slots__ = ("_source", "done", "error", "headers", "parts", "paused", "status")

    def __init__(self, source: Source, parts: list[bytes]) -> None:
        self.status = 0
        self.headers: Headers
        self.parts = parts
        self.done = False
        self.error: HttpError | None = None
        self.paused = False
        self._source = source

    async def next(self) -> bytes:
        """All that has arrived since the last call, waiting for something; b"" at the end.

        Raises BodyCut, IdleTimeout or ProtocolViolation once everything before it was handed out.
        """
        while True:
            parts = self.parts
            if parts:
                data = parts[0] if len(parts) == 1 else b"".join(parts)
                parts.clear()
                if self.paused:
                    self.paused = False
                    self._source.resume()
                return data
            if self.done:
                if self.error is not None:
                    raise self.error
                return b""
            await self._source.gate

    async def read(self, max_bytes: int) -> bytes:
        """The whole (rest of the) body. Raises BodyTooLarge and drops the rest above max_bytes."""
        data = await self.next()
        if self.done and not self.parts and self.error is None:
            if len(data) > max_bytes:
                raise BodyTooLarge(f"the body is larger than {max_bytes} bytes")
            return data
        whole = bytearray()
        while data:
            whole += data
            if len(whole) > max_bytes:
                self.close()
                raise BodyTooLarge(f"the body is larger than {max_bytes} bytes")
            data = await self.next()
        return bytes(whole)

    def close(self) -> None:
        """Cancel what is still to come; the connection is lost unless the body was whole."""
        if not self.done:
            self.done = True
            self._source.drop()
        self.parts = []
