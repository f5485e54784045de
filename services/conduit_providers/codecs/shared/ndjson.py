"""Newline-delimited JSON from bytes, however they were cut.

https://github.com/ndjson/ndjson-spec
"""

from codecs import BOM_UTF8

from conduit_providers.codec import MAX_EVENT_BYTES
from conduit_providers.failures import too_large


class LineBuffer:
    """Holds bytes until they make whole lines. Bounded by MAX_EVENT_BYTES."""

    __slots__ = ("_held", "_provider")

    def __init__(self, provider: str = "") -> None:
        self._held = bytearray()
        self._provider = provider

    def feed(self, data: bytes) -> list[bytes]:
        """Add bytes; return the whole lines they complete, without ends and without empty ones."""
        block, found, rest = data.rpartition(b"\n")
        if not found:
            self._held += data
            self._check()
            return []
        block = bytes(self._held) + block
        self._held = bytearray(rest)
        self._check()
        # The mark may stand before the first of a stream.
        lines = [line.removeprefix(BOM_UTF8).strip() for line in block.split(b"\n")]
        return [line for line in lines if line]

    def rest(self) -> bytes:
        """Return the bytes that make no whole line; the end of the last one may be missing."""
        return bytes(self._held).removeprefix(BOM_UTF8).strip()

    def _check(self) -> None:
        if len(self._held) > MAX_EVENT_BYTES:
            raise too_large(self._provider, f"a line of more than {MAX_EVENT_BYTES} bytes")
