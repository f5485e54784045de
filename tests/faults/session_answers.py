"""What a provider in order says in a session: that it is open, four times words, and the end."""

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import orjson
from tests.faults.answer import FRAMES, PIECES, TEXT, USED, Answer
from tests.support.session_upstream import STARTED, closed, created, error, event
from tests.support.transcribe_upstream import exception, words

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


def _nova() -> Answer:
    def result(words: str, end: float, **said: bool) -> str:
        flags = {"is_final": False, "speech_final": False, "from_finalize": False, **said}
        channel = {"alternatives": [{"transcript": words, "confidence": 0.99, "words": []}]}
        return _json(type="Results", start=0.0, duration=end, channel=channel, **flags)

    guesses = [result(words, place / 10) for place, words in enumerate(_GUESSES)]
    end = result(TEXT, 1.0, is_final=True, speech_final=True)
    failure = _json(type="Error", variant="NET-0000", description="as the test says")
    # Its session begins with the handshake; what comes without words says nothing.
    return _session(result("", 0.0), guesses, end, failure.encode())


def _transcribe() -> Answer:
    guesses = [words(said, place / 10, is_partial=True) for place, said in enumerate(_GUESSES)]
    # It says nothing before sound: what comes without words stands for its beginning.
    events = [words("", 0.0, is_partial=True), *guesses]
    failure = exception("InternalFailureException", "as the test says")
    return Answer(tokens=events, ending=[words(TEXT, 1.0)], failure=failure, media=FRAMES)


def _ultravox() -> Answer:
    def transcript(**members: object) -> str:
        told = {"role": "agent", "medium": "text", "text": None, "delta": None, "final": False}
        return _json(type="transcript", ordinal=0, **{**told, **members})

    state = _json(type="state", state="thinking")
    said = [transcript(delta=piece) for piece in ("Hello there", ", world", "!")]
    started = _json(type="call_started", callId="call-1")
    return _session(started, [state, *said], transcript(text=TEXT, final=True))


def _agent() -> Answer:
    def told(kind: str, event: str = "", **members: object) -> str:
        return _json(type=kind, **({event: members} if event else {}))

    formats = {"agent_output_audio_format": "pcm_16000", "user_input_audio_format": "pcm_16000"}
    begun = told(
        "conversation_initiation_metadata",
        "conversation_initiation_metadata_event",
        conversation_id="conv_1",
        **formats,
    )
    ping = told("ping", "ping_event", event_id=1)
    said = [
        told("agent_chat_response_part", "text_response_part", text=piece, type="delta")
        for piece in ("Hello there", ", world", "!")
    ]
    return _session(begun, [ping, *said], told("agent_response_complete"))


def creation_at(host: str, path: str) -> Answer:
    """Return where a session is that somebody has asked for."""
    place, _, rest = path.partition("/v1/")
    if rest.startswith("api/calls"):
        told = {"callId": "call-1", "joinUrl": f"ws://{host}{place}/v1/calls/call-1"}
    else:
        signed = "agent_id=agent-1&conversation_signature=s1"
        told = {"signed_url": f"ws://{host}{place}/v1/convai/conversation?{signed}"}
    return Answer(orjson.dumps(told))


def _json(**members: object) -> str:
    return orjson.dumps(members).decode()


# The ends of the addresses at which sessions are made.
CREATIONS = ("/api/calls", "/get-signed-url")
# By the end of the address.
SESSION_ANSWERS: Mapping[str, Answer] = {
    "/realtime": _talk(),
    "/live/sessions": _live(),
    "/v1/listen": _nova(),
    "/v2/listen": _flux(),
    "/stream-transcription-websocket": _transcribe(),
    "/calls/call-1": _ultravox(),
    "/convai/conversation": _agent(),
    "/v1/speech-to-text/realtime": _scribe(),
}
DICTATION = _dictation()
