"""The odd turns of conversations with ElevenLabs' agents; the others the wire cases show."""

from base64 import b64encode

import orjson
import pytest
from tests.support.translators import kinds, said, translator

from conduit_kernel.errors import UpstreamError
from conduit_providers.session_codec import SessionTranslator

# 20 ms of it, at 16 kHz.
SOUND = b64encode(b"\1\0" * 320).decode()


def told(kind: str, **members: object) -> str:
    """Write what the provider says."""
    return orjson.dumps({"type": kind, **members}).decode()


def metadata(heard: str = "pcm_16000") -> str:
    """Write what begins a conversation."""
    event = {"conversation_id": "c", "user_input_audio_format": heard}
    return told("conversation_initiation_metadata", conversation_initiation_metadata_event=event)


def audio(number: int) -> str:
    """Write some sound."""
    return told("audio", audio_event={"audio_base_64": SOUND, "event_id": number})


@pytest.fixture
def session() -> SessionTranslator:
    """Return a conversation that has begun."""
    made = translator("ElevenLabs", "agent_1")
    assert kinds(made.from_upstream(metadata())) == ["created"]
    return made


def test_a_conversation_is_begun_by_us() -> None:
    """Nothing comes before."""
    made = translator("ElevenLabs", "agent_1")
    (frame,) = made.first_steps()
    assert isinstance(frame, str)
    assert orjson.loads(frame) == {"type": "conversation_initiation_client_data"}
    assert made.from_upstream(audio(1)) == ()
    assert not made.is_open


def test_a_format_that_nobody_knows_is_the_providers_fault() -> None:
    """Its sound could be played by nobody."""
    with pytest.raises(UpstreamError) as raised:
        translator("ElevenLabs", "agent_1").from_upstream(metadata("opus_48000"))
    assert raised.value.metadata["kind"] == "malformed"


@pytest.mark.parametrize("kind", ["audio", "client_tool_call"])
def test_a_message_without_what_it_is_about_is_the_providers_fault(
    session: SessionTranslator, kind: str
) -> None:
    """Sound has sound, and a call a function."""
    with pytest.raises(UpstreamError):
        session.from_upstream(told(kind))


def test_a_greeting_waits_for_the_caller_but_pings_do_not(session: SessionTranslator) -> None:
    """It comes before what the caller's first event brings."""
    assert session.from_upstream(audio(1)) == ()
    (pong,) = session.from_upstream(told("ping", ping_event={"event_id": 7}))
    assert isinstance(pong, str)
    assert orjson.loads(pong) == {"type": "pong", "event_id": 7}
    steps = session.to_upstream(said("response.cancel"))
    assert kinds(steps) == ["created", "added", "added", "added", "delta", "error"]
    assert kinds(session.from_upstream(audio(1))) == ["delta"]


def test_a_greeting_without_an_end_does_not_wait(session: SessionTranslator) -> None:
    """What is kept of it has a bound."""
    found = [session.from_upstream(audio(1)) for _ in range(1000)]
    # With those that begin the answer.
    assert max(map(len, found)) == 1004
    assert kinds(session.from_upstream(audio(1))) == ["delta"]


def test_another_conversation_is_not_mixed_with_the_one_before(session: SessionTranslator) -> None:
    """What is still on its way of that is of no use; an answer that was begun is cancelled."""
    session.to_upstream(said("response.cancel"))
    session.from_upstream(audio(1))
    update = said("session.update", session={"instructions": "Be brief."})
    assert kinds(session.to_upstream(update))[-1] == "updated"
    assert session.from_upstream(audio(1)) == ()
    assert session.from_upstream(metadata()) == ()
    assert kinds(session.from_upstream(audio(1)))[0] == "created"


def test_settings_come_too_late_once_something_was_said(session: SessionTranslator) -> None:
    """But for whether the caller is told its own words."""
    session.to_upstream(said("input_audio_buffer.append", audio=SOUND))
    update = said("session.update", session={"instructions": "Be brief."})
    assert kinds(session.to_upstream(update)) == ["error"]
    none = {"audio": {"input": {"transcription": None}}}
    assert kinds(session.to_upstream(said("session.update", session=none))) == ["updated"]


def test_a_correction_of_what_is_being_said_holds(session: SessionTranslator) -> None:
    """It is the transcript at the end; of what is over nothing is corrected."""
    session.to_upstream(said("response.cancel"))
    session.from_upstream(told("agent_response", agent_response_event={"agent_response": "One"}))
    event = {"corrected_agent_response": "On"}
    correction = told("agent_response_correction", agent_response_correction_event=event)
    assert session.from_upstream(correction) == ()
    steps = session.from_upstream(told("agent_response_complete"))
    assert kinds(steps)[-1] == "done"
    assert session.from_upstream(correction) == ()
