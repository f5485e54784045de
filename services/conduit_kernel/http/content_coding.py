"""Unfolds bodies that a server has compressed, though nobody asked for it.

https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1
"""

import zlib
from collections.abc import Callable

from conduit_kernel.http.errors import BodyCut, HttpError, ProtocolViolation

# What one piece may unfold to: a few bytes that become gigabytes are no answer.
MAX_UNFOLDED = 16 * 2**20
_GZIP = frozenset({b"gzip", b"x-gzip"})
_ANY_HEADER = 32 + zlib.MAX_WBITS
_ZLIB_METHOD = 8


class Unfolding:
    """Unfolds one body, piece by piece: gzip or deflate."""

    def __init__(self, coding: bytes) -> None:
        self._coding = coding
        self._unfold = zlib.decompressobj(_ANY_HEADER)
        self._has_begun = False

    @property
    def is_cut(self) -> bool:
        """Return whether the body has not come to its end; no body at all has no coding."""
        return self._has_begun and not self._unfold.eof

    def unfold(
        self, parts: list[bytes], before: int, fail: Callable[[HttpError], None], *, is_end: bool
    ) -> bool:
        """Put what the new parts unfold to in their place; fail and return False if it is none."""
        came = b"".join(parts[before:])
        del parts[before:]
        try:
            if came and (unfolded := self.feed(came)):
                parts.append(unfolded)
            if is_end and self.is_cut:
                raise BodyCut("the server cut its compressed body")
        except HttpError as error:
            fail(error)
            return False
        return True

    def feed(self, data: bytes) -> bytes:
        """Return what a piece unfolds to. ProtocolViolation if it makes no sense, or too much."""
        if not self._has_begun:
            self._begin(data)
        try:
            unfolded = self._unfold.decompress(data, MAX_UNFOLDED)
        except zlib.error as error:
            raise ProtocolViolation(
                f"the server sent a body that is not as coded: {error}"
            ) from error
        if self._unfold.unconsumed_tail:
            raise ProtocolViolation("the server sent a body that unfolds to too much")
        return unfolded

    def _begin(self, data: bytes) -> None:
        self._has_begun = True
        if self._coding == b"deflate":
            # Some servers send it without the header that it should have.
            if data[0] & 0x0F != _ZLIB_METHOD:
                self._unfold = zlib.decompressobj(-zlib.MAX_WBITS)
        elif self._coding not in _GZIP:
            raise ProtocolViolation("the server used an unknown content coding")


def unfolding_of(coding: bytes) -> Unfolding | None:
    """Return what unfolds bodies of a coding; None if they are plain."""
    name = coding.strip().lower()
    return None if name in {b"", b"identity"} else Unfolding(name)


def is_cut(unfolding: Unfolding | None) -> bool:
    """Return whether a body ended before it was whole."""
    return unfolding is not None and unfolding.is_cut
