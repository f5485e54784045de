"""Unfolds bodies that a server has compressed, though nobody asked for it.

https://www.rfc-editor.org/rfc/rfc9110#section-8.4.1
"""

import sys
import zlib
from collections.abc import Callable
from typing import NamedTuple, Protocol

from conduit_kernel.http.errors import BodyCut, HttpError, ProtocolViolation

# What one piece may unfold to: a few bytes that become gigabytes are no answer.
MAX_UNFOLDED = 16 * 2**20
# Nor are thousands of members that hold nothing.
MAX_MEMBERS = 1024
_GZIP = frozenset({b"gzip", b"x-gzip"})
_ANY_HEADER = 32 + zlib.MAX_WBITS
_ZLIB_METHOD = 8
# 8 MiB, of which decoders keep the last bytes. https://www.rfc-editor.org/rfc/rfc9659#section-3
_ZSTD_WINDOW_LOG = 23


class _Member(Protocol):
    """Unfolds one member of a body; most have no other."""

    @property
    def eof(self) -> bool:
        """Return whether it has ended."""
        ...

    @property
    def unused_data(self) -> bytes:
        """Return what came behind its end."""
        ...

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        """Return what data unfolds to, no more than so many bytes by much."""
        ...


class _BrotliDecompressor(Protocol):
    """A `brotli.Decompressor`."""

    def process(self, data: bytes, /, *, output_buffer_limit: int) -> bytes:
        """Return what data unfolds to, a little more or less than the limit at most."""
        ...

    def can_accept_more_data(self) -> bool:
        """Return whether nothing is left over."""
        ...

    def is_finished(self) -> bool:
        """Return whether the stream has ended."""
        ...


class _BrotliMember:
    """A whole body; it has no other member, and what follows its end is an error of its own."""

    unused_data = b""

    def __init__(self, decompressor: _BrotliDecompressor) -> None:
        self._decompressor = decompressor

    @property
    def eof(self) -> bool:
        return self._decompressor.is_finished()

    def decompress(self, data: bytes, max_length: int, /) -> bytes:
        process = self._decompressor.process
        found = bytearray(process(data, output_buffer_limit=max_length))
        # Some is left over at times, though there is room for it.
        while len(found) < max_length and not self._decompressor.can_accept_more_data():
            found += process(b"", output_buffer_limit=max_length - len(found))
        return bytes(found)


class _Coding(NamedTuple):
    """A content coding."""

    begin: Callable[[], _Member]
    error: type[Exception]
    # Whether members may follow each other, and what may stand behind one.
    is_repeatable: bool = False
    padding: bytes = b""


class Unfolding:
    """Unfolds one body, piece by piece: gzip, deflate, br or zstd."""

    def __init__(self, name: bytes) -> None:
        self._name = name
        self._coding: _Coding | None = None
        self._member: _Member | None = None

    @property
    def is_cut(self) -> bool:
        """Return whether the body has not come to its end; no body at all has no coding."""
        return self._member is not None and not self._member.eof

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
        if self._coding is None:
            self._coding = _coding_of(self._name, data[0])
        try:
            return b"".join(self._members(self._coding, data))
        except self._coding.error as error:
            raise ProtocolViolation(
                f"the server sent a body that is not as coded: {error}"
            ) from error

    def _members(self, coding: _Coding, data: bytes) -> list[bytes]:
        """Return what members, or parts of them, unfold to."""
        left, found = MAX_UNFOLDED, list[bytes]()
        while data := self._without_padding(coding, data):
            member = self._member_of(coding)
            unfolded = member.decompress(data, left + 1)
            found.append(unfolded)
            left -= len(unfolded)
            if left < 0 or len(found) > MAX_MEMBERS:
                raise ProtocolViolation("the server sent a body that unfolds to too much")
            data = member.unused_data
        return found

    def _without_padding(self, coding: _Coding, data: bytes) -> bytes:
        has_ended = self._member is not None and self._member.eof
        return data.lstrip(coding.padding) if has_ended else data

    def _member_of(self, coding: _Coding) -> _Member:
        """Return the member that has not ended, or the next one. ProtocolViolation for none."""
        member = self._member
        if member is not None and not member.eof:
            return member
        if member is not None and not coding.is_repeatable:
            raise ProtocolViolation("the server sent more than its compressed body")
        self._member = coding.begin()
        return self._member


def _coding_of(name: bytes, first: int) -> _Coding:
    """Return the coding of a name, for a body with this first byte. ProtocolViolation."""
    if name in _GZIP:
        # Some tools fill up the last block of a file.
        return _Coding(_zlib, zlib.error, is_repeatable=True, padding=b"\0")
    if name == b"deflate":
        # Some servers send it without the header that it should have.
        return _Coding(_zlib if first & 0x0F == _ZLIB_METHOD else _bare_deflate, zlib.error)
    if name == b"br":
        return _brotli()
    if name == b"zstd":
        return _zstd()
    raise ProtocolViolation("the server used an unknown content coding")


def _zlib() -> _Member:
    return zlib.decompressobj(_ANY_HEADER)


def _bare_deflate() -> _Member:
    return zlib.decompressobj(-zlib.MAX_WBITS)


def _brotli() -> _Coding:
    import brotli  # noqa: PLC0415 # seldom needed

    return _Coding(lambda: _BrotliMember(brotli.Decompressor()), brotli.error)


def _zstd() -> _Coding:
    if sys.version_info >= (3, 14):
        from compression import zstd  # noqa: PLC0415 # seldom needed
    else:
        from backports import zstd  # noqa: PLC0415 # as above
    options: dict[int, int] = {zstd.DecompressionParameter.window_log_max: _ZSTD_WINDOW_LOG}
    return _Coding(
        lambda: zstd.ZstdDecompressor(options=options), zstd.ZstdError, is_repeatable=True
    )


def unfolding_of(coding: bytes) -> Unfolding | None:
    """Return what unfolds bodies of a coding; None if they are plain."""
    name = coding.strip().lower()
    return None if name in {b"", b"identity"} else Unfolding(name)


def is_cut(unfolding: Unfolding | None) -> bool:
    """Return whether a body ended before it was whole."""
    return unfolding is not None and unfolding.is_cut
