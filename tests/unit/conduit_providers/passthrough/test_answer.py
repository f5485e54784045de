"""Streams pass byte for byte, however they are cut, and are counted on the way."""

import json

import pytest
from tests.support.native_upstream import (
    CHAT_EVENTS,
    CONTENT,
    CONVERSE_FRAMES,
    MESSAGE_EVENTS,
)

from conduit_providers.catalog import load_catalog
from conduit_providers.codec import MAX_EVENT_BYTES
from conduit_providers.passthrough.answer import MAX_DOCUMENT_BYTES, PassedDecoder, take_whole
from conduit_providers.passthrough.usage import READERS, UsageReader
from conduit_providers.quantities import plain


def _reader(usage: str, provider: str) -> UsageReader:
    return READERS[usage](load_catalog().find(provider).endpoints["chat"], "native-1")


FRAMES = "application/vnd.amazon.eventstream"


@pytest.mark.parametrize(
    ("usage", "provider", "events", "kind"),
    [
        ("openai", "OpenAI", CHAT_EVENTS, "text/event-stream"),
        ("anthropic", "Anthropic", MESSAGE_EVENTS, "text/event-stream"),
        ("bedrock", "Bedrock", CONVERSE_FRAMES, FRAMES),
    ],
)
def test_any_cut_is_counted_alike(usage: str, provider: str, events: bytes, kind: str) -> None:
    """Wherever the bytes are cut, they stay what they are."""
    for at in range(len(events)):
        decoder = PassedDecoder(_reader(usage, provider), kind)
        passed = decoder.feed(events[:at]).with_more(decoder.feed(events[at:]))
        decoder.close()
        assert passed.sse == events
        assert decoder.usage == plain(11, 7)
    assert decoder.emitted > 0


def test_the_last_event_may_lack_its_blank_line() -> None:
    """It is read when the stream ends."""
    decoder = PassedDecoder(_reader("gemini", "Gemini"), "text/event-stream; charset=utf-8")
    decoder.feed(b"data: " + json.dumps(CONTENT).encode())
    decoder.close()
    assert decoder.usage == plain(11, 7)


def test_a_list_is_counted_at_its_end() -> None:
    """As Google streams without events."""
    decoder = PassedDecoder(_reader("gemini", "Gemini"), "application/json")
    text = json.dumps([CONTENT, CONTENT]).encode()
    for at in range(0, len(text), 7):
        decoder.feed(text[at : at + 7])
    assert decoder.usage is None
    decoder.close()
    assert decoder.usage == plain(11, 7)


def test_memory_is_bounded() -> None:
    """What is too large to be looked at still passes, and is estimated."""
    events = PassedDecoder(_reader("openai", "OpenAI"), "text/event-stream; charset=utf-8")
    large = b"x" * (MAX_EVENT_BYTES + 1)
    assert events.feed(b"data: " + large).size == len(large) + 6
    events.feed(b"\n\n" + CHAT_EVENTS)
    events.close()
    assert events.usage == plain(11, 7)
    document = PassedDecoder(_reader("gemini", "Gemini"), "application/json")
    piece = b" " * (MAX_DOCUMENT_BYTES // 2 + 1)
    document.feed(piece)
    document.feed(piece)
    document.feed(json.dumps(CONTENT).encode())
    document.close()
    assert document.usage is None
    assert document.emitted > 0


@pytest.mark.parametrize("body", [b"", b"<html>", b"[1, 2", b'[{"usage": 1}]', b"\xff"])
def test_nonsense_has_no_counts(body: bytes) -> None:
    """And is no failure of the gateway's: the caller gets it as it is."""
    reader = _reader("openai", "OpenAI")
    take_whole(reader, body)
    assert reader.usage is None


def test_broken_frames_pass_and_are_estimated() -> None:
    """The caller is the one to find that a checksum is wrong; memory holds no more for it."""
    decoder = PassedDecoder(_reader("bedrock", "Bedrock"), FRAMES)
    broken = CONVERSE_FRAMES[:-1] + b"\0\0\0\0\0"
    assert decoder.feed(broken).data == broken
    decoder.close()
    assert decoder.usage is None
    assert decoder.emitted > 0
