"""How the streams of every dialect end: whole, or in an error, whatever the provider left out."""

import re
from collections.abc import Iterator, Sequence
from typing import Any
from weakref import ref

import pytest
from tests.support.eventstream import event
from tests.support.replays import Replay, bytes_in, replays
from tests.support.wire_cases import FRAMES

from conduit_kernel.errors import ConduitError, StreamInterrupted

STREAMS = [
    each
    for each in replays()
    if each.expected.keys() & {"audio", "events"}
    and "error" not in each.expected
    and each.case.is_of_events
]
_FINISH = re.compile(
    rb'"(?:finish_reason|finishReason|stop_reason|stopReason|done_reason)" ?: ?"'
    rb"|event: done|\.completed|\.incomplete|transcript\.text\.done|audio\.done"
)
# What follows the reason to stop, and says only that the answer is whole.
_TERMINATOR = re.compile(rb"data: \[DONE\]\n\n|event: message_stop\n.*\n\n$")


def name_of(replay: Replay) -> str:
    """Return a name for the test report."""
    return replay.name


def pieces_of(replay: Replay) -> list[bytes]:
    """Return the events, lines or frames of a stream, each with its end."""
    body = replay.response.body
    if replay.case.received.media_type == FRAMES:
        return list(frames_of(body))
    end = b"\n" if "ndjson" in replay.case.received.media_type else b"\n\n"
    return [piece + end for piece in body.rstrip(b"\n").split(end)]


def frames_of(body: bytes) -> Iterator[bytes]:
    """Yield the messages of an AWS event stream."""
    while body:
        size = int.from_bytes(body[:4], "big")
        yield body[:size]
        body = body[size:]


def broken(replay: Replay) -> bytes:
    """Return an event, line or frame that makes no sense."""
    if replay.case.received.media_type == FRAMES:
        return event("contentBlockDelta", b"{nope")
    if "ndjson" in replay.case.received.media_type:
        return b"{nope\n"
    return b"event: output\ndata: \xff\n\n"


def middle(pieces: list[bytes]) -> int:
    """Return a place behind what begins the answer, and before what ends it."""
    finish = next(i for i, piece in enumerate(pieces) if _FINISH.search(piece))
    return max(1, finish)


def begun(replay: Replay) -> bool:
    """Whether something of the answer is handed out before the place in the middle."""
    pieces, decoder = pieces_of(replay), replay.decoder()
    return decoder.feed(b"".join(pieces[: middle(pieces)])) is not None and not decoder.done


# Whether messages over a WebSocket are all is told by its end, not by them.
BEGUN = [each for each in STREAMS if not each.is_over_socket and begun(each)]


@pytest.mark.parametrize("replay", BEGUN, ids=name_of)
def test_one_malformed_event_is_left_out(replay: Replay) -> None:
    """The rest is sound, and so is what the caller gets of it; the decoder counts what it lacks."""
    pieces = pieces_of(replay)
    at = middle(pieces)
    odd = b"".join([*pieces[:at], broken(replay), *pieces[at:]])
    decoder = replay.decoder()
    found = [decoder.feed(odd)]
    found += [] if decoder.done else [decoder.close()]
    got = b"".join(bytes_in(events) for events in found if events)
    assert (got, decoder.usage) == replay.streamed_in([replay.response.body])
    assert decoder.skipped == 1


@pytest.mark.parametrize("replay", BEGUN, ids=name_of)
def test_two_malformed_events_end_the_stream(replay: Replay) -> None:
    """That is no slip: the caller is told, behind what came before."""
    pieces = pieces_of(replay)
    at = middle(pieces)
    with pytest.raises(ConduitError) as raised:
        replay.streamed_in([*pieces[:at], broken(replay), broken(replay), *pieces[at:]])
    assert raised.value.metadata["kind"] == "malformed"


@pytest.mark.parametrize("replay", STREAMS, ids=name_of)
def test_a_malformed_event_in_front_is_not_left_out(replay: Replay) -> None:
    """Nothing was handed out yet, so the next candidate does better."""
    with pytest.raises(ConduitError) as raised:
        replay.streamed_in([broken(replay) + replay.response.body])
    assert raised.value.metadata["kind"] == "malformed"


@pytest.mark.parametrize("replay", BEGUN, ids=name_of)
def test_a_malformed_end_is_no_end(replay: Replay) -> None:
    """The event that says why the model stopped makes no sense: the answer is not whole."""
    pieces = pieces_of(replay)
    cut = pieces[: middle(pieces)]
    with pytest.raises(ConduitError):
        replay.streamed_in([*cut, broken(replay)])


@pytest.mark.parametrize(
    "replay",
    [each for each in STREAMS if _TERMINATOR.search(each.response.body)],
    ids=name_of,
)
def test_an_answer_that_said_why_it_stopped_needs_no_terminator(replay: Replay) -> None:
    """It ends well with its counts; and that nothing but counts may follow is known before."""
    body = replay.response.body
    without = _TERMINATOR.sub(b"", body)
    assert replay.streamed_in([without]) == replay.streamed_in([body])
    decoder = replay.decoder()
    decoder.feed(without)
    assert decoder.has_finished or decoder.done


@pytest.mark.parametrize("replay", BEGUN, ids=name_of)
def test_an_answer_has_not_finished_before_it_says_so(replay: Replay) -> None:
    """Silence before that is a stall, not an end."""
    pieces = pieces_of(replay)
    decoder = replay.decoder()
    decoder.feed(b"".join(pieces[: middle(pieces)]))
    assert not decoder.has_finished


@pytest.mark.parametrize(
    "replay",
    [each for each in BEGUN if each.endpoint.codec in {"openai_chat", "mistral_chat"}],
    ids=name_of,
)
def test_a_mark_of_the_end_without_a_reason_to_stop_is_a_cut(replay: Replay) -> None:
    """Servers write `[DONE]` behind a failure, too."""
    pieces = pieces_of(replay)
    with pytest.raises(StreamInterrupted):
        replay.streamed_in([b"".join(pieces[: middle(pieces)]) + b"data: [DONE]\n\n"])


FAILED = [
    each
    for each in replays()
    if each.expected.keys() >= {"events", "error"}
    and each.case.is_of_events
    and not each.is_over_socket
]


class Caller:
    """Somebody whose request is in the frames that errors are raised through."""


def asked(decoder: Any, pieces: Sequence[bytes]) -> "ref[Caller]":  # noqa: ANN401 # any decoder
    """Have a decoder read a stream that fails; return what tells whether its caller is kept."""
    caller = Caller()

    def read() -> None:
        assert caller is not None
        for piece in pieces:
            decoder.feed(piece)
        decoder.close()

    with pytest.raises(ConduitError):
        read()
    return ref(caller)


@pytest.mark.parametrize("replay", [*BEGUN, *FAILED], ids=name_of)
def test_a_decoder_keeps_nobody_whose_stream_failed(replay: Replay) -> None:
    """Errors refer to all that they are raised through; a decoder that keeps one has a copy."""
    odd, body = broken(replay), replay.response.body
    pieces = [body] if replay in FAILED else pieces_of(replay)
    at = 0 if replay in FAILED else middle(pieces)
    for stream in (
        [odd, *pieces],
        [b"".join(pieces[:at]), odd],
        [b"".join([*pieces[:at], odd]), odd],
        [b"".join([*pieces[:at], odd, odd]), b""],
        *([pieces] if replay in FAILED else ()),
    ):
        decoder = replay.decoder()
        assert asked(decoder, stream)() is None
