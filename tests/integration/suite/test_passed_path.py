"""What messages, responses and contents cost that pass, against a chat: steps of our code."""

import asyncio
import contextlib
import re
import sys
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import orjson
import pytest
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

ROOT = Path(__file__).parents[3]
# The bound: what passes costs at most this much of a chat.
MOST = 1.2
TIMES = 7
CHAT = (
    b'{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"hi"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}'
)
MESSAGE = (
    b'{"id":"msg_1","type":"message","role":"assistant","model":"m","content":[{"type":"text",'
    b'"text":"hi"}],"stop_reason":"end_turn","stop_sequence":null,'
    b'"usage":{"input_tokens":1,"output_tokens":1}}'
)
RESPONSE = (
    b'{"id":"resp_1","object":"response","created_at":1,"status":"completed","error":null,'
    b'"model":"m","output":[{"type":"message","id":"msg_1","status":"completed","role":"assistant",'
    b'"content":[{"type":"output_text","text":"hi","annotations":[]}]}],'
    b'"usage":{"input_tokens":1,"output_tokens":1,"total_tokens":2}}'
)
CONTENT = (
    b'{"candidates":[{"content":{"role":"model","parts":[{"text":"hi"}]},"finishReason":"STOP",'
    b'"index":0}],"usageMetadata":{"promptTokenCount":1,"candidatesTokenCount":1,'
    b'"totalTokenCount":2},"modelVersion":"m","responseId":"r"}'
)
ANSWERS = {
    b":generateContent": CONTENT,
    b"/v1/messages": MESSAGE,
    b"/v1/responses": RESPONSE,
    b"/v1/chat/completions": CHAT,
}
PACKAGES = ("services/conduit_bridge", "services/conduit_router", "services/conduit_providers")
OURS = tuple(f"{ROOT}/{folder}/" for folder in (*PACKAGES, "generated"))
BESIDE = (f"{ROOT}/services/conduit_router/control_plane/",)


async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Be a provider of any of the dialects."""
    with contextlib.suppress(asyncio.IncompleteReadError):
        while head := await reader.readuntil(b"\r\n\r\n"):
            await reader.readexactly(_length_in(head))
            body = next(body for path, body in ANSWERS.items() if path in head)
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(body) + body)
    writer.close()


def _length_in(head: bytes) -> int:
    found = re.search(rb"content-length: (\d+)", head)
    assert found is not None
    return int(found[1])


async def steps(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, request: bytes) -> int:
    """Return how many operations of our code run for a request."""
    counts = Counter[str]()

    def trace(frame: FrameType, event: str, _: object) -> Any:  # noqa: ANN401 # as Python's own
        name = frame.f_code.co_filename
        if not name.startswith(OURS) or name.startswith(BESIDE):
            return None
        frame.f_trace_opcodes, frame.f_trace_lines = True, False
        if event == "opcode":
            counts[name] += 1
        return trace

    sys.settrace(trace)
    try:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        assert b" 200 OK" in head
        await reader.readexactly(_length_in(head))
    finally:
        sys.settrace(None)
    return counts.total()


async def test_what_passes_costs_about_as_much_as_a_chat(suite: Suite) -> None:
    """With the headers that the SDKs send; the least of several, as loops run beside it."""
    upstream = await asyncio.start_server(answer, "127.0.0.1", 0)
    address = f"http://127.0.0.1:{upstream.sockets[0].getsockname()[1]}"
    urls = {"OpenAI": f"{address}/v1", "Anthropic": address, "Gemini": address}
    for kind, url in urls.items():
        made = await suite.call(
            "POST", "/api/providers", {"name": kind, "providerType": kind, "baseUrl": url}
        )
        await suite.call("POST", f"/api/providers/{made['id']}/keys", {"apiKey": "any"})
        mapping = {"modelAlias": kind, "providerId": made["id"], "actualModelName": "m"}
        await suite.call("POST", "/api/model-provider-mappings", mapping)
    await suite.settled()
    key = suite.virtual_key.encode()
    said = [{"role": "user", "content": "hi"}]
    requests = {
        "chat": (
            b"/v1/chat/completions",
            b"authorization: Bearer %b" % key,
            orjson.dumps({"model": "OpenAI", "messages": said}),
        ),
        "message": (
            b"/v1/messages",
            b"x-api-key: %b\r\nanthropic-version: 2026-10-21" % key,
            orjson.dumps({"model": "Anthropic", "max_tokens": 9, "messages": said}),
        ),
        "response": (
            b"/v1/responses",
            b"authorization: Bearer %b" % key,
            orjson.dumps({"model": "OpenAI", "input": said, "store": False}),
        ),
        "content": (
            b"/v1beta/models/Gemini:generateContent",
            b"x-goog-api-key: %b" % key,
            orjson.dumps({"contents": [{"role": "user", "parts": [{"text": "hi"}]}]}),
        ),
    }
    found: dict[str, int] = {}
    reader, writer = await asyncio.open_connection("127.0.0.1", suite.bridge.port)
    for name, (path, fields, body) in requests.items():
        request = b"POST %b HTTP/1.1\r\nhost: x\r\n%b\r\ncontent-length: %d\r\n\r\n%b" % (
            *(path, fields, len(body)),
            body,
        )
        found[name] = min([await steps(reader, writer, request) for _ in range(TIMES)])
    writer.close()
    await writer.wait_closed()
    upstream.close()
    assert 0 < found["message"] <= MOST * found["chat"], found
    assert 0 < found["response"] <= MOST * found["chat"], found
    assert 0 < found["content"] <= MOST * found["chat"], found
