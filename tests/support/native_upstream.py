"""A provider that answers each native path as its documentation shows, and keeps what it got."""

import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

from conduit_kernel.http import Exchange, HttpServer
from conduit_providers.codecs.shared.aws_eventstream import event_frame

Json = dict[str, Any]


class Received(NamedTuple):
    """A request as it arrived."""

    path: str
    query: str
    headers: Mapping[str, str]
    body: bytes


def sse(*events: Json, done: bool = False) -> bytes:
    """Write events, with their types as names where they have some."""
    text = "".join(
        (f"event: {each['type']}\n" if "type" in each else "") + f"data: {json.dumps(each)}\n\n"
        for each in events
    )
    return (text + ("data: [DONE]\n\n" if done else "")).encode()


# https://platform.openai.com/docs/api-reference/chat/object
CHAT: Json = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "native-1",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "Hi"}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 11, "completion_tokens": 7, "total_tokens": 18},
}
_CHUNK: Json = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
CHAT_EVENTS = sse(
    _CHUNK
    | {
        "choices": [
            {
                "index": 0,
                "delta": {"role": "assistant", "content": "Hi"},
                "finish_reason": None,
            }
        ]
    },
    _CHUNK | {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    _CHUNK | {"choices": [], "usage": CHAT["usage"]},
    done=True,
)
# https://platform.claude.com/docs/en/api/messages/create
MESSAGE: Json = {
    "id": "msg_1",
    "type": "message",
    "role": "assistant",
    "model": "native-1",
    "content": [{"type": "text", "text": "Hi"}],
    "stop_reason": "end_turn",
    "stop_sequence": None,
    "usage": {"input_tokens": 11, "output_tokens": 7},
}
MESSAGE_EVENTS = sse(
    {
        "type": "message_start",
        "message": MESSAGE
        | {"content": [], "stop_reason": None, "usage": {"input_tokens": 11, "output_tokens": 1}},
    },
    {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
    {"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": "Hi"}},
    {"type": "content_block_stop", "index": 0},
    {
        "type": "message_delta",
        "delta": {"stop_reason": "end_turn", "stop_sequence": None},
        "usage": {"output_tokens": 7},
    },
    {"type": "message_stop"},
)
# https://platform.openai.com/docs/api-reference/responses/object
RESPONSE: Json = {
    "id": "resp_1",
    "object": "response",
    "created_at": 1,
    "status": "completed",
    "error": None,
    "incomplete_details": None,
    "instructions": None,
    "metadata": {},
    "model": "native-1",
    "output": [
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Hi", "annotations": []}],
        }
    ],
    "parallel_tool_calls": True,
    "temperature": 1.0,
    "tool_choice": "auto",
    "tools": [],
    "top_p": 1.0,
    "usage": {
        "input_tokens": 11,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": 7,
        "output_tokens_details": {"reasoning_tokens": 0},
        "total_tokens": 18,
    },
}
RESPONSE_EVENTS = sse(
    {"type": "response.created", "sequence_number": 0, "response": RESPONSE | {"usage": None}},
    {"type": "response.completed", "sequence_number": 1, "response": RESPONSE},
)
# https://ai.google.dev/api/generate-content
CONTENT: Json = {
    "candidates": [
        {
            "content": {"role": "model", "parts": [{"text": "Hi"}]},
            "finishReason": "STOP",
            "index": 0,
        }
    ],
    "usageMetadata": {"promptTokenCount": 11, "candidatesTokenCount": 7, "totalTokenCount": 18},
    "modelVersion": "native-1",
}
# https://docs.cohere.com/v2/reference/chat
COHERE: Json = {
    "id": "c1",
    "finish_reason": "COMPLETE",
    "message": {"role": "assistant", "content": [{"type": "text", "text": "Hi"}]},
    "usage": {
        "billed_units": {"input_tokens": 11, "output_tokens": 7},
        "tokens": {"input_tokens": 70, "output_tokens": 9},
    },
}
COHERE_EVENTS = sse(
    {"type": "message-start", "id": "c1", "delta": {"message": {"role": "assistant"}}},
    {
        "type": "content-delta",
        "index": 0,
        "delta": {"message": {"content": {"text": "Hi"}}},
    },
    {
        "type": "message-end",
        "delta": {"finish_reason": "COMPLETE", "usage": COHERE["usage"]},
    },
)
EMBEDDINGS: Json = {
    "object": "list",
    "model": "native-1",
    "data": [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}],
    "usage": {"prompt_tokens": 11, "total_tokens": 11},
}
# https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_Converse.html
CONVERSED: Json = {
    "output": {"message": {"role": "assistant", "content": [{"text": "Hi"}]}},
    "stopReason": "end_turn",
    "usage": {"inputTokens": 11, "outputTokens": 7, "totalTokens": 18},
    "metrics": {"latencyMs": 5},
}
CONVERSE_FRAMES = b"".join(
    event_frame(name, json.dumps(payload).encode(), "application/json")
    for name, payload in (
        ("messageStart", {"role": "assistant"}),
        ("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": "Hi"}}),
        ("contentBlockStop", {"contentBlockIndex": 0}),
        ("messageStop", {"stopReason": "end_turn"}),
        ("metadata", {"usage": CONVERSED["usage"], "metrics": {"latencyMs": 5}}),
    )
)
# By the end of the path: whole, and as events.
ANSWERS: Mapping[str, tuple[Json, bytes]] = {
    "/chat/completions": (CHAT, CHAT_EVENTS),
    "/v1/messages": (MESSAGE, MESSAGE_EVENTS),
    "/count_tokens": ({"input_tokens": 5}, b""),
    "/responses": (RESPONSE, RESPONSE_EVENTS),
    ":generateContent": (CONTENT, b""),
    ":streamGenerateContent": ({}, sse(CONTENT)),
    ":countTokens": ({"totalTokens": 5}, b""),
    ":rawPredict": (MESSAGE, b""),
    ":streamRawPredict": ({}, MESSAGE_EVENTS),
    "/v2/chat": (COHERE, COHERE_EVENTS),
    "/converse": (CONVERSED, b""),
    "/converse-stream": ({}, CONVERSE_FRAMES),
    "/count-tokens": ({"inputTokens": 5}, b""),
    "/completions": (CHAT, CHAT_EVENTS),
    "/embeddings": (EMBEDDINGS, b""),
}


class NativeUpstream:
    """Answers until told to refuse."""

    def __init__(self) -> None:
        self.url = ""
        self.received: list[Received] = []
        # Status, headers and body that stand for all answers, while there are some.
        self.refusal: tuple[int, Mapping[str, str], bytes] | None = None
        # Whether streams break off before their end.
        self.is_cut = False
        self.answer_headers: dict[str, str] = {}

    async def __call__(self, exchange: Exchange) -> None:
        """Serve one request."""
        headers = {n.decode(): v.decode("latin-1") for n, v in exchange.fields.items()}
        self.received.append(Received(exchange.path, exchange.query, headers, exchange.body))
        if self.refusal is not None:
            status, fields, body = self.refusal
            exchange.respond(status, _fields(fields), body)
            return
        whole, events = next(a for end, a in ANSWERS.items() if exchange.path.endswith(end))
        is_stream = b'"stream":true' in exchange.body.replace(b" ", b"") or not whole
        if is_stream and exchange.path.endswith(":streamGenerateContent"):
            is_list = "alt=sse" not in exchange.query
            events = json.dumps([whole or CONTENT]).encode() if is_list else events
            media_type = "application/json" if is_list else "text/event-stream"
        elif events is CONVERSE_FRAMES:
            media_type = "application/vnd.amazon.eventstream"
        else:
            media_type = "text/event-stream" if is_stream else "application/json"
        fields = {"content-type": media_type, **self.answer_headers}
        if not is_stream:
            exchange.respond(200, _fields(fields), json.dumps(whole).encode())
            return
        out = exchange.start(200, _fields(fields))
        out.write(events[: len(events) // 2] if self.is_cut else events)
        await out.drain()
        if self.is_cut:
            out.abort()
        else:
            out.finish()


def _fields(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.encode(), value.encode()) for name, value in headers.items()]


@asynccontextmanager
async def native_upstream() -> AsyncIterator[NativeUpstream]:
    """Run one for as long as this lasts."""
    upstream = NativeUpstream()
    server = HttpServer(upstream)
    await server.start("127.0.0.1", 0)
    upstream.url = f"http://127.0.0.1:{server.port}"
    try:
        yield upstream
    finally:
        await server.drain(0.1)
