"""Masks, written in each of the ways that PNG knows: https://www.w3.org/TR/png-3/#9Filters."""

import struct
import zlib

SIGNATURE = b"\x89PNG\r\n\x1a\n"


def png(  # what the head of a PNG has
    width: int, height: int, rows: bytes, *, colours: int = 6, depth: int = 8, interlace: int = 0
) -> bytes:
    """Return a PNG of filtered rows."""
    head = struct.pack(">IIBBBBB", width, height, depth, colours, 0, 0, interlace)
    parts = ((b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return SIGNATURE + b"".join(_chunk(name, content) for name, content in parts)


def _chunk(name: bytes, content: bytes) -> bytes:
    check = struct.pack(">I", zlib.crc32(name + content))
    return struct.pack(">I", len(content)) + name + content + check


def mask(rows: list[bytes], kinds: list[int], *, colours: int = 6, depth: int = 8) -> bytes:
    """Return a mask with these opacities, row by row, each filtered in one of the ways."""
    before, size = {4: 1, 6: 3}[colours], depth // 8
    pixel = (before + 1) * size
    above, written = bytes(len(rows[0]) * pixel), b""
    for row, kind in zip(rows, kinds, strict=True):
        plain = b"".join(
            bytes([7 * place % 256] * before * size) + bytes([opacity] * size)
            for place, opacity in enumerate(row)
        )
        written += bytes([kind]) + _filtered(kind, plain, above, pixel)
        above = plain
    return png(len(rows[0]), len(rows), written, colours=colours, depth=depth)


def _filtered(kind: int, row: bytes, above: bytes, pixel: int) -> bytes:
    found = bytearray()
    for place, each in enumerate(row):
        left = row[place - pixel] if place >= pixel else 0
        corner = above[place - pixel] if place >= pixel else 0
        up = above[place]
        guess = [0, left, up, (left + up) // 2, _nearest(left, up, corner)][kind]
        found.append((each - guess) % 256)
    return bytes(found)


def _nearest(left: int, up: int, corner: int) -> int:
    aim = left + up - corner
    return min((left, up, corner), key=lambda each: abs(aim - each))


def brightness(picture: bytes) -> list[bytes]:
    """Return the rows of a PNG in shades of grey that filters nothing."""
    width, height, depth, colours = struct.unpack_from(">IIBB", picture, len(SIGNATURE) + 8)
    assert (depth, colours) == (8, 0)
    at, packed = len(SIGNATURE), b""
    while at < len(picture):
        (length,) = struct.unpack_from(">I", picture, at)
        content = picture[at + 8 : at + 8 + length]
        assert picture[at + 8 + length : at + 12 + length] == struct.pack(
            ">I", zlib.crc32(picture[at + 4 : at + 8] + content)
        )
        packed += content if picture[at + 4 : at + 8] == b"IDAT" else b""
        at += length + 12
    rows = zlib.decompress(packed)
    found = [rows[y * (width + 1) : (y + 1) * (width + 1)] for y in range(height)]
    assert all(row[0] == 0 for row in found)
    return [row[1:] for row in found]
