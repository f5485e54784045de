"""The format of the spool's segments, and what can be read of one that is not whole.

A record is 4 bytes of length, 4 bytes of CRC-32, 1 byte of kind, and a message.
"""

import re
import struct
import zlib
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
    records, end = _records_from(data, 0)
    is_damaged = False
    at = end
    # A power cut loses pages in any order, so good records may follow what is damaged.
    while found := _BEGINNING.search(data, at):
        more, at = _records_from(data, found.start())
        if more:
            # Also where zeros are between: before other records there was something.
            is_damaged = True
            records += more
            end = at
        else:
            at += 1
    rest = data[end:].rstrip(b"\0")
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


def _records_from(data: bytes, at: int) -> tuple[list[Record], int]:
    """Return the whole records from a place to the next damage, and where they end."""
    unpack, crc32, size = HEAD.unpack_from, zlib.crc32, HEAD.size
    records: list[Record] = []
    last = len(data) - size
    while at < last:
        length, crc = unpack(data, at)
        start = at + size
        payload = data[start : start + length]
        # Zeros, which a disk puts where nothing was written, have the right checksum.
        if not length or len(payload) != length or crc32(payload) != crc:
            break
        records.append((payload[:1], payload[1:]))
        at = start + length
    return records, at
