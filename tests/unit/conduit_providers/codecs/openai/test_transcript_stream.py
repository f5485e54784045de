"""Streams of words: which event is the last, and what it says of their use."""

import orjson
import pytest

from conduit_kernel.errors import UpstreamError
from conduit_providers.codecs.openai.transcript_stream import OpenAITranscriptDecoder
from conduit_providers.quantities import AUDIO_INPUT, OUTPUT


def event(kind: str, **members: object) -> bytes:
    """Return an event."""
    return b"data: %b\n\n" % orjson.dumps({"type": f"transcript.text.{kind}", **members})


def test_the_event_with_all_words_is_the_last() -> None:
    """A segment is none; the use is that of the last one."""
    decoder = OpenAITranscriptDecoder("P")
    decoder.feed(event("delta", delta="Hi.") + event("segment", text="Hi.", speaker="A"))
    assert (decoder.has_finished, decoder.usage) == (False, None)
    usage = {"input_tokens": 34, "output_tokens": 9, "input_token_details": {"audio_tokens": 30}}
    decoder.feed(event("done", text="Hi.", usage=usage))
    assert decoder.has_finished
    assert decoder.usage is not None
    assert (decoder.usage.count(AUDIO_INPUT), decoder.usage.count(OUTPUT)) == (30, 9)


def test_silence_is_an_answer() -> None:
    """Its text is empty, and so are its events."""
    decoder = OpenAITranscriptDecoder("P")
    assert decoder.feed(event("delta", delta="") + event("done", text="")) is not None
    assert decoder.has_finished


@pytest.mark.parametrize("odd", [event("delta"), event("done"), event("done", text=7)])
def test_an_event_without_its_words_is_malformed(odd: bytes) -> None:
    """It would be shown as nothing."""
    with pytest.raises(UpstreamError):
        OpenAITranscriptDecoder("P").feed(odd)
