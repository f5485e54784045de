"""The format of the spool's segments, and what can be read of one that is not whole.

A record is 4 bytes of length, 4 bytes of CRC-32, 1 byte of kind, and a message.
"""

import re
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

CHARGE = b"c"
TALLY = b"t"
HEAD = struct.Struct("<II")
# Where a record may begin: a length below 1 MiB, any checksum, a kind.
_BEGINNING = re.compile(rb"(?=..[\x00-\x0f]\x00.{4}[ct])", re.DOTALL)

# Kind and message.
Record = tuple[bytes, bytes]


class Segment(NamedTuple):
    """The content of a segment: its whole records, and what became of the others.

    - `is_damaged`: there are bytes that were records, or may have been.
    - `is_torn`: the last record was not written to its end, which is no damage.
    """

    records: list[Record]
    is_damaged: bool = False
    is_torn: bool = False


def read_segment(path: Path) -> Segment:
    """Read a segment. Damage hides no whole record, wherever it is; zeros at the end are none."""
    data = path.read_bytes()
    records, at = _sound(data)
    is_damaged = False
    for start, payload in _payloads(data, at):
        # Also zeros: before other records there was something.
        is_damaged = is_damaged or start > at
        records.append((payload[:1], payload[1:]))
        at = start + HEAD.size + len(payload)
    rest = data[at:].rstrip(b"\0")
    is_torn = bool(rest) and _is_torn(rest)
    return Segment(records, is_damaged or (bool(rest) and not is_torn), is_torn)


def _is_torn(rest: bytes) -> bool:
    """Return whether bytes are the beginning of a record whose end was never written."""
    if len(rest) <= HEAD.size:
        return True
    length, crc = HEAD.unpack_from(rest)
    is_short = _BEGINNING.match(rest) is not None and len(rest) < HEAD.size + length
    # With the right checksum nothing is missing, and the length is what is wrong.
    return is_short and zlib.crc32(rest[HEAD.size :]) != crc


def _sound(data: bytes) -> tuple[list[Record], int]:
    """Return the whole records before any damage, and where they end: all of most segments."""
    unpack, crc32, size = HEAD.unpack_from, zlib.crc32, HEAD.size
    records: list[Record] = []
    at, last = 0, len(data) - size
    while at < last:
        length, crc = unpack(data, at)
        start = at + size
        payload = data[start : start + length]
        if not length or len(payload) != length or crc32(payload) != crc:
            break
        records.append((payload[:1], payload[1:]))
        at = start + length
    return records, at


def _payloads(data: bytes, at: int) -> Iterator[tuple[int, bytes]]:
    """Yield each whole record's place and payload; look on for the next one after damage."""
    while True:
        payload = _payload_at(data, at)
        if payload is None:
            # A power cut loses pages in any order, so good records may follow.
            places = (found.start() for found in _BEGINNING.finditer(data, at))
            at = next((place for place in places if _payload_at(data, place)), -1)
            if at < 0:
                return
            continue
        yield at, payload
        at += HEAD.size + len(payload)


def _payload_at(data: bytes, at: int) -> bytes | None:
    if at + HEAD.size >= len(data):
        return None
    length, crc = HEAD.unpack_from(data, at)
    payload = data[at + HEAD.size : at + HEAD.size + length]
    # Zeros, which a disk puts where nothing was written, have the right checksum.
    is_whole = length > 0 and len(payload) == length and zlib.crc32(payload) == crc
    return payload if is_whole else None
