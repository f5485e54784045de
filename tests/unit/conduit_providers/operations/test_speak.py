"""What a wish for speech requires, what it may use, and how its answer is told."""

import orjson
import pytest

from conduit.v1 import charge_pb2
from conduit.v1.audio_requests_pb2 import SpeakRequest, SpeakResponse
from conduit.v1.speech_pb2 import SpeechRequest
from conduit_kernel.errors import InvalidRequest
from conduit_providers.model_rows import SpeakModel
from conduit_providers.operation import Requirements, WorstCase
from conduit_providers.operations.speak import OPERATION, speech_request
from conduit_providers.quantities import AUDIO_OUTPUT, INPUT, Quantities, counted
from conduit_providers.speech import CHARACTER, SpeechEvents

BASE: dict[str, object] = {"model": "m", "input": "Hello there.", "voice": "alloy"}
BY_CHARACTER, BY_TOKEN = SpeakModel(), SpeakModel(unit="token")


def body(**members: object) -> bytes:
    """Return a wish in JSON."""
    return orjson.dumps(BASE | members)


def requirements(**members: object) -> Requirements:
    """Read a wish."""
    return OPERATION.requirements(body(**members), stream=True)


def test_a_plain_wish_requires_nothing_special() -> None:
    """But a model and a text."""
    found = requirements(voice={"id": "v"}, speed=0.25, fallbacks=["b"])
    assert (found.model, found.operation, found.stream) == ("m", "speak", True)
    assert found.fallbacks == ("b",)
    assert not found.capabilities


@pytest.mark.parametrize(
    ("members", "field"),
    [
        ({"input": ""}, "input"),
        ({"input": None}, "input"),
        ({"speed": 0.2}, "speed"),
        ({"speed": 4.1}, "speed"),
        ({"speed": "fast"}, "speed"),
        ({"response_format": 3}, "response_format"),
        ({"stream_format": "chunks"}, "stream_format"),
    ],
)
def test_what_is_no_wish_is_refused_with_its_field(members: dict[str, object], field: str) -> None:
    """No provider is asked for it."""
    with pytest.raises(InvalidRequest) as raised:
        requirements(**members)
    assert raised.value.metadata["field"] == field


def test_both_forms_of_a_request_are_taken() -> None:
    """Typed, and as JSON."""
    typed = OPERATION.form_of(SpeakRequest(speech=SpeechRequest(model="m", input="Hi.")))
    assert orjson.loads(typed.json) == {"model": "m", "input": "Hi."}
    assert OPERATION.form_of(SpeakRequest(json=body())).typed.voice.name == "alloy"


def estimate(facts: SpeakModel, emitted: int = 0, **members: object) -> Quantities:
    """Return about what a wish uses."""
    return OPERATION.estimate(speech_request(json=body(**members)), None, emitted, None, facts)


def test_characters_are_counted_where_they_are_paid_for() -> None:
    """However much came: providers charge for the text."""
    assert estimate(BY_CHARACTER, input="Größe") == counted(((CHARACTER, 5),))


def test_tokens_are_counted_where_they_are_paid_for() -> None:
    """Those of the text and of what is said of it, and those that came."""
    found = estimate(BY_TOKEN, 25, input="a" * 40, instructions="b" * 40)
    assert found == counted(((INPUT, 20), (AUDIO_OUTPUT, 25)))


def test_a_wish_that_the_contract_does_not_know_is_estimated_at_nothing() -> None:
    """It may be sent all the same."""
    assert estimate(BY_TOKEN, voice=3) == Quantities()
    form = speech_request(json=body(voice=3))
    assert OPERATION.worst_case(form, requirements()) == WorstCase(Quantities(), is_bounded=False)


@pytest.mark.parametrize("facts", [BY_CHARACTER, BY_TOKEN])
@pytest.mark.parametrize("speed", [0.25, 1, 4])
def test_no_speech_uses_more_than_the_worst_case(facts: SpeakModel, speed: float) -> None:
    """As slow as it is asked for, and slower than anybody speaks."""
    form = speech_request(json=body(speed=speed, input="word " * 100))
    worst = OPERATION.worst_case(form, requirements())
    assert worst.is_bounded
    # At fifteen characters a second, and 25 tokens.
    spoken = round(500 / 15 / speed * 25)
    for unit, count in OPERATION.estimate(form, None, spoken, None, facts).leaves:
        assert worst.usage.count(unit) >= count


def test_slow_speech_is_longer() -> None:
    """Four times as much sound at a quarter of the speed."""
    usual, slow = (
        OPERATION.worst_case(speech_request(json=body(input="a" * 400, speed=speed)), None).usage  # type: ignore[arg-type] # it needs none
        for speed in (1, 0.25)
    )
    assert slow.count(AUDIO_OUTPUT) > 3.9 * usual.count(AUDIO_OUTPUT)


def test_the_first_message_names_the_media_type() -> None:
    """Of sound its own, of events theirs."""
    sound, event = SpeakResponse(), SpeakResponse()
    OPERATION.put(sound, SpeechEvents(audio=b"a", content_type="audio/wav"), is_typed=False)
    assert (sound.audio, sound.content_type, sound.events) == (b"a", "audio/wav", b"")
    events = SpeechEvents(sse=b"data: {}\n\n", content_type="text/event-stream")
    OPERATION.put(event, events, is_typed=False)
    assert (event.audio, event.events) == (b"", b"data: {}\n\n")


def test_the_last_message_has_the_counts() -> None:
    """None where the provider did not count."""
    message = SpeakResponse()
    OPERATION.finished(message, None, is_typed=False)
    assert not message.finished.HasField("usage")
    used = Quantities(((int(charge_pb2.UNIT_CHARACTER), 7),))
    OPERATION.finished(message, used, is_typed=False)
    assert message.finished.usage.input_characters == 7
