"""Sessions whose first event names the model that is to transcribe."""

import orjson
import pytest
from openai.types.realtime import SessionCreatedEvent

from conduit_kernel.errors import InvalidRequest, MalformedJson
from conduit_providers.transcription_intent import created, is_created, transcriber_in


def test_a_caller_is_greeted_as_openai_greets_it() -> None:
    """In the form that its SDK reads, and by no model."""
    greeting = SessionCreatedEvent.model_validate_json(created("sess_1"))
    assert greeting.session.type == "transcription"
    assert is_created(created("sess_1"))
    assert not is_created(b'{"type":"session.updated","session":{"type":"session.created"}}')


def test_the_model_is_the_one_that_transcribes() -> None:
    """Whatever else is said."""
    asked = {"type": "transcription", "audio": {"input": {"transcription": {"model": "words"}}}}
    event = {"type": "session.update", "session": {**asked, "model": "other"}}
    assert transcriber_in(orjson.dumps(event)) == "words"


@pytest.mark.parametrize(
    ("json", "field"),
    [
        (b'{"type":"input_audio_buffer.append","audio":"AAAA"}', "type"),
        (b'{"type":"session.update"}', "session.audio.input.transcription.model"),
        (
            b'{"type":"session.update","session":{"audio":{"input":{"transcription":null}}}}',
            "session.audio.input.transcription.model",
        ),
        (
            b'{"type":"session.update","session":{"audio":{"input":{"transcription":{"model":7}}}}}',
            "session.audio.input.transcription.model",
        ),
        (b"[" * 5000, ""),
        (b"{}", "type"),
    ],
)
def test_what_names_none_is_refused(json: bytes, field: str) -> None:
    """By the member that is missing or wrong."""
    with pytest.raises(InvalidRequest) as raised:
        transcriber_in(json)
    assert raised.value.metadata.get("field", "") == field


@pytest.mark.parametrize("json", [b"{", b'"\xff"', b'{"type":"\xff"}'])
def test_what_is_no_json_is_malformed(json: bytes) -> None:
    """And no fault of ours."""
    with pytest.raises((MalformedJson, InvalidRequest)):
        transcriber_in(json)
