"""Server-sent events by their specification; what cuts them is tested in test_event_buffers."""

import pytest
from tests.support.costs import growth

from conduit_kernel.errors import UpstreamError
from conduit_providers.codec import MAX_EVENT_BYTES
from conduit_providers.codecs.shared.sse import EventBuffer, SseEvent, events_in


@pytest.mark.parametrize(
    ("block", "events"),
    [
        (b"data: a\n\n", [SseEvent(b"a")]),
        (b"data:a\n\n", [SseEvent(b"a")]),
        (b"data:  a\n\n", [SseEvent(b" a")]),
        (b"data: a\ndata\ndata: b\n\n", [SseEvent(b"a\n\nb")]),
        (b"event: x\ndata: a\n\ndata: b\n\n", [SseEvent(b"a", b"x"), SseEvent(b"b")]),
        (b"data: a\nevent:x\nid: 7\nretry: 5\nnew: z\n\n", [SseEvent(b"a", b"x")]),
        (b": comment\n\n", []),
        (b": comment\ndata: a: b\n\n", [SseEvent(b"a: b")]),
        (b"event: ping\n\n", []),
        (b"Data: a\n data: b\n\n", []),
        (b"data:\n\n", [SseEvent(b"")]),
        (b"\n\n\n\n", []),
        (b"", []),
    ],
)
def test_events_are_read_by_their_fields(block: bytes, events: list[SseEvent]) -> None:
    """Lines of data are joined; an event without any is none."""
    assert events_in(block) == events


def test_whole_events_pass_without_a_copy() -> None:
    """Most pieces of a stream end with an event."""
    piece = b"data: a\n\ndata: b\n\n"
    buffer = EventBuffer()
    assert buffer.feed(piece) is piece
    assert buffer.held == b""


@pytest.mark.parametrize("end", [b"\n", b"\r", b"\r\n"])
def test_line_ends_of_all_kinds_are_plain_ones(end: bytes) -> None:
    """Half of one, at the end of a piece, is waited for."""
    buffer = EventBuffer()
    got = buffer.feed(b"data: a" + end + end) + buffer.feed(b"data: b" + end)
    assert got == b"data: a\n\n"
    assert buffer.held.strip(b"\n") == b"data: b"


def test_what_is_held_is_bounded_and_names_who_sent_it() -> None:
    """Up to the limit a line may grow."""
    buffer = EventBuffer("Lumen")
    assert buffer.feed(b"x" * MAX_EVENT_BYTES) == b""
    with pytest.raises(UpstreamError, match="Lumen sent") as raised:
        buffer.feed(b"x")
    assert raised.value.metadata["kind"] == "malformed"
    assert not raised.value.is_transient


def test_a_line_without_an_end_costs_no_more_than_others() -> None:
    """Eight times as many bytes cost about eight times as much, and not sixty-four."""

    def held(pieces: int) -> None:
        buffer = EventBuffer()
        for _ in range(pieces):
            buffer.feed(b"x" * 256)

    assert growth(held, 4000, 8) < 24
