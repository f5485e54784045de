"""Masks in the words of other providers: OpenAI's are transparent where an image may change.

Only the transparency is read, since each byte of a pixel is filtered for itself:
https://www.w3.org/TR/png-3/#9Filters.
"""

import struct
import zlib
from collections.abc import Iterator
from itertools import accumulate
from typing import NamedTuple

from conduit_kernel.errors import InvalidRequest

# The largest image that any model of OpenAI's draws.
MAX_PIXELS = 3840 * 2160
# Its longer side. A mask of as many pixels in rows of one would take half a minute.
MAX_SIDE = 3840
_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEAD = struct.Struct(">IIBBBBB")
# Bytes of a pixel before its transparency, in the two colour types that have it.
_BEFORE = {4: 1, 6: 3}
_FLIPPED = bytes(range(255, -1, -1))
# What is rather white becomes white.
_TONES = bytes(128) + b"\xff" * 128
# So many bytes of pixels are in memory at a time.
_AT_ONCE = 1024 * 1024


class _Head(NamedTuple):
    width: int
    height: int
    depth: int
    colours: int
    compression: int
    filtering: int
    interlace: int


def white_where_transparent(mask: bytes) -> bytes:
    """Return a PNG that is white where a mask is transparent, and black where it is opaque.

    InvalidRequest if it is no such mask.
    """
    try:
        head, packed = _read(mask)
        opacity = b"".join(_opacities(head, packed))
    except (struct.error, zlib.error, ValueError) as error:
        raise _unfit() from error
    if opacity.count(255) == len(opacity):
        raise InvalidRequest(
            "The mask is nowhere transparent, so that nothing could change", field="mask"
        )
    return _written(head, opacity.translate(_FLIPPED))


def pure(mask: bytes, *, is_inverted: bool) -> bytes:
    """Return such a PNG in pure black and white; `is_inverted`: black where it was white."""
    chunks = dict(_chunks(mask))
    head, rows = _Head(*_HEAD.unpack(chunks[b"IHDR"])), zlib.decompress(chunks[b"IDAT"])
    tones = _TONES.translate(_FLIPPED) if is_inverted else _TONES
    # Each row begins with the number of its filter, which is none.
    size = head.width + 1
    kept = (rows[at + 1 : at + size] for at in range(0, len(rows), size))
    return _written(head, b"".join(kept).translate(tones))


def _read(mask: bytes) -> tuple[_Head, bytes]:
    chunks = list(_chunks(mask))
    head = _Head(*_HEAD.unpack(chunks[0][1] if chunks else b""))
    is_plain = head.depth in {8, 16} and head.colours in _BEFORE and not head.interlace
    is_small = 0 < head.width * head.height <= MAX_PIXELS
    if not is_plain or not is_small or max(head.width, head.height) > MAX_SIDE:
        raise _unfit()
    return head, b"".join(content for name, content in chunks if name == b"IDAT")


def _chunks(mask: bytes) -> Iterator[tuple[bytes, bytes]]:
    if not mask.startswith(_SIGNATURE):
        raise _unfit()
    at = len(_SIGNATURE)
    while at + 8 <= len(mask):
        (length,) = struct.unpack_from(">I", mask, at)
        yield mask[at + 4 : at + 8], mask[at + 8 : at + 8 + length]
        at += length + 12


def _opacities(head: _Head, packed: bytes) -> Iterator[bytes]:
    """Yield how opaque the pixels of each row are. ValueError if there are not all."""
    before, size = _BEFORE[head.colours], head.depth // 8
    pixel, row = (before + 1) * size, 1 + head.width * (before + 1) * size
    above = bytes(head.width)
    for data in _rows(head, packed, row):
        above = _unfiltered(data[0], data[1 + before * size :: pixel], above)
        yield above


def _rows(head: _Head, packed: bytes, row: int) -> Iterator[bytes]:
    reader, together = zlib.decompressobj(), max(1, _AT_ONCE // row)
    for at in range(0, head.height, together):
        wanted = row * min(together, head.height - at)
        data, packed = reader.decompress(packed, wanted), reader.unconsumed_tail
        if len(data) != wanted:
            raise ValueError("it ends too early")
        yield from (data[start : start + row] for start in range(0, wanted, row))


def _unfiltered(kind: int, filtered: bytes, above: bytes) -> bytes:
    # Most pixels are like the one beside or above them, so that nothing is left of them.
    unlike = len(filtered) - filtered.count(0)
    is_same = not unlike
    match kind:
        case 0:
            return filtered
        case 1 if unlike == bool(filtered[0]):
            return filtered[:1] * len(filtered)
        case 1:
            sums: Iterator[int] = accumulate(filtered, _added)
            return bytes(sums)
        case 2:
            return above if is_same else bytes(map(_added, filtered, above))
        case 3:
            return _from_average(filtered, above)
        case 4:
            return above if is_same else _from_nearest(filtered, above)
        case _:
            raise ValueError("no such filter")


def _added(one: int, other: int) -> int:
    return one + other & 255


def _from_average(filtered: bytes, above: bytes) -> bytes:
    found, left = bytearray(), 0
    for each, up in zip(filtered, above, strict=True):
        left = each + (left + up >> 1) & 255
        found.append(left)
    return bytes(found)


def _from_nearest(filtered: bytes, above: bytes) -> bytes:
    found, left, corner = bytearray(), 0, 0
    for each, up in zip(filtered, above, strict=True):
        to_left, to_up, to_corner = (
            abs(up - corner),
            abs(left - corner),
            abs(left + up - 2 * corner),
        )
        if to_left <= to_up and to_left <= to_corner:
            nearest = left
        else:
            nearest = up if to_up <= to_corner else corner
        left, corner = each + nearest & 255, up
        found.append(left)
    return bytes(found)


def _written(head: _Head, brightness: bytes) -> bytes:
    rows = b"".join(
        b"\0" + brightness[at : at + head.width] for at in range(0, len(brightness), head.width)
    )
    parts = (
        (b"IHDR", _HEAD.pack(head.width, head.height, 8, 0, 0, 0, 0)),
        (b"IDAT", zlib.compress(rows)),
        (b"IEND", b""),
    )
    return _SIGNATURE + b"".join(_chunk(name, content) for name, content in parts)


def _chunk(name: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + check


def _unfit() -> InvalidRequest:
    message = (
        "The mask must be a PNG with an alpha channel, not interlaced, of at most"
        f" {MAX_PIXELS} pixels and {MAX_SIDE} a side"
    )
    return InvalidRequest(message, field="mask")
