"""The messages of `StreamingRecognize`, held to Google's SDK."""

import pytest
from google.cloud.speech_v2.types import StreamingRecognizeRequest, StreamingRecognizeResponse
from tests.support.google_speech_upstream import bill, words

from conduit_kernel.errors import UpstreamError
from conduit_providers.codecs.googlecloud.streaming import (
    Stretch,
    Told,
    beginning,
    sound_message,
    told_by,
)


def test_a_beginning_and_sound_are_googles() -> None:
    """Read by the SDK, they say what they should."""
    config = {"model": "m", "features": {"enableWordTimeOffsets": True}}
    first = StreamingRecognizeRequest.deserialize(beginning("r", config, has_guesses=True))
    assert first.recognizer == "r"
    assert first.streaming_config.config.features.enable_word_time_offsets
    assert first.streaming_config.streaming_features.interim_results
    assert StreamingRecognizeRequest.deserialize(sound_message(b"abc")).audio == b"abc"


def test_what_was_heard_is_read() -> None:
    """Guesses and what is for good, and how much is paid for."""
    message = StreamingRecognizeResponse.serialize(words(" Hello", 1.5, is_final=False))
    assert told_by(message, "Acme") == Told((Stretch("Hello", 1.5, is_final=False),), None)
    message = StreamingRecognizeResponse.serialize(bill(2.0))
    assert told_by(message, "Acme") == Told((), 2.0)


def test_what_is_no_message_is_told() -> None:
    """And ends nothing silently."""
    with pytest.raises(UpstreamError):
        told_by(b"\xff\xff", "Acme")
