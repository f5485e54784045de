"""Server-sent events from bytes, however they were cut.

https://html.spec.whatwg.org/multipage/server-sent-events.html, without reconnection.
"""

from codecs import BOM_UTF8
from typing import NamedTuple

from conduit_providers.codec import MAX_EVENT_BYTES
from conduit_providers.failures import too_large


class SseEvent(NamedTuple):
    """One event with data."""

    data: bytes
    event: bytes = b"message"


class EventBuffer:
    """Holds bytes until they make whole events. Bounded, by MAX_EVENT_BYTES unless told.

    Bytes are looked at once, when they come, so that a line without end costs no more than others.
    """

    __slots__ = ("_ends_with_cr", "_held", "_most", "_provider")

    def __init__(self, provider: str = "", most: int = MAX_EVENT_BYTES) -> None:
        self._held = bytearray()
        # A CR at the very end may be half a line end.
        self._ends_with_cr = False
        self._provider = provider
        self._most = most

    @property
    def held(self) -> bytes:
        """The bytes that make no whole event yet, with LF as the only line end."""
        return bytes(self._held) + (b"\n" if self._ends_with_cr else b"")

    def feed(self, data: bytes) -> bytes:
        r"""Add bytes; return the whole events they complete, each with `\n\n` behind it."""
        held = self._held
        if self._ends_with_cr:
            data = b"\r" + data
        elif not held and data.endswith(b"\n\n") and data.find(b"\r") < 0:
            return data
        if data.find(b"\r") >= 0:
            data = self._with_plain_ends(data)
        end = data.rfind(b"\n\n") + 2
        if end == 1 and not (held.endswith(b"\n") and data.startswith(b"\n")):
            self._hold(data)
            return b""
        whole = bytes(held) + data[:end]
        held.clear()
        self._hold(data[end:])
        return whole

    def _with_plain_ends(self, data: bytes) -> bytes:
        self._ends_with_cr = data.endswith(b"\r")
        return data.removesuffix(b"\r").replace(b"\r\n", b"\n").replace(b"\r", b"\n")

    def _hold(self, data: bytes) -> None:
        self._held += data
        if len(self._held) > self._most:
            raise too_large(self._provider, f"an event of more than {self._most} bytes")


def events_in(block: bytes) -> list[SseEvent]:
    r"""Read whole events, as `EventBuffer.feed` returns them; comments are left out."""
    return [event for part in block.split(b"\n\n") if (event := _event(part)) is not None]


def _event(part: bytes) -> SseEvent | None:
    data: list[bytes] = []
    name = b"message"
    # The mark may stand before the first of a stream.
    for line in part.removeprefix(BOM_UTF8).split(b"\n"):
        field, _, value = line.partition(b":")
        value = value.removeprefix(b" ")
        if field == b"data":
            data.append(value)
        elif field == b"event":
            name = value
    return SseEvent(b"\n".join(data), name) if data else None
