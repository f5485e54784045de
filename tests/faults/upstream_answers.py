"""What a provider in order answers, operation by operation: whole, and piece by piece."""

from base64 import b64encode
from collections.abc import Mapping

import orjson
from tests.faults.answer import PIECES, TEXT, USED, Answer
from tests.faults.session_answers import DICTATION, SESSION_ANSWERS

COUNTS = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
JSON = "application/json"
SOUND = "audio/mpeg"


def event(delta: dict[str, object], finish: str | None = None) -> bytes:
    """Return an event of a chat's stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return b"data: %b\n\n" % orjson.dumps({**chunk, "choices": [choice]})


def named(kind: str, **members: object) -> bytes:
    """Return an event that says its type."""
    return b"data: %b\n\n" % orjson.dumps({"type": kind, **members})


TOKENS = [event({"content": piece}) for piece in PIECES]
FINISH = event({}, "stop")
USAGE = b"data: %b\n\n" % orjson.dumps({"id": "c1", "choices": [], "usage": COUNTS})
DONE = b"data: [DONE]\n\n"
STREAM = [event({"role": "assistant", "content": ""}), *TOKENS, FINISH, USAGE, DONE]


def base64(text: str) -> str:
    """Return the base64 of a text."""
    return b64encode(text.encode()).decode()


def _chat() -> Answer:
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": TEXT},
        "finish_reason": "stop",
    }
    chat = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m"}
    whole = orjson.dumps({**chat, "choices": [choice], "usage": COUNTS})
    return Answer(whole, STREAM[:1], TOKENS, STREAM[-3:], ping=event({"content": ""}))


def _embed() -> Answer:
    data = [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}]
    answer = {"object": "list", "model": "m", "data": data, "usage": COUNTS}
    return Answer(orjson.dumps(answer))


def _rerank() -> Answer:
    places = [{"index": 0, "relevance_score": 0.5}]
    answer = {"id": "r1", "model": "m", "results": places, "usage": COUNTS}
    return Answer(orjson.dumps(answer))


def _moderate() -> Answer:
    result = {"flagged": False, "categories": {}, "category_scores": {}}
    answer = {"id": "m1", "model": "m", "results": [result], "usage": COUNTS}
    return Answer(orjson.dumps(answer))


def _translate() -> Answer:
    return Answer(orjson.dumps({"text": TEXT}))


def _image(kind: str) -> Answer:
    image = {"b64_json": base64(TEXT)}
    drafts = [
        named(f"{kind}.partial_image", b64_json=base64(piece), partial_image_index=index)
        for index, piece in enumerate(PIECES)
    ]
    whole = orjson.dumps({"created": 1, "data": [image], "usage": USED})
    return Answer(whole, (), drafts, [named(f"{kind}.completed", **image, usage=USED)])


def _transcribe() -> Answer:
    usage = {"type": "tokens", **USED}
    words = [named("transcript.text.delta", delta=piece) for piece in PIECES]
    whole = orjson.dumps({"text": TEXT, "usage": usage})
    return Answer(whole, (), words, [named("transcript.text.done", text=TEXT, usage=usage)])


def _speak() -> Answer:
    return Answer(tokens=[piece.encode() for piece in PIECES], media=SOUND)


def _speak_events() -> Answer:
    pieces = [named("speech.audio.delta", audio=base64(piece)) for piece in PIECES]
    return Answer(tokens=pieces, ending=[named("speech.audio.done", usage=USED)])


# By the end of the address, and the format that a stream is asked for in.
ANSWERS: Mapping[tuple[str, str], Answer] = {
    ("/chat/completions", ""): _chat(),
    ("/embeddings", ""): _embed(),
    ("/rerank", ""): _rerank(),
    ("/moderations", ""): _moderate(),
    ("/images/generations", ""): _image("image_generation"),
    ("/images/edits", ""): _image("image_edit"),
    ("/audio/transcriptions", ""): _transcribe(),
    ("/audio/translations", ""): _translate(),
    ("/audio/speech", ""): _speak(),
    ("/audio/speech", "sse"): _speak_events(),
    **{(path, ""): answer for path, answer in SESSION_ANSWERS.items()},
}


def answer_to(path: str, body: Mapping[str, object]) -> Answer:
    """Return what a request is answered with."""
    place = "/" + path.partition("/v1/")[2].partition("?")[0]
    if place == "/realtime" and body.get("intent") == "transcription":
        return DICTATION
    return ANSWERS[place, "sse" if body.get("stream_format") == "sse" else ""]
