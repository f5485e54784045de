"""The events of speech: their sound, their counts, their end."""

from base64 import b64encode

import orjson
import pytest

from conduit_kernel.errors import StreamInterrupted, UpstreamError
from conduit_providers.calls import Call
from conduit_providers.codecs.openai.speech_stream import OpenAISpeechDecoder, speech_usage
from conduit_providers.operations.speak import speech_request
from conduit_providers.quantities import AUDIO_OUTPUT, INPUT, counted

DONE = b'data: {"type":"speech.audio.done","usage":{"input_tokens":7,"output_tokens":31}}\n\n'


def decoder(**members: object) -> OpenAISpeechDecoder:
    """Return the decoder of a call's answer."""
    json = orjson.dumps({"model": "m", "input": "a" * 30, **members})
    return OpenAISpeechDecoder(Call(speech_request(json=json), alias="m", model="m", provider="P"))


def delta(sound: bytes, **members: object) -> bytes:
    """Return an event with sound."""
    event = {"type": "speech.audio.delta", "audio": b64encode(sound).decode(), **members}
    return b"data: %b\n\n" % orjson.dumps(event)


def test_bytes_are_what_the_events_bring() -> None:
    """Those that arrive together are one piece."""
    found = decoder(response_format="opus")
    first = found.feed(delta(b"abc") + delta(b"def"))
    assert first is not None
    assert (first.audio, first.content_type) == (b"abcdef", "audio/opus")
    assert found.feed(DONE) is None
    assert (found.done, found.usage) == (True, counted(((INPUT, 7), (AUDIO_OUTPUT, 31))))


def test_events_pass_as_they_came() -> None:
    """With members and kinds that nobody knows yet, and their names."""
    found = decoder(stream_format="sse")
    odd = b'event: speech.mark\ndata: {"type":"speech.mark","at":1}\n\n'
    sent = delta(b"abc", index=0) + odd + DONE
    events = found.feed(sent)
    assert events is not None
    assert (events.sse, events.content_type) == (sent, "text/event-stream")


def test_what_follows_the_end_is_not_read() -> None:
    """The answer is whole."""
    found = decoder()
    assert found.feed(delta(b"abc") + DONE + b"data: [DONE]\n\n") is not None
    assert found.done
    assert found.close() is None


def test_an_answer_without_counts_is_estimated_by_its_text() -> None:
    """Thirty characters are two seconds, of 25 tokens each."""
    found = decoder()
    found.feed(delta(b"abc"))
    assert (found.usage, found.emitted) == (None, 50)


def test_a_forgotten_blank_line_does_no_harm() -> None:
    """The last event is read at the end of the body."""
    found = decoder()
    found.feed(delta(b"abc") + DONE.strip())
    found.close()
    assert found.done


def test_an_end_before_the_end_is_a_cut() -> None:
    """What came is not the whole speech."""
    found = decoder()
    found.feed(delta(b"abc") + b'data: {"type":"speech.au')
    with pytest.raises(StreamInterrupted):
        found.close()


def test_the_end_of_a_speech_without_sound_is_malformed() -> None:
    """So that the next provider is asked."""
    with pytest.raises(UpstreamError) as raised:
        decoder().feed(DONE)
    assert raised.value.metadata["kind"] == "malformed"


@pytest.mark.parametrize("odd", [b"data: {nope\n\n", delta(b"x").replace(b"eA==", b"e===!")])
def test_one_event_that_makes_no_sense_is_left_out(odd: bytes) -> None:
    """Not two, and not the first."""
    found = decoder()
    piece = found.feed(delta(b"abc") + odd + delta(b"def"))
    assert piece is not None
    assert (piece.audio, found.skipped) == (b"abcdef", 1)
    with pytest.raises(UpstreamError):
        found.feed(odd)
    with pytest.raises(UpstreamError):
        decoder().feed(odd)


def test_what_came_before_a_failure_is_handed_out_first() -> None:
    """And then it is raised, as often as one asks."""
    found = decoder()
    piece = found.feed(delta(b"abc") + b'event: error\ndata: {"error":{"message":"Down."}}\n\n')
    assert piece is not None
    assert piece.audio == b"abc"
    with pytest.raises(UpstreamError, match="Down"):
        found.feed(b"")
    with pytest.raises(UpstreamError, match="Down"):
        found.close()


@pytest.mark.parametrize("reported", [None, 3, {}, {"input_tokens": "x"}])
def test_counts_that_are_none_are_unknown(reported: object) -> None:
    """They are not zero."""
    assert speech_usage(reported) is None
