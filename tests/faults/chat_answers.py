"""What providers in order answer to chats in dialects that are framed each in its own way."""

from collections.abc import Mapping

import orjson
from tests.faults.answer import FRAMES, LINES, PIECES, TEXT, Answer
from tests.support.eventstream import event

# How addresses end at which answers come in pieces, whatever their requests say.
STREAMED = (":streamGenerateContent", "/converse-stream")
# The operations in these dialects, and in Anthropic's, which messages are passed on in.
CHATS = ("chat_anthropic", "chat_bedrock", "chat_cohere", "chat_gemini", "chat_ollama")
_FAILURE = "as the test says"


def _data(**members: object) -> bytes:
    return b"data: %b\n\n" % orjson.dumps(members)


def _line(**members: object) -> bytes:
    return orjson.dumps({"model": "m", "created_at": "2026-11-23T12:00:01.4Z", **members}) + b"\n"


def _said_by_gemini() -> Answer:
    counts = {"promptTokenCount": 3, "candidatesTokenCount": 5, "totalTokenCount": 8}

    def candidate(text: str, **members: str) -> dict[str, object]:
        content = {"role": "model", "parts": [{"text": text}]}
        said = {"content": content, "index": 0, **members}
        return {"candidates": [said], "usageMetadata": counts, "responseId": "r1"}

    error = {"code": 503, "message": _FAILURE, "status": "UNAVAILABLE"}
    return Answer(
        orjson.dumps(candidate(TEXT, finishReason="STOP")),
        (_data(**candidate("")),),
        [_data(**candidate(piece)) for piece in PIECES],
        (_data(**candidate("", finishReason="STOP")),),
        _data(error=error),
        _data(**candidate("")),
    )


def _said_by_cohere() -> Answer:
    used = {"billed_units": {"input_tokens": 3, "output_tokens": 5}}

    def named(kind: str, **members: object) -> bytes:
        return b"event: %b\n" % kind.encode() + _data(type=kind, **members)

    def ended(reason: str, **members: object) -> bytes:
        return named("message-end", delta={"finish_reason": reason, "usage": used, **members})

    def piece(kind: str, **content: str) -> bytes:
        return named(kind, index=0, delta={"message": {"content": content}})

    message = {"role": "assistant", "content": [{"type": "text", "text": TEXT}]}
    whole = {"id": "c1", "finish_reason": "COMPLETE", "message": message, "usage": used}
    speaker = {"message": {"role": "assistant", "content": []}}
    return Answer(
        orjson.dumps(whole),
        (
            named("message-start", id="c1", delta=speaker),
            piece("content-start", type="text", text=""),
        ),
        [piece("content-delta", text=each) for each in PIECES],
        (named("content-end", index=0), ended("COMPLETE"), b"data: [DONE]\n\n"),
        ended("ERROR", error=_FAILURE),
        piece("content-delta", text=""),
    )


def _said_by_ollama() -> Answer:
    def said(text: str, **members: object) -> bytes:
        message = {"role": "assistant", "content": text}
        return _line(message=message, **{"done": False, **members})

    end = {"done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 5}
    return Answer(
        said(TEXT, **end),
        (said(""),),
        [said(piece) for piece in PIECES],
        (said("", **end),),
        _line(error=_FAILURE),
        said(""),
        media=LINES,
        malformed=b"{nope\n",
    )


def _said_by_bedrock() -> Answer:
    used = {"inputTokens": 3, "outputTokens": 5, "totalTokens": 8}

    def named(kind: str, **members: object) -> bytes:
        return event(kind, orjson.dumps(members))

    def piece(text: str) -> bytes:
        return named("contentBlockDelta", contentBlockIndex=0, delta={"text": text})

    message = {"role": "assistant", "content": [{"text": TEXT}]}
    whole = {"output": {"message": message}, "stopReason": "end_turn", "usage": used}
    return Answer(
        orjson.dumps(whole),
        (named("messageStart", role="assistant"),),
        [piece(each) for each in PIECES],
        (
            named("contentBlockStop", contentBlockIndex=0),
            named("messageStop", stopReason="end_turn"),
            named("metadata", usage=used),
        ),
        named("modelStreamErrorException", message=_FAILURE, originalStatusCode=500),
        piece(""),
        media=FRAMES,
        malformed=event("contentBlockDelta", b"{nope"),
    )


# By the end of the address.
_ANSWERS: Mapping[str, Answer] = {
    "/v2/chat": _said_by_cohere(),
    "/api/chat": _said_by_ollama(),
    "/converse": _said_by_bedrock(),
    "/converse-stream": _said_by_bedrock(),
    ":generateContent": _said_by_gemini(),
    ":streamGenerateContent": _said_by_gemini(),
}


def chat_answer_to(place: str) -> Answer | None:
    """Return what a chat at an address is answered with, None where that is for another call."""
    if "-image-" in place:
        # Of Gemini's, some draw.
        return None
    return next((_ANSWERS[end] for end in _ANSWERS if place.endswith(end)), None)
