"""What of a wish for speech Deepgram is told, and what it counts."""

from urllib.parse import parse_qs, urlsplit

import orjson
import pytest

from conduit_kernel.errors import UnsupportedParameter
from conduit_providers.calls import Call
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs.deepgram.speak import CODEC
from conduit_providers.operations.speak import SpeakCall, speech_request
from conduit_providers.quantities import counted
from conduit_providers.speech import CHARACTER
from conduit_providers.target import Target

SPEC = load_catalog().find("Deepgram")
ENDPOINT = SPEC.endpoints["speak"]
TARGET = Target("P", "Deepgram", "https://deepgram.example")


def call(*, is_strict: bool = False, **members: object) -> SpeakCall:
    """Return a call of Aura's Thalia."""
    json = orjson.dumps({"model": "m", "input": "Hello", **members})
    form = speech_request(json=json)
    return Call(form, alias="m", model="aura-2-thalia-en", provider="P", is_strict=is_strict)


def query_of(made: SpeakCall) -> dict[str, list[str]]:
    """Return the query of a call's request."""
    return parse_qs(urlsplit(CODEC.to_upstream(made, ENDPOINT, TARGET).path).query)


@pytest.mark.parametrize("voice", ["thalia", "aura-2-thalia-en", {"id": "thalia"}])
def test_the_voice_that_the_model_names_is_not_dropped(voice: object) -> None:
    """So a strict caller may name it, too."""
    made = call(voice=voice, is_strict=True)
    query_of(made)
    assert made.dropped == []


def test_another_voice_than_the_models_is_dropped() -> None:
    """The sound would be of another one, which a strict caller does not want."""
    made = call(voice="alloy")
    query_of(made)
    assert made.dropped == ["voice"]
    with pytest.raises(UnsupportedParameter):
        query_of(call(voice="alloy", is_strict=True))


def test_members_of_deepgrams_own_replace_those_of_the_format() -> None:
    """Such as the encoding of telephones, which OpenAI's dialect lacks."""
    found = query_of(call(encoding="mulaw", container="none", sample_rate=8000))
    assert found == {
        "model": ["aura-2-thalia-en"],
        "encoding": ["mulaw"],
        "container": ["none"],
        "sample_rate": ["8000"],
    }


@pytest.mark.parametrize("value", [{"a": 1}, [1], ["a", {}]])
def test_what_has_no_place_in_a_query_is_dropped(value: object) -> None:
    """Objects, and lists of anything but text."""
    made = call(tag=value)
    assert "tag" not in query_of(made)
    assert made.dropped == ["tag"]


def test_sound_is_never_sent_elsewhere() -> None:
    """A caller's address is none that this gateway answers."""
    made = call(callback="https://elsewhere.example", callback_method="PUT")
    assert query_of(made).keys() == {"model", "encoding"}
    assert made.dropped == ["callback", "callback_method"]


@pytest.mark.parametrize("told", ["", "-5", "5.5", "many", "9" * 5000])
def test_a_count_that_makes_no_sense_is_none(told: str) -> None:
    """Then the text's own length counts."""
    made = call()
    made.answer_headers = {"content-type": "audio/mpeg", "dg-char-count": told}
    assert CODEC.decoder(made, ENDPOINT).usage is None


def test_characters_count_as_deepgram_counts_them() -> None:
    """They are in the answer's head, and so known of an answer that is cut."""
    made = call()
    made.answer_headers = {"content-type": "audio/mpeg", "dg-char-count": "7"}
    assert CODEC.decoder(made, ENDPOINT).usage == counted(((CHARACTER, 7),))
