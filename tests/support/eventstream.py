"""AWS event streams, written for tests.

https://smithy.io/2.0/aws/amazon-eventstream.html: a prelude of two lengths with a checksum, the
headers, the payload, and a checksum of all of it.
"""

from binascii import crc32
from collections.abc import Mapping
from struct import pack

# The type of headers that are text.
_STRING = 7


def frame(headers: Mapping[str, str], payload: bytes) -> bytes:
    """Return one message."""
    fields = b"".join(
        pack("!B", len(name)) + name.encode() + pack("!BH", _STRING, len(value)) + value.encode()
        for name, value in headers.items()
    )
    lengths = pack("!II", 16 + len(fields) + len(payload), len(fields))
    begun = lengths + pack("!I", crc32(lengths)) + fields + payload
    return begun + pack("!I", crc32(begun))


def event(name: str, payload: bytes) -> bytes:
    """Return an event, or an exception if its name says so."""
    kind = "exception" if name.endswith("Exception") else "event"
    headers = {
        f":{kind}-type": name,
        ":content-type": "application/json",
        ":message-type": kind,
    }
    return frame(headers, payload)


def framed(text: bytes) -> bytes:
    """Return the messages of what is written as server-sent events: `event: ...`, `data: ...`."""
    blocks = (block.splitlines() for block in text.split(b"\n\n") if block.strip())
    return b"".join(
        event(name.removeprefix(b"event: ").decode(), data.removeprefix(b"data: "))
        for name, data in blocks
    )
