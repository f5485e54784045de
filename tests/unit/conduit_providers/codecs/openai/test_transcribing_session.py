"""A session of a model that only transcribes: an event names it, and none is said before."""

from typing import Any

import orjson
import pytest

from conduit_kernel.errors import InvalidRequest
from conduit_providers.calls import Call
from conduit_providers.codecs.openai.transcribing_session import TranscribingTranslator
from conduit_providers.operations.converse import realtime_event, realtime_opening

APPEND = {"type": "input_audio_buffer.append", "audio": "AAAA"}
HEARD = "conversation.item.input_audio_transcription.completed"


def translator() -> TranscribingTranslator:
    """Return a translator of a session."""
    call = Call(realtime_opening("words"), alias="words", model="gpt-4o-transcribe", provider="P")
    return TranscribingTranslator(call)


def sent(session: TranscribingTranslator, event: object) -> list[Any]:
    """Return what the provider gets of a caller's event."""
    frames = session.to_upstream(realtime_event(orjson.dumps(event)))
    return [orjson.loads(frame) for frame in frames if isinstance(frame, str)]


def transcriber(event: Any) -> object:  # noqa: ANN401 # JSON
    """Return who an update has transcribe."""
    return event["session"]["audio"]["input"]["transcription"].get("model")


def test_sound_comes_behind_the_models_name() -> None:
    """Once."""
    session = translator()
    update, append = sent(session, APPEND)
    assert update["session"]["type"] == "transcription"
    assert transcriber(update) == "gpt-4o-transcribe"
    assert append == APPEND
    assert sent(session, APPEND) == [APPEND]


@pytest.mark.parametrize(
    "asked",
    [
        {"type": "transcription"},
        {"type": "transcription", "model": "words"},
        {"type": "transcription", "audio": {"input": {"turn_detection": None}}},
        {"type": "transcription", "audio": {"input": {"transcription": {"language": "en"}}}},
        {"type": "transcription", "audio": {"input": {"transcription": {"model": "words"}}}},
    ],
)
def test_an_update_names_the_model_whatever_the_caller_calls_it(asked: object) -> None:
    """And the model of a conversation by no name: there is none."""
    session = translator()
    (update,) = sent(session, {"type": "session.update", "session": asked})
    assert transcriber(update) == "gpt-4o-transcribe"
    assert "model" not in update["session"]
    assert sent(session, APPEND) == [APPEND]


def test_what_has_no_place_for_a_model_is_the_providers_to_refuse() -> None:
    """It goes as it is; what cannot be read does not go at all."""
    session = translator()
    for asked in (None, {"audio": 1}, {"audio": {"input": {"transcription": None}}}):
        event = {"type": "session.update", "session": asked}
        assert sent(session, event) == [event]
    with pytest.raises(InvalidRequest, match="cannot be read"):
        session.to_upstream(realtime_event(b'{"type":"session.update","session":{"x":1e999}}'))


def test_callers_read_their_own_name_and_pay_for_their_own_model() -> None:
    """Whatever the provider calls it."""
    session = translator()
    other = "gpt-4o-transcribe-2026"
    for name, told in (("gpt-4o-transcribe", "words"), (other, other)):
        made = {"type": "transcription", "audio": {"input": {"transcription": {"model": name}}}}
        event = {"type": "session.updated", "session": made}
        (heard,) = session.from_upstream(orjson.dumps(event).decode())
        assert transcriber(orjson.loads(heard.json)) == told
    usage = {"type": "tokens", "input_tokens": 9, "output_tokens": 4, "total_tokens": 13}
    session.from_upstream(orjson.dumps({"type": HEARD, "usage": usage}).decode())
    assert session.usage.input_tokens == 9
    assert session.other_usage == {}
