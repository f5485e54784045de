"""Server-sent events from bytes, however they were cut.

https://html.spec.whatwg.org/multipage/server-sent-events.html, without reconnection.
"""

from typing import NamedTuple

from conduit_providers.codec import MAX_EVENT_BYTES
from conduit_providers.failures import malformed


class SseEvent(NamedTuple):
    """One event with data."""

    data: bytes
    event: bytes = b"message"


class EventBuffer:
    """Holds bytes until they make whole events. Bounded by MAX_EVENT_BYTES."""

    __slots__ = ("_held", "_provider")

    def __init__(self, provider: str = "") -> None:
        self._held = b""
        self._provider = provider

    @property
    def held(self) -> bytes:
        """The bytes that make no whole event yet, with LF as the only line end."""
        return self._held.replace(b"\r", b"\n")

    def take(self, data: bytes) -> bytes:
        r"""Add bytes; return the whole events they complete, each with `\n\n` behind it."""
        if self._held:
            data = self._held + data
        elif data.endswith(b"\n\n") and b"\r" not in data:
            return data
        if b"\r" in data:
            # A CR at the very end may be half a line end.
            tail = b"\r" if data.endswith(b"\r") else b""
            data = data[: len(data) - len(tail)].replace(b"\r\n", b"\n").replace(b"\r", b"\n")
            data += tail
        end = data.rfind(b"\n\n") + 2
        if end == 1:
            self._held = data
            self._check()
            return b""
        self._held = data[end:]
        self._check()
        return data[:end]

    def _check(self) -> None:
        if len(self._held) > MAX_EVENT_BYTES:
            raise malformed(self._provider, f"an event of more than {MAX_EVENT_BYTES} bytes")


def events_in(block: bytes) -> list[SseEvent]:
    r"""Read whole events, as `EventBuffer.take` returns them; comments are left out."""
    return [event for part in block.split(b"\n\n") if (event := _event(part)) is not None]


def _event(part: bytes) -> SseEvent | None:
    data: list[bytes] = []
    name = b"message"
    for line in part.split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    return SseEvent(b"\n".join(data), name) if data else None
