"""Pieces of speech in their forms, and its counts as messages."""

import pytest

from conduit.v1.speech_pb2 import SpeechEvent
from conduit_kernel.errors import UpstreamError
from conduit_providers.quantities import AUDIO_OUTPUT, INPUT, counted
from conduit_providers.speech import CHARACTER, SpeechEvents, spoken_tokens, usage_message

SSE = b'event: speech.audio.delta\ndata: {"type":"speech.audio.delta","audio":"QQ=="}\n\n'


def delta(sound: bytes) -> SpeechEvent:
    """Return an event with sound."""
    event = SpeechEvent()
    event.speech_audio_delta.audio = sound
    return event


def test_events_are_the_same_in_both_forms() -> None:
    """Whichever they came in."""
    assert SpeechEvents(pieces=[delta(b"A")]).sse == SSE
    assert list(SpeechEvents(sse=SSE).pieces) == [delta(b"A")]


@pytest.mark.parametrize(
    "data", [b"data: {nope\n\n", b'data: {"type":"speech.audio.delta","audio":3}\n\n']
)
def test_events_that_make_no_sense_are_the_providers_fault(data: bytes) -> None:
    """Found before anything is handed out."""
    with pytest.raises(UpstreamError):
        SpeechEvents(sse=b"data: %b\n\n" % data).to_form(is_typed=True)


def test_sound_has_no_events() -> None:
    """Its bytes are all of it."""
    sound = SpeechEvents(audio=b"\x00\xff", content_type="audio/pcm")
    assert sound.to_form(is_typed=True).audio == b"\x00\xff"
    assert (sound.sse, sound.size, sound.is_head) == (b"", 2, False)


def test_pieces_are_joined_as_they_are() -> None:
    """And keep the type of the first."""
    sound = SpeechEvents(audio=b"a", content_type="audio/pcm").with_more(SpeechEvents(audio=b"b"))
    assert (sound.audio, sound.content_type) == (b"ab", "audio/pcm")
    first = SpeechEvents(pieces=[delta(b"A")], content_type="text/event-stream")
    both = first.with_more(SpeechEvents(sse=SSE))
    assert (both.sse, both.content_type) == (SSE * 2, "text/event-stream")
    assert first.size == delta(b"A").ByteSize() + len(SSE)


def test_counts_are_tokens_or_characters() -> None:
    """Whichever the provider has."""
    tokens = usage_message(counted(((INPUT, 7), (AUDIO_OUTPUT, 31))))
    assert (tokens.input_tokens, tokens.output_tokens, tokens.total_tokens) == (7, 31, 38)
    assert not tokens.HasField("input_characters")
    assert usage_message(counted(((CHARACTER, 12),))).input_characters == 12


def test_a_minute_is_fifteen_hundred_tokens() -> None:
    """A little more than OpenAI's estimate."""
    assert spoken_tokens(60) == 1500
