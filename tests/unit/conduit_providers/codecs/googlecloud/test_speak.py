"""What of a wish for speech Google Cloud is told, and by which voice it speaks."""

from typing import Any

import orjson
import pytest

from conduit_kernel.errors import InvalidRequest, UnsupportedParameter
from conduit_providers.calls import Call
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs.googlecloud.speak import CODEC
from conduit_providers.operations.speak import SpeakCall, speech_request
from conduit_providers.target import Target

ENDPOINT = load_catalog().find("GoogleCloud").endpoints["speak"]
SETTINGS = {"location": "global", "language": "en-US"}
TARGET = Target("P", "GoogleCloud", "https://tts.example", SETTINGS)
KORE = "en-US-Chirp3-HD-Kore"
GEMINI = "gemini-2.5-flash-tts"


def call(model: str, *, is_strict: bool = False, **members: object) -> SpeakCall:
    """Return a call of a model."""
    json = orjson.dumps({"model": "m", "input": "Hello", **members})
    return Call(
        speech_request(json=json), alias="m", model=model, provider="P", is_strict=is_strict
    )


def sent(made: SpeakCall) -> dict[str, Any]:
    """Return the body of a call's request."""
    body: dict[str, Any] = orjson.loads(CODEC.to_upstream(made, ENDPOINT, TARGET).body)
    return body


@pytest.mark.parametrize(
    ("model", "voice", "name"),
    [
        (KORE, None, KORE),
        (KORE, "Kore", KORE),
        (KORE, KORE, KORE),
        ("Chirp3-HD", "Kore", KORE),
        ("chirp3-hd", KORE, KORE),
        ("Chirp3-HD", {"id": "Kore"}, KORE),
        ("Chirp3-HD", {"name": "Kore"}, KORE),
        ("Chirp3-HD", {"id": "Kore", "languageCode": "de-DE"}, "de-DE-Chirp3-HD-Kore"),
        ("Wavenet", "cmn-CN-Wavenet-A", "cmn-CN-Wavenet-A"),
    ],
)
def test_model_and_voice_together_name_the_voice(model: str, voice: object, name: str) -> None:
    """A model is one voice, or a family; nothing is lost, so a strict caller may say so."""
    made = call(model, voice=voice, is_strict=True)
    assert sent(made)["voice"] == {"languageCode": name[: name.index("-", 4)], "name": name}


@pytest.mark.parametrize(
    "voice", ["en-US-Studio-O", "en-US-Chirp-HD-D", "", None, 7, {}, {"name": 7}]
)
def test_a_family_speaks_with_no_voice_of_another_one(voice: object) -> None:
    """Families have prices of their own, and rules for them go by the model's name."""
    with pytest.raises(InvalidRequest, match="a voice of Chirp3-HD") as raised:
        sent(call("Chirp3-HD", voice=voice))
    assert raised.value.metadata["field"] == "voice"


def test_another_voice_than_the_models_is_dropped() -> None:
    """The sound would be of another one, which a strict caller does not want."""
    made = call(KORE, voice="alloy")
    assert sent(made)["voice"]["name"] == KORE
    assert made.dropped == ["voice"]
    with pytest.raises(UnsupportedParameter):
        sent(call(KORE, voice="alloy", is_strict=True))


@pytest.mark.parametrize(
    ("voice", "expected"),
    [
        ("Kore", {"languageCode": "en-US", "name": "Kore"}),
        ({"id": "Kore", "languageCode": "de-DE"}, {"languageCode": "de-DE", "name": "Kore"}),
        (None, {"languageCode": "en-US"}),
    ],
)
def test_a_model_of_geminis_is_named_beside_the_voice(
    voice: object, expected: dict[str, str]
) -> None:
    """Its voices speak every language, so the language is told."""
    assert sent(call(GEMINI, voice=voice))["voice"] == {**expected, "modelName": GEMINI}


def test_only_models_are_told_how_to_speak() -> None:
    """A voice would read it out, or refuse it."""
    assert sent(call(GEMINI, instructions="Whisper."))["input"]["prompt"] == "Whisper."
    made = call(KORE, instructions="Whisper.")
    assert sent(made)["input"] == {"text": "Hello"}
    assert made.dropped == ["instructions"]


@pytest.mark.parametrize(
    ("text", "member"),
    [
        ("<speak>Hi</speak>", "ssml"),
        ('<speak version="1.1">Hi</speak>', "ssml"),
        ("<speaker> says hi", "text"),
        ("Say <speak>", "text"),
    ],
)
def test_a_document_of_ssml_goes_as_such(text: str, member: str) -> None:
    """It is known by its root element."""
    assert sent(call(KORE, input=text))["input"] == {member: text}


@pytest.mark.parametrize(("speed", "is_taken"), [(0.25, True), (2.0, True), (2.01, False)])
def test_speed_has_a_limit_of_its_own(speed: float, *, is_taken: bool) -> None:
    """What is faster than Google Cloud speaks is for somebody else."""
    if is_taken:
        assert sent(call(KORE, speed=speed))["audioConfig"]["speakingRate"] == speed
        return
    with pytest.raises(InvalidRequest, match="at most 2 times as fast"):
        sent(call(KORE, speed=speed))


def test_bytes_are_counted_not_characters() -> None:
    """2,500 umlauts are as much as a request may have; a model of Gemini's has other limits."""
    assert sent(call(KORE, input="ü" * 2500))
    with pytest.raises(InvalidRequest, match="at most 5000 at once"):
        sent(call(KORE, input="ü" * 2501))
    assert sent(call(GEMINI, input="ü" * 2501))


def test_the_text_the_voice_and_the_encoding_go_by_no_other_name() -> None:
    """Limits, prices and the answer's type are of those that the request has in OpenAI's words."""
    made = call(KORE, audioConfig={"audioEncoding": "MULAW", "pitch": 1.5})
    assert sent(made)["audioConfig"] == {"audioEncoding": "MP3", "pitch": 1.5}
    assert made.dropped == ["audioConfig.audioEncoding"]


def test_a_configuration_that_is_no_object_is_refused() -> None:
    """It could not be put together with the format."""
    with pytest.raises(InvalidRequest, match="must be an object"):
        sent(call(KORE, audioConfig="loud"))
