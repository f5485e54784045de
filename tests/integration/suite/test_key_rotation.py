"""A key is replaced while calls go on: the new value is tested, the former one kept for a time."""

import asyncio
import re
from collections.abc import AsyncIterator

import orjson
import pytest
import pytest_asyncio
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

OLD, NEW = "sk-former-0000001111", "sk-present-0000002222"
CHAT = {"model": "rotated", "messages": [{"role": "user", "content": "hello"}]}
ANSWER = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o",
    "choices": [
        {
            "index": 0,
            "finish_reason": "stop",
            "message": {"role": "assistant", "content": "hello"},
        }
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}
MODELS = {"object": "list", "data": [{"id": "gpt-4o", "object": "model"}]}
REFUSED = {"error": {"message": "Incorrect API key provided", "code": "invalid_api_key"}}


class Upstream:
    """Answers those whose key it takes."""

    def __init__(self) -> None:
        self.taken = {OLD}
        # Of each request for a chat.
        self.asked: list[str] = []
        self.url = ""

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one request."""
        head = (await reader.readuntil(b"\r\n\r\n")).decode().lower()
        length = re.search(r"content-length: ([0-9]+)", head)
        await reader.readexactly(int(length[1]) if length else 0)
        token = head.partition("authorization: bearer ")[2].partition("\r\n")[0]
        is_chat = head.startswith("post")
        if is_chat:
            self.asked.append(token)
        is_taken = token in self.taken
        status = 200 if is_taken else 401
        body = orjson.dumps((ANSWER if is_chat else MODELS) if is_taken else REFUSED)
        lines = f"HTTP/1.1 {status} X\r\ncontent-type: application/json\r\nconnection: close"
        writer.write(f"{lines}\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body)
        await writer.drain()
        writer.close()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def upstream() -> AsyncIterator[Upstream]:
    """Return a provider on a real port."""
    upstream = Upstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    upstream.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    async with server:
        yield upstream


async def test_calls_go_on_whichever_value_the_provider_knows(
    suite: Suite, upstream: Upstream
) -> None:
    """The former one is asked where the new one is refused, and not where it is taken."""
    spec = {"name": "Rotated", "providerType": "OpenAI", "baseUrl": upstream.url}
    number = (await suite.call("POST", "/api/providers", spec))["id"]
    keys = f"/api/providers/{number}/keys"
    key_id = (await suite.call("POST", keys, {"apiKey": OLD}))["id"]
    mapping = {"modelAlias": "rotated", "providerId": number, "actualModelName": "gpt-4o"}
    await suite.call("POST", "/api/model-provider-mappings", mapping)

    async def asked() -> list[str]:
        """Return the keys by which a call was made, which succeeds."""
        upstream.asked.clear()
        async with suite.caller() as caller:
            answer = await caller.post("/v1/chat/completions", json=CHAT)
        assert answer.status_code == 200, answer.text
        return upstream.asked

    assert await asked() == [OLD]
    async with suite.admin() as client:
        refused = await client.post(f"{keys}/{key_id}/rotate", json={"apiKey": NEW})
    assert (refused.status_code, refused.json()["field"]) == (400, "apiKey")
    assert await asked() == [OLD]
    wanted = {"skipTest": "true", "graceSeconds": "60"}
    await suite.call("POST", f"{keys}/{key_id}/rotate", {"apiKey": NEW}, params=wanted)
    assert [each["maskedApiKey"] for each in (await suite.call("GET", keys))["keys"]] == [
        "…2222",
        "…1111",
    ]
    assert await asked() == [NEW, OLD]
    # Until the new one is tried again, which a rotation has done at once.
    upstream.taken = {OLD, NEW}
    third = "sk-third-0000003333"
    upstream.taken.add(third)
    await suite.call("POST", f"{keys}/{key_id}/rotate", {"apiKey": third})
    for _ in range(8):
        assert await asked() == [third]
