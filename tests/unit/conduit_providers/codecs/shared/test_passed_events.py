"""Events that are passed on as they are, to the last one of an answer."""

import pytest

from conduit_kernel.errors import StreamInterrupted, UpstreamError
from conduit_providers.codecs.openai.transcript_stream import OpenAITranscriptDecoder

DELTA = b'event: transcript.text.delta\ndata: {"type":"transcript.text.delta","delta":"Hi."}\n\n'
DONE = b'event: transcript.text.done\ndata: {"type":"transcript.text.done","text":"Hi."}\n\n'
NONSENSE = b"data: {nope\n\n"
FAILURE = b'data: {"type":"error","error":{"message":"no","code":"server_error"}}\n\n'


def fed(*blocks: bytes) -> bytes:
    """Return what is passed on of a whole stream."""
    decoder = OpenAITranscriptDecoder("P")
    found = [decoder.feed(block) for block in blocks]
    found += [] if decoder.done else [decoder.close()]
    return b"".join(events.sse for events in found if events)


def test_events_pass_as_they_are() -> None:
    """Named by their type, also where the provider did not; a mark of the end is left out."""
    assert fed(DELTA + DONE) == fed(DELTA, DONE) == DELTA + DONE
    assert fed(DELTA.partition(b"\n")[2] + DONE + b"data: [DONE]\n\n") == DELTA + DONE
    assert fed(b'data: {"x":1}\n\n' + DONE) == b'data: {"x":1}\n\n' + DONE


def test_an_end_without_a_blank_line_is_one() -> None:
    """Some servers forget it."""
    assert fed(DELTA + DONE[:-1]) == DELTA + DONE


@pytest.mark.parametrize("end", [b"", b"data: [DONE]\n\n", DONE[:-10]])
def test_a_stream_that_ends_too_early_is_a_cut(end: bytes) -> None:
    """Words alone are no answer."""
    with pytest.raises(StreamInterrupted):
        fed(DELTA + end)


def test_one_malformed_event_is_left_out_of_an_answer_that_has_begun() -> None:
    """A second one ends it; before the first words another candidate does better."""
    assert fed(DELTA + NONSENSE + DONE) == DELTA + DONE
    for bad in (NONSENSE + DELTA + DONE, DELTA + NONSENSE + NONSENSE + DONE):
        with pytest.raises(UpstreamError) as raised:
            fed(bad)
        assert raised.value.metadata["kind"] == "malformed"


def test_a_failure_comes_behind_what_was_before() -> None:
    """And again for whoever asks again."""
    decoder = OpenAITranscriptDecoder("P")
    events = decoder.feed(DELTA + FAILURE)
    assert events is not None
    assert events.sse == DELTA
    for again in (decoder.close, lambda: decoder.feed(b"")):
        with pytest.raises(UpstreamError, match="no"):
            again()
