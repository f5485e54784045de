"""Nonsense at every route of a whole suite: refused with a code, never INTERNAL."""

import random
from typing import Any

import orjson
import pytest
from tests.support.nonsense import DEEP, TEXTS, deep, nonsense
from tests.support.suite import Suite

from conduit.v1.http_routes import ROUTES, Route

pytestmark = pytest.mark.asyncio(loop_scope="module")

HELLO = {"role": "user", "content": [{"type": "text", "text": "hi"}]}
FUNCTION = {"name": "f", "parameters": {"type": "object", "properties": {"a": {}}}}
CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}
CHAT = {
    "model": "nonsense",
    "messages": [
        HELLO,
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "tool_call_id": "c", "content": "x"},
    ],
    "tools": [{"type": "function", "function": FUNCTION}],
    "tool_choice": {"type": "function", "function": {"name": "f"}},
    "response_format": {"type": "json_schema", "json_schema": {"name": "n", "schema": {}}},
    "max_tokens": 5,
}
# What one or another route takes.
DOCUMENTS: tuple[dict[str, Any], ...] = (
    CHAT,
    CHAT | {"stream": True, "stream_options": {"include_usage": True}},
    {"model": "nonsense", "input": ["hi"], "query": "q", "documents": ["d", {"text": "e"}]},
    {"model": "nonsense", "prompt": "p", "voice": "v", "n": 1, "size": "1024x1024"},
    {"name": "n", "providerType": "OpenAI", "baseUrl": "https://a.example", "settings": {"a": {}}},
    {"modelAlias": "n", "providerId": 1, "providers": [{"providerId": 1, "timeout": "3s"}]},
    {"apiKey": "sk-none", "weight": 1, "rateLimits": {}, "expiresAt": "2027-01-01T00:00:00Z"},
    {"name": "n", "allowedModels": ["m"], "budgetUsd": 1.5, "modelPattern": "x"},
    {"inputCostPer1kTokens": 1, "outputCostPer1kTokens": 1, "config": {"providers": [{}]}},
)
BODIES = [route for route in ROUTES if route.verb in {"POST", "PUT", "PATCH"} and route.read]


def path_of(route: Route) -> str:
    """Return a path of the route."""
    parts = ["none" if part.is_parameter else part.text for part in route.segments]
    return "/" + "/".join(parts)


def bodies(route: Route) -> list[bytes]:
    """Return nonsense for a route, the same at each run."""
    chance = random.Random(route.rpc)  # noqa: S311 # no secret
    made = [nonsense(document, chance) for document in DOCUMENTS for _ in range(2)]
    # The second names a voice as those are named that callers have made.
    nested = [b'{"stream":true,"zz":%b}' % DEEP[4], b'{"voice":"voice_a","zz":%b}' % DEEP[4]]
    return [*made, *chance.sample(TEXTS, 8), b"", b"\xff\xfe", *nested]


@pytest.mark.parametrize("route", BODIES, ids=lambda route: route.rpc)
async def test_nonsense_is_refused_with_a_code(suite: Suite, route: Route) -> None:
    """Whatever is asked of it, a route answers as the contract says."""
    await model(suite)
    async with suite.caller() as client:
        client.headers["X-Master-Key"] = suite.admin().headers["X-Master-Key"]
        for body in bodies(route):
            answer = await client.request(
                route.verb,
                path_of(route).replace("none", "999"),
                content=body,
                headers={"content-type": "application/json"},
            )
            assert answer.status_code < 500 or answer.status_code == 501, (body, answer.text)
            if answer.is_error:
                told = answer.json()
                code = told.get("code") or told["error"]["code"]
                assert code not in {"INTERNAL", "server_error"}


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("levels", [201, 400, 1100, 5000])
async def test_what_is_nested_too_deep_is_told(suite: Suite, levels: int, *, stream: bool) -> None:
    """With a key 400 and the limit; without one, what is wrong with the key or with the body."""
    await model(suite)
    said = b"true" if stream else b"false"
    body = b'{"model":"nonsense","stream":%b,"messages":[{"role":"user","content":"x"}],"zz":%b}'
    body %= (said, deep(levels))
    async with suite.caller() as client:
        answer = await client.post("/v1/chat/completions", content=body)
        assert (answer.status_code, answer.json()["error"]["code"]) == (400, "invalid_request")
        assert "200 levels" in answer.json()["error"]["message"]
        client.headers.pop("authorization")
        answer = await client.post("/v1/chat/completions", content=body)
        assert answer.status_code in {400, 401}


async def model(suite: Suite) -> None:
    """Have a model that answers."""
    listed = await suite.call("GET", "/api/model-provider-mappings")
    if not any(each["modelAlias"] == "nonsense" for each in listed["mappings"]):
        await suite.add_simulator("nonsense", "echo")
        await suite.settled()


async def test_the_nonsense_is_made_out_of_what_is_good(suite: Suite) -> None:
    """Otherwise all of it would be refused for one and the same reason."""
    await model(suite)
    async with suite.caller() as client:
        answer = await client.post("/v1/chat/completions", content=orjson.dumps(CHAT))
    assert answer.status_code == 200, answer.text
