"""What of a wish for speech ElevenLabs is told, and where."""

import orjson
import pytest

from conduit_kernel.errors import InvalidRequest
from conduit_providers.calls import Call
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs.elevenlabs.speak import CODEC
from conduit_providers.model_rows import SpeakModel
from conduit_providers.operations.speak import SpeakCall, speech_request
from conduit_providers.target import Target
from conduit_providers.wire import HttpRequest

ENDPOINT = load_catalog().find("ElevenLabs").endpoints["speak"]
TARGET = Target("P", "ElevenLabs", "https://elevenlabs.example")


def call(**members: object) -> SpeakCall:
    """Return a call of Flash."""
    json = orjson.dumps({"model": "m", "input": "Hello", "voice": "v1", **members})
    return Call(speech_request(json=json), alias="m", model="eleven_flash_v2_5", provider="P")


def sent(**members: object) -> HttpRequest:
    """Return the request for a call."""
    return CODEC.to_upstream(call(**members), ENDPOINT, TARGET)


@pytest.mark.parametrize("voice", ["", ".", "..", "../../v1/voices", "a/b", "a?b", "é", 7, None])
def test_a_voice_that_is_no_id_is_refused(voice: object) -> None:
    """It stands in the path, which a caller must not choose."""
    with pytest.raises(InvalidRequest, match="a voice that is named by its id") as raised:
        sent(voice=voice)
    assert raised.value.metadata["field"] == "voice"


def test_the_model_and_the_text_go_by_no_other_name() -> None:
    """Routes, limits and prices are of those that the request has in OpenAI's dialect."""
    body = orjson.loads(sent(model_id="another", text="Something longer").body)
    assert body == {"text": "Hello", "model_id": "eleven_flash_v2_5"}


@pytest.mark.parametrize(
    ("members", "settings"),
    [
        ({"speed": 1.1}, {"speed": 1.1}),
        ({"speed": 1.1, "voice_settings": {"style": 0.5}}, {"speed": 1.1, "style": 0.5}),
        ({"speed": 1.1, "voice_settings": {"speed": 0.9}}, {"speed": 0.9}),
        ({"speed": 1.1, "voice_settings": "odd"}, "odd"),
        ({"voice_settings": {"style": 0.5}}, {"style": 0.5}),
    ],
)
def test_the_speed_is_a_setting_of_the_voice(members: dict[str, object], settings: object) -> None:
    """Beside those that the caller names; what makes no sense, ElevenLabs refuses."""
    assert orjson.loads(sent(**members).body)["voice_settings"] == settings


def test_members_of_the_query_are_not_in_the_body() -> None:
    """Such as the format of telephones, which OpenAI's dialect lacks."""
    request = sent(output_format="ulaw_8000", enable_logging=False)
    assert request.path == (
        "/v1/text-to-speech/v1/stream?output_format=ulaw_8000&enable_logging=false"
    )
    assert orjson.loads(request.body).keys() == {"text", "model_id"}


@pytest.mark.parametrize(
    ("model", "most"),
    [
        ("eleven_flash_v2_5", 40_000),
        ("eleven_turbo_v2", 30_000),
        ("eleven_multilingual_v2", 10_000),
    ],
)
def test_each_family_has_its_limit(model: str, most: int) -> None:
    """The longer name is told from the one that it begins with."""
    facts: SpeakModel = ENDPOINT.facts_of(model)
    assert facts.max_characters == most


def test_credits_are_not_taken_for_characters() -> None:
    """A character of the cheaper models is half a credit."""
    made = call()
    made.answer_headers = {"content-type": "audio/mpeg", "character-cost": "3"}
    assert CODEC.decoder(made, ENDPOINT).usage is None


@pytest.mark.parametrize(
    ("members", "is_made"),
    [
        ({"response_format": "wav"}, True),
        ({"response_format": "pcm"}, False),
        ({"response_format": "wav", "output_format": "mp3_44100_128"}, False),
    ],
)
def test_wav_is_made_of_pcm(members: dict[str, object], *, is_made: bool) -> None:
    """But not of another format, which the caller names in ElevenLabs' own words."""
    found = CODEC.decoder(call(**members), ENDPOINT).feed(b"samples")
    assert found is not None
    assert found.audio is not None
    assert found.audio.startswith(b"RIFF") == is_made
    assert found.audio.endswith(b"samples")
