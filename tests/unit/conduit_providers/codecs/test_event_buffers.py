"""The buffers that put a stream's events together again, whatever cut them."""

import struct
import time
from binascii import crc32
from collections.abc import Callable

import pytest

from conduit_kernel.errors import UpstreamError
from conduit_providers.codec import MAX_EVENT_BYTES
from conduit_providers.codecs.shared.aws_eventstream import FrameBuffer
from conduit_providers.codecs.shared.ndjson import LineBuffer
from conduit_providers.codecs.shared.sse import EventBuffer, events_in

Take = Callable[[bytes], list[bytes]]
PIECE = 256
LONG = b"x" * (6 * 1024 * 1024)


def sse() -> Take:
    """Server-sent events: what their data is."""
    buffer = EventBuffer()
    return lambda data: [event.data for event in events_in(buffer.feed(data))]


def ndjson() -> Take:
    """Lines."""
    return LineBuffer().feed


def aws() -> Take:
    """AWS's messages: their payloads."""
    buffer = FrameBuffer("p")
    return lambda data: [frame.payload for frame in buffer.feed(data)]


def aws_message(payload: bytes) -> bytes:
    """Frame a payload without headers."""
    prelude = struct.pack(">II", len(payload) + 16, 0)
    body = prelude + struct.pack(">I", crc32(prelude)) + payload
    return body + struct.pack(">I", crc32(body))


WRITERS: dict[str, tuple[Callable[[], Take], Callable[[bytes], bytes]]] = {
    "LF": (sse, b"data: %b\n\n".__mod__),
    "CRLF": (sse, b"data: %b\r\n\r\n".__mod__),
    "CR": (sse, b"data: %b\r\r".__mod__),
    "lines": (ndjson, b"%b\n".__mod__),
    "AWS": (aws, aws_message),
}


@pytest.mark.parametrize("kind", WRITERS)
def test_long_event_costs_no_more_than_its_bytes(kind: str) -> None:
    """6 MB in 24,000 pieces: looking at all of it with each piece would take minutes."""
    new, write = WRITERS[kind]
    feed, data = new(), write(LONG)
    started = time.process_time()
    got = [event for at in range(0, len(data), PIECE) for event in feed(data[at : at + PIECE])]
    # The CR that ends the last one may yet be half a line end.
    got += feed(b"\n\n") if kind == "CR" else []
    assert got == [LONG]
    assert time.process_time() - started < 1.0


@pytest.mark.parametrize("kind", WRITERS)
def test_events_are_the_same_however_they_are_cut(kind: str) -> None:
    """In two at each byte, and in single bytes."""
    new, write = WRITERS[kind]
    texts = [b"a", b"bb", b"ccc"]
    data = b"".join(map(write, texts)) + (b"\n" if kind == "CR" else b"")
    for cut in range(len(data) + 1):
        feed = new()
        assert feed(data[:cut]) + feed(data[cut:]) == texts
    feed = new()
    assert [event for byte in data for event in feed(bytes([byte]))] == texts


@pytest.mark.parametrize("kind", WRITERS)
def test_event_without_end_is_refused(kind: str) -> None:
    """Memory is bounded, whatever its size is said to be."""
    new, write = WRITERS[kind]
    feed, data = new(), write(b"x" * (MAX_EVENT_BYTES + 1))
    with pytest.raises(UpstreamError):
        feed(data[: MAX_EVENT_BYTES + 1])


def test_what_is_held_at_the_end_can_be_read() -> None:
    """With plain line ends, a CR at the very end too."""
    buffer = EventBuffer()
    assert buffer.feed(b"data: a\r\n\r\ndata: b\r") == b"data: a\n\n"
    assert buffer.held == b"data: b\n"
