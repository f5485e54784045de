"""Realtime sessions of the simulator, event by event."""

from base64 import b64decode, b64encode
from itertools import count
from typing import Any

import pytest

from conduit_simulator.realtime import BYTES_PER_SECOND, RealtimeSession
from conduit_simulator.transcription import WORDS

Json = dict[str, Any]
SECOND = b64encode(bytes(BYTES_PER_SECOND)).decode()


@pytest.fixture
def session() -> RealtimeSession:
    """Return a session with ids that count."""
    numbers = count(1)
    return RealtimeSession("echo", lambda: str(next(numbers)), 1000)


def heard(session: RealtimeSession, kind: str, /, **members: object) -> list[Json]:
    """Return what answers an event."""
    return list(session.hear({"type": kind, **members}))


def message(text: str) -> Json:
    """Return an item of the user's."""
    return {"type": "message", "role": "user", "content": [{"type": "input_text", "text": text}]}


def test_a_session_says_what_it_is(session: RealtimeSession) -> None:
    """And what a caller has of it, but for what is not the caller's to say."""
    (opened,) = session.opening()
    assert (opened["type"], opened["session"]["model"]) == ("session.created", "echo")
    wish = {"id": "mine", "audio": {"input": {"transcription": {"model": "t"}}, "x": 1}}
    (updated,) = heard(session, "session.update", session=wish | {"instructions": "Be brief."})
    told = updated["session"]
    assert (told["id"], told["instructions"]) == (opened["session"]["id"], "Be brief.")
    assert told["audio"]["input"]["transcription"] == {"model": "t"}
    assert told["audio"]["input"]["format"] == {"type": "audio/pcm", "rate": 24000}


@pytest.mark.parametrize("is_text", [True, False])
def test_it_says_again_what_it_was_told(session: RealtimeSession, *, is_text: bool) -> None:
    """In words, or as a tone with its transcript; its usage is of both."""
    added = heard(session, "conversation.item.create", item=message("hello out there"))
    assert [each["type"] for each in added] == [
        "conversation.item.added",
        "conversation.item.done",
    ]
    wish = {"output_modalities": ["text"]} if is_text else None
    events = heard(session, "response.create", response=wish)
    kind = "output_text" if is_text else "output_audio_transcript"
    deltas = [each["delta"] for each in events if each["type"] == f"response.{kind}.delta"]
    assert "".join(deltas) == "hello out there"
    sound = [
        b64decode(each["delta"]) for each in events if each["type"] == "response.output_audio.delta"
    ]
    # Fifteen characters take a second.
    assert len(b"".join(sound)) == (0 if is_text else BYTES_PER_SECOND)
    done = events[-1]["response"]
    assert (events[-1]["type"], done["status"]) == ("response.done", "completed")
    usage = done["usage"]
    assert usage["input_token_details"]["text_tokens"] == 3
    assert usage["output_token_details"] == {
        "text_tokens": 3,
        "audio_tokens": 0 if is_text else 20,
    }
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]


def test_what_it_hears_is_the_quick_brown_fox(session: RealtimeSession) -> None:
    """Written down where that was asked for, and said again."""
    heard(
        session, "session.update", session={"audio": {"input": {"transcription": {"model": "t"}}}}
    )
    assert heard(session, "input_audio_buffer.append", audio=SECOND) == []
    *_, written = heard(session, "input_audio_buffer.commit")
    assert (written["transcript"], written["usage"]["seconds"]) == (WORDS, 1.0)
    answer = heard(session, "response.create")
    assert answer[-1]["response"]["usage"]["input_token_details"]["audio_tokens"] == 10
    assert answer[-1]["response"]["output"][0]["content"][0]["transcript"] == WORDS


@pytest.mark.parametrize(
    ("event", "code"),
    [
        ({"type": "input_audio_buffer.commit"}, "input_audio_buffer_commit_empty"),
        ({"type": "input_audio_buffer.append", "audio": "?"}, "invalid_value"),
        ({"type": "input_audio_buffer.append", "audio": 7}, "invalid_value"),
        ({"type": "response.cancel"}, "response_cancel_not_active"),
        ({"type": "dance"}, "invalid_value"),
        ({}, "invalid_value"),
    ],
)
def test_what_makes_no_sense_is_told(session: RealtimeSession, event: Json, code: str) -> None:
    """And the session goes on."""
    (told,) = session.hear({**event, "event_id": "mine"})
    assert (told["type"], told["error"]["code"], told["error"]["event_id"]) == (
        "error",
        code,
        "mine",
    )
    assert not session.is_over


def test_a_buffer_that_is_cleared_has_nothing(session: RealtimeSession) -> None:
    """So that there is nothing to commit."""
    heard(session, "input_audio_buffer.append", audio=SECOND)
    assert [e["type"] for e in heard(session, "input_audio_buffer.clear")] == [
        "input_audio_buffer.cleared"
    ]
    assert heard(session, "input_audio_buffer.commit")[0]["type"] == "error"
