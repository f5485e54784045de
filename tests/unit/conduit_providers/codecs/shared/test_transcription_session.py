"""The caller's side of a transcription session, with the plainest dialect there is."""

from base64 import b64encode
from collections.abc import Sequence
from typing import Any

import orjson
import pytest

from conduit.v1.realtime_client_event_json import (
    realtime_client_event_from_json,
    realtime_client_event_to_json,
)
from conduit_kernel.errors import InvalidRequest
from conduit_providers.calls import Call, Form
from conduit_providers.codecs.shared.transcription_session import TranscriptionSession
from conduit_providers.codecs.shared.transcription_settings import TranscriptionSettings
from conduit_providers.operations.converse import realtime_opening
from conduit_providers.session_codec import Frame, SessionEvent, Step
from conduit_providers.wire import WebSocketRequest


class Plain(TranscriptionSession):
    """Sends sound as it is, and takes each frame for an utterance of a second."""

    def sound(self, sound: bytes) -> Frame:
        """Send it as it is."""
        return sound

    def commit(self) -> Sequence[Step]:
        """Ask for the words."""
        return ("commit",)

    def from_upstream(self, frame: Frame) -> Sequence[Step]:
        """Take in an utterance."""
        assert isinstance(frame, str)
        self.heard_until(1000)
        return tuple(self.finish(frame, 1000))


def said(text: bytes) -> SessionEvent:
    """Return a caller's event."""
    return Form(realtime_client_event_from_json, realtime_client_event_to_json, text)


def plain() -> Plain:
    """Return a session."""
    call = Call(realtime_opening("alias"), alias="alias", model="m", provider="Lumen", dropped=[])

    def handshake(settings: TranscriptionSettings) -> WebSocketRequest:
        return WebSocketRequest(f"/{settings.format}")

    return Plain(call, handshake)


def say(session: Plain, kind: str, /, **members: object) -> list[Any]:
    """Say something; return what is done, events as JSON."""
    event = said(orjson.dumps({"type": kind, **members}))
    return [
        orjson.loads(step.json) if isinstance(step, Form) else step
        for step in session.to_upstream(event)
    ]


def test_a_session_is_opened_once() -> None:
    """A second connection is none of the caller's business."""
    session = plain()
    assert not session.is_open
    assert len(session.opened("sess_7")) == 1
    assert session.is_open
    assert session.opened("sess_8") == ()


def test_sound_is_counted_by_its_format() -> None:
    """Until something came of it, it is not counted by the provider."""
    session = plain()
    say(session, "session.update", session=sound_of("audio/pcmu"))
    assert say(session, "input_audio_buffer.append", audio=b64encode(b"\1" * 8000).decode())
    assert session.sent == 1000
    rest = session.uncounted(5)
    assert rest is not None
    assert not session.usage.leaves
    session.from_upstream("a")
    assert session.usage == rest
    assert session.uncounted(5) is None


def sound_of(kind: str) -> dict[str, Any]:
    """Return a session whose sound is of a format."""
    return {"type": "transcription", "audio": {"input": {"format": {"type": kind}}}}


def test_settings_hold_by_a_new_handshake_until_there_was_sound() -> None:
    """None is needed where nothing changes."""
    session = plain()
    assert len(say(session, "session.update", session=sound_of("audio/pcm"))) == 1
    reconnect, told = say(session, "session.update", session=sound_of("audio/pcmu"))
    assert reconnect == WebSocketRequest("/audio/pcmu")
    assert told["type"] == "session.updated"
    say(session, "input_audio_buffer.append", audio="AAAA")
    (refused,) = say(session, "session.update", session=sound_of("audio/pcm"))
    assert refused["error"]["param"] == "session"
    assert session.settings.format == "audio/pcmu"


def test_an_item_is_committed_once() -> None:
    """By the caller, or by the provider; the next one follows it."""
    session = plain()
    committed, frame = say(session, "input_audio_buffer.commit")
    assert (committed["item_id"], frame) == ("item_1", "commit")
    assert say(session, "input_audio_buffer.commit") == []
    kinds = [orjson.loads(step.json)["type"] for step in events(session, "Hi")]
    assert kinds == [
        "conversation.item.input_audio_transcription.delta",
        "conversation.item.input_audio_transcription.completed",
    ]
    second = [orjson.loads(step.json) for step in events(session, "Ho")]
    assert second[2]["previous_item_id"] == "item_1"
    # It is of the same second.
    assert second[-1]["usage"]["seconds"] == 0


def events(session: Plain, text: str) -> list[Form[Any]]:
    """Return the events of an utterance."""
    return [step for step in session.from_upstream(text) if isinstance(step, Form)]


@pytest.mark.parametrize("text", ["no JSON", "[]", '{"type":7}', '{"event_id":"mine"}'])
def test_what_is_no_event_is_an_error_to_the_caller(text: str) -> None:
    """The session goes on."""
    (told,) = plain().to_upstream(said(text.encode()))
    assert isinstance(told, Form)
    assert orjson.loads(told.json)["type"] == "error"


@pytest.mark.parametrize("audio", [7, None, "no base64!"])
def test_sound_that_is_none_is_an_error_to_the_caller(audio: object) -> None:
    """With the member at fault, and the event's name."""
    (told,) = say(plain(), "input_audio_buffer.append", audio=audio, event_id="mine")
    assert (told["error"]["param"], told["error"]["event_id"]) == ("audio", "mine")
    assert say(plain(), "input_audio_buffer.append", audio="") == []


def test_bytes_that_are_no_text_end_the_session() -> None:
    """As in all sessions."""
    with pytest.raises(InvalidRequest):
        plain().to_upstream(said(b'{"type":"\xff"}'))
