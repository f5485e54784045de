"""AWS's messages, read out of frames that are right, odd, or broken."""

from binascii import crc32
from struct import pack

import pytest
from tests.support.eventstream import event, frame

from conduit_kernel.errors import UpstreamError
from conduit_providers.codec import MAX_EVENT_BYTES
from conduit_providers.codecs.shared.aws_eventstream import Frame, FrameBuffer, event_frame


def read(*pieces: bytes) -> list[Frame]:
    """Return the messages in bytes that come in pieces."""
    buffer = FrameBuffer("Lumen")
    return [found for piece in pieces for found in buffer.feed(piece)]


def test_each_kind_of_message_has_its_name() -> None:
    """An event's type, an exception's, an error's code and its words."""
    error = {":message-type": "error", ":error-code": "Boom", ":error-message": "It broke."}
    assert read(event("chunk", b"{}") + event("badException", b"[]") + frame(error, b"")) == [
        Frame(is_event=True, name="chunk", payload=b"{}", words=""),
        Frame(is_event=False, name="badException", payload=b"[]", words=""),
        Frame(is_event=False, name="Boom", payload=b"", words="It broke."),
    ]


def test_a_message_without_headers_is_an_event_without_a_name() -> None:
    """Decoders pass over what they do not know."""
    assert read(frame({}, b"x")) == [Frame(is_event=True, name="", payload=b"x", words="")]
    unknown = frame({":message-type": "new", ":error-code": "c"}, b"")
    assert read(unknown) == [Frame(is_event=False, name="c", payload=b"", words="")]


def test_messages_before_a_broken_one_are_read() -> None:
    """And nothing behind it."""
    buffer = FrameBuffer("Lumen")
    broken = bytearray(event("b", b"{}"))
    broken[-1] ^= 1
    found = buffer.feed(event("a", b"{}") + bytes(broken) + event("c", b"{}"))
    assert next(found).name == "a"
    with pytest.raises(UpstreamError, match="Lumen sent") as raised:
        next(found)
    assert raised.value.metadata["kind"] == "malformed"


@pytest.mark.parametrize("size", [0, 11, 12, 15, MAX_EVENT_BYTES + 1, 2**32 - 1])
def test_a_size_that_cannot_be_is_refused_before_its_bytes_come(size: int) -> None:
    """Too small for its own head, or too large for memory."""
    prelude = pack("!II", size, 0)
    with pytest.raises(UpstreamError):
        read(prelude + pack("!I", crc32(prelude)) + bytes(64))


def test_text_in_headers_that_is_none_is_refused() -> None:
    """A parser's own exception never escapes."""
    broken = frame({":event-type": "xx"}, b"{}").replace(b"xx", b"\xff\xfe")
    body = broken[:-4]
    with pytest.raises(UpstreamError):
        read(body + pack("!I", crc32(body)))


@pytest.mark.parametrize("payload", [b"", b"\0\xff", bytes(100_000)])
def test_an_event_of_ours_is_framed_as_theirs_are(payload: bytes) -> None:
    """To the byte, as what is written for tests, and readable."""
    headers = {":message-type": "event", ":event-type": "AudioEvent", ":content-type": "a/b"}
    written = event_frame("AudioEvent", payload, "a/b")
    assert written == frame(headers, payload)
    assert read(written) == [Frame(is_event=True, name="AudioEvent", payload=payload, words="")]


def test_a_buffer_knows_whether_a_message_is_on_its_way() -> None:
    """From its first byte to its last."""
    written = event("chunk", b"{}")
    buffer = FrameBuffer("Lumen")
    within = []
    for at in range(len(written)):
        found = list(buffer.feed(written[at : at + 1]))
        within.append(buffer.is_within_message)
    assert within == [True] * (len(written) - 1) + [False]
    assert len(found) == 1
