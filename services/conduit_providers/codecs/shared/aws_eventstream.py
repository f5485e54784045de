"""AWS event streams: messages with typed headers and checksums, cut out of a stream of bytes.

https://smithy.io/2.0/aws/amazon-eventstream.html describes the framing; `botocore` reads it.
"""

import struct
from binascii import crc32
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from botocore.eventstream import EventStreamBuffer, ParserError

from conduit_providers.codec import MAX_EVENT_BYTES
from conduit_providers.failures import malformed, too_large

# Two lengths and a checksum; the first length is the whole message's.
_PRELUDE_BYTES = 12
_SIZE = struct.Struct(">I")


# A header whose value is a text: its name, the value's type, the value.
_TEXT_TYPE = b"\x07"


class Frame(NamedTuple):
    """One message. `name` is the type of an event or an exception, or an error's code."""

    is_event: bool
    name: str
    payload: bytes
    # An error's own words.
    words: str


class FrameBuffer:
    """Keeps the bytes of a message until all of them are there.

    botocore copies what it holds with each addition, so it gets whole preludes and whole rests.
    """

    def __init__(self, provider: str) -> None:
        self._provider = provider
        self._buffer = EventStreamBuffer()
        self._held = bytearray()
        self._missing = _PRELUDE_BYTES

    def feed(self, data: bytes) -> Iterator[Frame]:
        """Yield the messages that the next bytes complete.

        UpstreamError if a checksum is wrong, a header makes no sense, or a message is too large.
        """
        held = self._held
        held += data
        while len(held) >= self._missing:
            part = bytes(held[: self._missing])
            del held[: self._missing]
            frame = self._next(part)
            if frame is not None:
                yield frame

    @property
    def is_within_message(self) -> bool:
        """Return whether a message has begun and is not whole."""
        return bool(self._held) or self._missing != _PRELUDE_BYTES

    def _next(self, part: bytes) -> Frame | None:
        """Add a prelude, or the rest of a message, which is then whole."""
        self._buffer.add_data(part)
        try:
            message: Any = self._buffer.next()
        except StopIteration:
            (size,) = _SIZE.unpack_from(part)
            self._check(size)
            self._missing = size - len(part)
            return None
        # botocore lets through what its parser of headers stumbles on.
        except (ParserError, ValueError, LookupError, struct.error) as error:
            raise malformed(self._provider, "a message of its event stream is broken") from error
        self._missing = _PRELUDE_BYTES
        return _frame(message.headers, message.payload)

    def _check(self, size: int) -> None:
        if size > MAX_EVENT_BYTES:
            raise too_large(self._provider, "a message of its event stream is too large")


def _frame(headers: Mapping[str, object], payload: bytes) -> Frame:
    kind = headers.get(":message-type", "event")
    names = {"event": ":event-type", "exception": ":exception-type"}
    name = headers.get(names.get(str(kind), ":error-code"), "")
    return Frame(kind == "event", str(name), payload, str(headers.get(":error-message", "")))


def event_frame(name: str, payload: bytes, content_type: str) -> bytes:
    """Return a message with an event of ours."""
    headers = b"".join(
        _header(*each)
        for each in (
            (":message-type", "event"),
            (":event-type", name),
            (":content-type", content_type),
        )
    )
    # The message's checksum follows.
    size = _PRELUDE_BYTES + len(headers) + len(payload) + _SIZE.size
    prelude = _SIZE.pack(size) + _SIZE.pack(len(headers))
    message = prelude + _SIZE.pack(crc32(prelude)) + headers + payload
    return message + _SIZE.pack(crc32(message))


def _header(name: str, value: str) -> bytes:
    size = len(value).to_bytes(2)
    return bytes([len(name)]) + name.encode() + _TEXT_TYPE + size + value.encode()
