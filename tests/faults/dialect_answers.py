"""What providers of other dialects answer that are in order, operation by operation."""

from base64 import b64encode
from collections.abc import Mapping

import orjson
from tests.faults.answer import PIECES, TEXT, USED, Answer
from tests.faults.chat_answers import chat_answer_to

_MADE = b64encode(TEXT.encode()).decode()
_SOUND = Answer(tokens=[piece.encode() for piece in PIECES], media="audio/mpeg")


def _whole(**members: object) -> Answer:
    return Answer(orjson.dumps(members))


def _prediction(host: str, place: str) -> Answer:
    here = f"http://{host}{place}/v1/predictions/p1"
    urls = {"get": here, "cancel": f"{here}/cancel"}
    output = f"data:image/png;base64,{_MADE}"
    return _whole(id="p1", status="succeeded", output=output, error=None, urls=urls)


def _drawn_by_gemini() -> Answer:
    image = {"inlineData": {"mimeType": "image/png", "data": _MADE}}
    content = {"role": "model", "parts": [image]}
    return _whole(candidates=[{"content": content, "finishReason": "STOP", "index": 0}])


def _heard_by_deepgram() -> Answer:
    channel = {"alternatives": [{"transcript": TEXT, "confidence": 0.9, "words": []}]}
    return _whole(metadata={"duration": 1.0}, results={"channels": [channel]})


def _heard_by_google() -> Answer:
    heard = {"alternatives": [{"transcript": TEXT}], "resultEndOffset": "1s"}
    return _whole(results=[heard], metadata={"totalBilledDuration": "1s"})


def _named(kind: str, **members: object) -> bytes:
    """Return an event of Anthropic's, which says its type twice."""
    body = orjson.dumps({"type": kind, **members})
    return b"event: %b\ndata: %b\n\n" % (kind.encode(), body)


def _said_by_anthropic() -> Answer:
    head = {"id": "msg_1", "type": "message", "role": "assistant", "model": "m"}
    counts = {"input_tokens": 3, "output_tokens": 1}
    said = {"content": [{"type": "text", "text": TEXT}], "stop_reason": "end_turn"}
    deltas = [{"type": "text_delta", "text": piece} for piece in PIECES]
    overloaded = {"type": "overloaded_error", "message": "as the test says"}
    return Answer(
        orjson.dumps({**head, **said, "usage": counts | {"output_tokens": 5}}),
        (
            _named("message_start", message={**head, "content": [], "usage": counts}),
            _named("content_block_start", index=0, content_block={"type": "text", "text": ""}),
            _named("ping"),
        ),
        [_named("content_block_delta", index=0, delta=each) for each in deltas],
        (
            _named("content_block_stop", index=0),
            _named("message_delta", delta={"stop_reason": "end_turn"}, usage={"output_tokens": 5}),
            _named("message_stop"),
        ),
        _named("error", error=overloaded),
        _named("ping"),
    )


def _responded_by_openai() -> Answer:
    head = {"id": "resp_1", "object": "response", "created_at": 1, "model": "m", "error": None}
    began = {**head, "status": "in_progress", "output": []}
    at = {"item_id": "msg_1", "output_index": 0}
    place = {**at, "content_index": 0}
    text = {"type": "output_text", "text": TEXT, "annotations": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "status": "completed"}
    said = {**item, "content": [text]}
    whole = {**head, "status": "completed", "output": [said], "usage": USED}
    blank = {"type": "output_text", "text": "", "annotations": []}
    return Answer(
        orjson.dumps(whole),
        (
            _named("response.created", response=began),
            _named("response.output_item.added", output_index=0, item={**item, "content": []}),
            _named("response.content_part.added", **place, part=blank),
        ),
        [_named("response.output_text.delta", **place, delta=piece) for piece in PIECES],
        (
            _named("response.output_text.done", **place, text=TEXT),
            _named("response.output_item.done", output_index=0, item=said),
            _named("response.completed", response=whole),
        ),
        _named("error", code="server_is_overloaded", message="as the test says", param=None),
        _named("response.in_progress", response=began),
    )


def _completed(choices: list[dict[str, object]], **members: object) -> bytes:
    head = {"id": "cmpl-1", "object": "text_completion", "created": 1, "model": "m"}
    return orjson.dumps({**head, "choices": choices, **members})


def _completed_by_vllm() -> Answer:
    counts = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
    end: dict[str, object] = {"text": "", "index": 0, "finish_reason": "stop"}
    blank = end | {"finish_reason": None}
    ending = (_completed([end]), _completed([], usage=counts), b"[DONE]")
    return Answer(
        _completed([{**end, "text": TEXT}], usage=counts),
        (_event(_completed([blank])),),
        [_event(_completed([blank | {"text": piece}])) for piece in PIECES],
        tuple(map(_event, ending)),
        ping=_event(_completed([blank])),
    )


def _event(data: bytes) -> bytes:
    return b"data: %b\n\n" % data


# By the end of the address, less its query.
DIALECT_ANSWERS: Mapping[str, Answer] = {
    "/messages": _said_by_anthropic(),
    "/v1/completions": _completed_by_vllm(),
    "/responses": _responded_by_openai(),
    "/stable-image/generate/sd3": _whole(image=_MADE, finish_reason="SUCCESS", seed=1),
    ":generateContent": _drawn_by_gemini(),
    "/invoke": _whole(seeds=[1], finish_reasons=[None], images=[_MADE]),
    "/v1/text-to-speech/ann/stream": _SOUND,
    "/v1/speak": _SOUND,
    "/v1/speech": _SOUND,
    "/v1/v1/listen": _heard_by_deepgram(),
    "/v1/speech-to-text": _whole(text=TEXT, language_code="eng", words=[]),
    ":recognize": _heard_by_google(),
    "/v1/voices/add": _whole(voice_id="v1", requires_verification=False),
    "/audio/voices": _whole(id="voice_1", object="audio.voice", name=TEXT, created_at=1),
}


def dialect_answer_to(host: str, path: str) -> Answer | None:
    """Return what a request is answered with, None where it is one of OpenAI's dialect."""
    place = path.partition("?")[0]
    if place.endswith("/predictions"):
        return _prediction(host, place.partition("/v1/")[0])
    if (said := chat_answer_to(place)) is not None:
        return said
    return next((DIALECT_ANSWERS[end] for end in DIALECT_ANSWERS if place.endswith(end)), None)
