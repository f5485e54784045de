"""Microseconds for each generated conversion between JSON and protobuf, and for HTTP's share.

Run it with `.venv/bin/python benchmarks/converters.py`. Each figure is the best of several runs,
which is the one that the machine's other work disturbed least.
"""

import timeit
from collections.abc import Callable, Iterator

import orjson
from google.protobuf import json_format

from conduit.v1 import chat_chunk_json, chat_json, chat_message_json, embedding_json, http_routes
from conduit.v1.call_pb2 import CallReport
from conduit.v1.router_requests_pb2 import ChatResponse

REPEATS = 9
MICROSECONDS = 1e6

MESSAGE = {
    "role": "user",
    "content": "What is the capital of France, and how many people live there?",
}
REQUEST = {
    "model": "gpt-4o",
    "messages": [
        {"role": "system", "content": "You answer in one sentence."},
        {"role": "user", "content": [{"type": "text", "text": "What is the capital of France?"}]},
    ],
    "temperature": 0.2,
    "max_tokens": 256,
    "stop": ["\n\n"],
    "user": "u-17",
}
USAGE = {
    "prompt_tokens": 19,
    "completion_tokens": 120,
    "total_tokens": 139,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {"reasoning_tokens": 0, "audio_tokens": 0},
}
COMPLETION = {
    "id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
    "object": "chat.completion",
    "created": 1741570283,
    "model": "gpt-4o-2024-08-06",
    "choices": [
        {
            "index": 0,
            "message": {
                "role": "assistant",
                "content": "Paris is the capital. " * 24,
                "refusal": None,
            },
            "logprobs": None,
            "finish_reason": "stop",
        }
    ],
    "usage": USAGE,
    "service_tier": "default",
    "system_fingerprint": "fp_fc9f1d7035",
}
CHUNK = {
    "id": "chatcmpl-B9MHDbslfkBeAs8l4bebGdFOJ6PeG",
    "object": "chat.completion.chunk",
    "created": 1741570283,
    "model": "gpt-4o-2024-08-06",
    "choices": [
        {"index": 0, "delta": {"content": " Paris"}, "logprobs": None, "finish_reason": None}
    ],
}
EMBEDDINGS = {
    "object": "list",
    "data": [{"object": "embedding", "index": 0, "embedding": [i / 1537 for i in range(1536)]}],
    "model": "text-embedding-3-small",
    "usage": {"prompt_tokens": 8, "total_tokens": 8},
}
REPORT = CallReport(
    request_id="req_01k9zq5b7v3n8m2c4x6w",
    provider_id=3,
    provider_name="OpenAI Production",
    key_id="key_7",
    actual_model_name="gpt-4o-2024-08-06",
    attempts=1,
    overhead_ms=0.183,
    cost_nano_usd=1_247_500,
    upstream_request_id="req_5f0c8a7e",
)


def main() -> None:
    """Print one line for each conversion."""
    for name, work in conversions():
        print(f"{name:<44}{microseconds(work):>9.2f} µs")


def conversions() -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield what is measured, by name."""
    message = chat_message_json.chat_message_from_json(MESSAGE)
    yield "chat message from JSON", lambda: chat_message_json.chat_message_from_json(MESSAGE)
    yield "chat message to JSON", lambda: chat_message_json.chat_message_to_json(message)
    request = chat_json.chat_completion_request_from_json(REQUEST)
    yield "chat request from JSON", lambda: chat_json.chat_completion_request_from_json(REQUEST)
    yield "chat request to JSON", lambda: chat_json.chat_completion_request_to_json(request)
    completion = chat_json.chat_completion_from_json(COMPLETION)
    text = orjson.dumps(COMPLETION)
    yield (
        f"chat completion from JSON ({len(text)} bytes)",
        lambda: chat_json.chat_completion_from_json(COMPLETION),
    )
    yield "chat completion to JSON", lambda: chat_json.chat_completion_to_json(completion)
    yield "  with orjson.loads", lambda: chat_json.chat_completion_from_json(orjson.loads(text))
    yield "  with orjson.dumps", lambda: orjson.dumps(chat_json.chat_completion_to_json(completion))
    yield "  json_format.MessageToDict", lambda: json_format.MessageToDict(completion)
    chunk = chat_chunk_json.chat_completion_chunk_from_json(CHUNK)
    yield "chunk from JSON", lambda: chat_chunk_json.chat_completion_chunk_from_json(CHUNK)
    yield "chunk to JSON", lambda: chat_chunk_json.chat_completion_chunk_to_json(chunk)
    vectors = embedding_json.embedding_list_from_json(EMBEDDINGS)
    yield "1,536 floats from JSON", lambda: embedding_json.embedding_list_from_json(EMBEDDINGS)
    yield "1,536 floats to JSON", lambda: embedding_json.embedding_list_to_json(vectors)
    yield from bridge()


def bridge() -> Iterator[tuple[str, Callable[[], object]]]:
    """Yield what the bridge does for each chat."""
    route = next(route for route in http_routes.ROUTES if route.rpc == "Chat")
    read = route.read
    if read is None:
        message = "Chat has no reader"
        raise LookupError(message)
    body = orjson.dumps(REQUEST)
    bare: dict[bytes, bytes] = {b"host": b"127.0.0.1", b"content-type": b"application/json"}
    full = bare | {b"x-conduit-timeout": b"30s", b"x-conduit-strict": b"true"}
    answer = ChatResponse(json=orjson.dumps(COMPLETION), report=REPORT)
    yield "read of a chat", lambda: read({}, (), bare, body)
    yield "read of a chat with x-conduit headers", lambda: read({}, (), full, body)
    yield "write of a chat", lambda: route.write(answer)
    yield "report headers", lambda: route.write_report(answer)


def microseconds(work: Callable[[], object]) -> float:
    """Return the time of one call, less the time of calling nothing."""
    return _per_call(work) - _per_call(lambda: None)


def _per_call(work: Callable[[], object]) -> float:
    timer = timeit.Timer(work)
    count, _ = timer.autorange()
    number = max(count // 10, 1)
    return min(timer.repeat(REPEATS, number)) / number * MICROSECONDS


if __name__ == "__main__":
    main()
