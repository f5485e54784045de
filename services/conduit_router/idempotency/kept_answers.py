"""The form in which an answer is kept: its messages, compressed."""

import zlib
from collections.abc import Callable, Iterable
from typing import Any

from google.protobuf.message import Message

_LENGTH_BYTES = 4
# Answers are text that repeats itself; more effort takes longer and saves little.
_LEVEL = 1


def pack(messages: Iterable[Message]) -> bytes:
    """Write the messages of an answer, in order."""
    compressor, parts = zlib.compressobj(_LEVEL), list[bytes]()
    for message in messages:
        data = message.SerializeToString()
        parts.append(compressor.compress(len(data).to_bytes(_LENGTH_BYTES, "big") + data))
    parts.append(compressor.flush())
    return b"".join(parts)


def unpack(packed: bytes, response: Callable[[], Any]) -> list[Any]:
    """Return the messages of an answer; `response` makes an empty one."""
    data, at, messages = zlib.decompress(packed), 0, list[Any]()
    while at < len(data):
        start = at + _LENGTH_BYTES
        at = start + int.from_bytes(data[at:start], "big")
        message = response()
        message.ParseFromString(data[start:at])
        messages.append(message)
    return messages
