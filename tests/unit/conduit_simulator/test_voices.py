"""Voices of the simulator: made of what OpenAI makes them of, each of the key that made it."""

from itertools import count

import orjson
import pytest

from conduit_simulator.errors import ApiError
from conduit_simulator.requests import ConsentRequest, VoiceRequest
from conduit_simulator.voices import Voices


@pytest.fixture
def voices() -> Voices:
    """Return no voices, of ids that count."""
    numbers = count(1)
    return Voices(lambda: str(next(numbers)))


def test_a_voice_is_its_keys_until_it_is_deleted(voices: Voices) -> None:
    """Another key has none of this id, and neither has its own afterwards."""
    request = VoiceRequest(name="Ann", audio_sample=7, consent="cons_1")
    made = orjson.loads(voices.create(request, "a", 1000))
    assert made == {
        "object": "audio.voice",
        "name": "Ann",
        "id": "voice_1",
        "created_at": 1000,
        "type": "audio_sample",
    }
    with pytest.raises(ApiError):
        voices.delete("voice_1", "b")
    assert orjson.loads(voices.delete("voice_1", "a"))["deleted"]
    with pytest.raises(ApiError) as gone:
        voices.delete("voice_1", "a")
    assert gone.value.status == 404


@pytest.mark.parametrize(
    ("request_", "param"),
    [
        (VoiceRequest(name="Ann", consent="cons_1"), "audio_sample"),
        (VoiceRequest(name="Ann", audio_sample=7), "consent"),
        (VoiceRequest(name="Ann", type="prompt", prompt=" "), "prompt"),
    ],
)
def test_what_it_is_made_of_has_to_be_there(
    voices: Voices, request_: VoiceRequest, param: str
) -> None:
    """As OpenAI has it."""
    with pytest.raises(ApiError) as refused:
        voices.create(request_, "a", 1000)
    assert orjson.loads(refused.value.body())["error"]["param"] == param


def test_a_voice_of_a_description_tells_it(voices: Voices) -> None:
    """It needs no consent."""
    request = VoiceRequest(name="Bea", type="prompt", prompt="calm")
    assert orjson.loads(voices.create(request, "a", 1000))["prompt"] == "calm"


def test_a_consent_is_its_keys_until_it_is_deleted(voices: Voices) -> None:
    """Another key has none of this id; an empty recording is none."""
    request = ConsentRequest(name="Ann", language="en-US", recording=7)
    made = orjson.loads(voices.store_consent(request, "a", 1000))
    assert made == {
        "object": "audio.voice_consent",
        "name": "Ann",
        "language": "en-US",
        "id": "cons_1",
        "created_at": 1000,
    }
    with pytest.raises(ApiError):
        voices.delete_consent("cons_1", "b")
    assert orjson.loads(voices.delete_consent("cons_1", "a"))["deleted"]
    with pytest.raises(ApiError):
        voices.delete_consent("cons_1", "a")
    request.recording = 0
    with pytest.raises(ApiError):
        voices.store_consent(request, "a", 1000)
