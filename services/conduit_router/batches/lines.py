"""The lines of a batch's file, as its bytes come."""

from collections.abc import AsyncGenerator, AsyncIterable
from typing import NamedTuple

from conduit_kernel.http.limits import MIB

# Of one line: requests with pictures in them are long.
MAX_LINE_BYTES = 16 * MIB
# Of a file, blank ones as well: twice as many as a batch may have requests.
MAX_LINES = 100_000
# That some editors put before all.
_MARK = b"\xef\xbb\xbf"


class Line(NamedTuple):
    """A line that is not blank."""

    # In the file, from 1, blank ones counted.
    number: int
    # None for one that is too long to be held.
    content: bytes | None


class TooManyLines(Exception):
    """A file has more lines than any batch's."""


async def lines_of(
    content: AsyncIterable[bytes], max_bytes: int = MAX_LINE_BYTES, max_lines: int = MAX_LINES
) -> AsyncGenerator[Line, None]:
    """Yield the lines of a file, of which the last one need not end. Raises TooManyLines."""
    splitter = LineSplitter(max_bytes, max_lines)
    async for piece in content:
        for line in splitter.feed(piece):
            yield line
    for line in splitter.feed(b"\n"):
        yield line


class LineSplitter:
    """Bytes to lines, however they were cut; no more of a line is held than it may have."""

    def __init__(self, max_bytes: int, max_lines: int = MAX_LINES) -> None:
        """Take how long a line may be, and how many there may be, blank ones as well."""
        self._max_bytes = max_bytes
        self._max_lines = max_lines
        self._held = bytearray()
        self._is_too_long = False
        self._number = 0

    def feed(self, data: bytes) -> list[Line]:
        """Take the next bytes; return the lines that end in them. Raises TooManyLines."""
        *ended, rest = data.split(b"\n")
        found = list[Line]()
        for part in ended:
            self._hold(part)
            line = self._end()
            if line is not None:
                found.append(line)
        self._hold(rest)
        return found

    def _hold(self, part: bytes) -> None:
        if len(self._held) + len(part) > self._max_bytes:
            self._is_too_long = True
            self._held.clear()
        if not self._is_too_long:
            self._held += part

    def _end(self) -> Line | None:
        if self._number == self._max_lines:
            raise TooManyLines
        self._number += 1
        content, is_too_long = bytes(self._held), self._is_too_long
        self._held.clear()
        self._is_too_long = False
        if is_too_long:
            return Line(self._number, None)
        if self._number == 1:
            content = content.removeprefix(_MARK)
        content = content.strip()
        return Line(self._number, content) if content else None
