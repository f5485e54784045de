"""A provider that chooses among models itself does so for callers alone who may use all of them."""

import asyncio
import contextlib
import re
from typing import Any

import httpx
import orjson
import pytest
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

ANSWER = (
    b'{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"hi"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}'
)
ASKED = {
    "model": "routed",
    "messages": [{"role": "user", "content": "hi"}],
    "models": ["a/b", "c/d"],
    "route": "fallback",
}
BOUND: dict[str, dict[str, Any]] = {
    "models": {"allowedModels": ["routed"]},
    "budget": {"budgets": [{"limitUsd": 5, "period": "Day"}]},
}


async def ask(suite: Suite, secret: str) -> httpx.Response:
    """Ask for an answer of whichever model the provider chooses."""
    headers = {"authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(base_url=suite.url, headers=headers) as client:
        return await client.post("/v1/chat/completions", json=ASKED)


async def test_other_models_pass_where_nothing_binds_the_key(suite: Suite) -> None:
    """Else they are left out, and the caller is told."""
    bodies: list[dict[str, Any]] = []

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError):
            while head := await reader.readuntil(b"\r\n\r\n"):
                found = re.search(rb"content-length: (\d+)", head.lower())
                assert found is not None
                bodies.append(orjson.loads(await reader.readexactly(int(found[1]))))
                head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n"
                writer.write(head + b"content-length: %d\r\n\r\n%b" % (len(ANSWER), ANSWER))
        writer.close()

    upstream = await asyncio.start_server(answer, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{upstream.sockets[0].getsockname()[1]}/v1"
    said = {"name": "routes", "providerType": "OpenRouter", "baseUrl": url}
    provider = (await suite.call("POST", "/api/providers", said))["id"]
    await suite.call("POST", f"/api/providers/{provider}/keys", {"apiKey": "any"})
    mapping = {"modelAlias": "routed", "providerId": provider, "actualModelName": "m"}
    await suite.call("POST", "/api/model-provider-mappings", mapping)
    price = {"inputCostPer1kTokens": 0.001, "outputCostPer1kTokens": 0.001}
    await suite.call(
        "POST", "/api/model-costs", {"providerId": provider, "modelPattern": "m", **price}
    )
    await suite.settled()
    free = await ask(suite, suite.virtual_key)
    assert free.status_code == 200, free.text
    assert bodies[-1]["models"] == ASKED["models"]
    assert bodies[-1]["route"] == "fallback"
    assert "x-conduit-dropped" not in free.headers
    for name, limits in BOUND.items():
        made = await suite.call("POST", "/api/virtual-keys", {"name": f"bound by {name}", **limits})
        await suite.settled()
        bound = await ask(suite, made["key"])
        assert bound.status_code == 200, bound.text
        assert bodies[-1].keys() == {"model", "messages"}
        assert bound.headers["x-conduit-dropped"] == "models, route"
    upstream.close()
