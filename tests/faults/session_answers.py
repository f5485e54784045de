"""What a provider in order says in a session: that it is open, four times words, and the end."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import orjson
from tests.faults.answer import PIECES, TEXT, USED, Answer
from tests.support.session_upstream import STARTED, closed, created, error, event

_FAILURE = error("insufficient_quota", "as the test says").encode()
# The words up to each piece but the last one, as they are guessed.
_GUESSES = [*accumulate(PIECES)][:4]


def _session(open_with: str, words: Sequence[str], end: str, failure: bytes = _FAILURE) -> Answer:
    events = [each.encode() for each in (open_with, *words)]
    return Answer(tokens=events, ending=[end.encode()], failure=failure)


def _talk() -> Answer:
    response: dict[str, Any] = {"id": "resp_1", "status": "completed", "usage": USED}
    place = {"response_id": "resp_1", "item_id": "item_1", "output_index": 0, "content_index": 0}
    words = [
        event("response.output_text.delta", **place, delta=piece)
        for piece in ("Hello there", ", world", "!")
    ]
    begun = event("response.created", response={"id": "resp_1", "status": "in_progress"})
    return _session(created(), [begun, *words], event("response.done", response=response))


def _live() -> Answer:
    words = [
        event("session.output_transcript.delta", delta=piece)
        for piece in (*PIECES[:3], PIECES[3] + PIECES[4])
    ]
    return _session(STARTED, words, closed(3))


def _dictation() -> Answer:
    place = {"item_id": "item_1", "content_index": 0}
    kind = "conversation.item.input_audio_transcription"
    words = [
        event(f"{kind}.delta", **place, delta=piece) for piece in ("Hello there", ", world", "!")
    ]
    committed = event("input_audio_buffer.committed", item_id="item_1")
    usage = {"type": "tokens", **USED}
    end = event(f"{kind}.completed", **place, transcript=TEXT, usage=usage)
    session = {"type": "transcription", "id": "sess_1"}
    return _session(event("session.created", session=session), [committed, *words], end)


def _flux() -> Answer:
    def turn(name: str, words: str, end: float) -> str:
        return _json(
            type="TurnInfo",
            event=name,
            transcript=words,
            audio_window_start=0.0,
            audio_window_end=end,
        )

    guesses = [
        turn("Update" if place else "StartOfTurn", words, place / 10)
        for place, words in enumerate(_GUESSES)
    ]
    connected = _json(type="Connected", request_id="r1")
    failure = _json(type="Error", code="INTERNAL_SERVER_ERROR", description="as the test says")
    return _session(connected, guesses, turn("EndOfTurn", TEXT, 1.0), failure.encode())


def _scribe() -> Answer:
    def told(kind: str, **members: object) -> str:
        return _json(message_type=kind, **members)

    guesses = [told("partial_transcript", text=words) for words in _GUESSES]
    end = told("committed_transcript", text=TEXT)
    failure = told("quota_exceeded", error="as the test says")
    return _session(told("session_started", session_id="s1"), guesses, end, failure.encode())


def _json(**members: object) -> str:
    return orjson.dumps(members).decode()


# By the end of the address.
SESSION_ANSWERS: Mapping[str, Answer] = {
    "/realtime": _talk(),
    "/live/sessions": _live(),
    "/v2/listen": _flux(),
    "/v1/speech-to-text/realtime": _scribe(),
}
DICTATION = _dictation()
