"""Calls whose price nobody knows are counted as unpriced, or refused, as the operator says."""

from typing import Any

import httpx
import orjson
import pytest
from tests.integration.suite.test_budgets import CHAT, WORDS, ask, key, price
from tests.integration.suite.test_groups import group
from tests.support.suite import Suite
from websockets.asyncio.client import connect
from websockets.exceptions import InvalidStatus

pytestmark = pytest.mark.asyncio(loop_scope="module")

# One way of each kind of call; `unpriced` is a model without a price.
CALLS: dict[str, dict[str, Any]] = {
    "/v1/chat/completions": {"messages": WORDS},
    "/v1/messages": {"messages": WORDS, "max_tokens": 4},
    "/v1/responses": {"input": "hello"},
    "/v1/embeddings": {"input": ["hello"]},
    "/v1/images/generations": {"prompt": "a hat"},
    "/v1/audio/speech": {"input": "hello", "voice": "alloy"},
}


STREAMED = frozenset(CALLS) - {"/v1/embeddings"}


async def unpriced(suite: Suite) -> None:
    """Add a model without a price, unless it is there."""
    models = await suite.call("GET", "/api/model-provider-mappings")
    if all(each["modelAlias"] != "unpriced" for each in models["mappings"]):
        await suite.add_simulator("unpriced", "echo")
        await suite.settled()


async def charged(suite: Suite) -> int:
    """Return how many charges there are without a price."""
    await suite.deliver_charges()
    found = await suite.call("GET", "/api/usage/charges", params={"unpriced": True})
    return len(found["charges"])


@pytest.mark.parametrize("path", CALLS)
async def test_each_call_without_a_price_is_refused_where_the_key_says_so(
    suite: Suite, path: str
) -> None:
    """With its code and a way out, before a provider is asked: nothing is charged."""
    await unpriced(suite)
    secret = await key(suite, f"refusing {path}", refuseUnpriced=True)
    before = await charged(suite)
    async with httpx.AsyncClient(base_url=suite.url, timeout=40) as client:
        headers = {"Authorization": f"Bearer {secret}"}
        for stream in (False, True) if path in STREAMED else (False,):
            body = CALLS[path] | {"model": "unpriced"} | ({"stream": True} if stream else {})
            answer = await client.post(path, json=body, headers=headers)
            assert answer.status_code == 400, answer.text
            assert "refuses such calls" in answer.text
            assert "x-conduit-cost" not in answer.headers
    assert await charged(suite) == before


async def test_what_has_a_price_is_answered_all_the_same(suite: Suite) -> None:
    """And tells its cost; a key that allows what has none is answered without one."""
    await price(suite)
    await unpriced(suite)
    secret = await key(suite, "priced only", refuseUnpriced=True)
    answer = await ask(suite.url, secret)
    assert (answer.status_code, "x-conduit-cost" in answer.headers) == (200, True)
    free = await ask(suite.url, suite.virtual_key, CHAT | {"model": "unpriced"})
    assert (free.status_code, "x-conduit-cost" in free.headers) == (200, False)


async def test_a_session_without_a_price_is_refused(suite: Suite) -> None:
    """Its caller is told why, as of a chat."""
    await unpriced(suite)
    secret = await key(suite, "refusing sessions", refuseUnpriced=True)
    url = suite.url.replace("http", "ws", 1) + "/v1/realtime?model=unpriced"
    headers = {"authorization": f"Bearer {secret}"}
    with pytest.raises(InvalidStatus) as caught:
        async with connect(url, additional_headers=headers, proxy=None):
            pass
    error = orjson.loads(caught.value.response.body)["error"]
    assert (caught.value.response.status_code, error["code"]) == (400, "cost_unknown")


async def test_candidates_without_a_price_are_passed_over(suite: Suite) -> None:
    """Though they come first: another one with a price serves the call."""
    await price(suite)
    dear = await suite.add_simulator("mixed", "echo")
    cheap = await suite.add_simulator("mixed", "echo-slow-1ms")
    rule = {"providerId": cheap, "modelPattern": "*", "inputCostPer1kTokens": 0}
    await suite.call("POST", "/api/model-costs", rule | {"outputCostPer1kTokens": 10})
    await suite.settled()
    secret = await key(suite, "mixed", refuseUnpriced=True)
    for _ in range(8):
        answer = await ask(suite.url, secret, CHAT | {"model": "mixed"})
        assert answer.headers["x-conduit-model"] == "echo-slow-1ms"
        assert "x-conduit-cost" in answer.headers
    assert dear != cheap


async def test_the_group_that_covers_all_speaks_for_the_gateway(suite: Suite) -> None:
    """Keys that say nothing are refused, until it allows such calls again."""
    await unpriced(suite)
    number = await group(suite, "whole", coversAll=True, refuseUnpriced=True)
    await suite.settled()
    body = CHAT | {"model": "unpriced"}
    assert (await ask(suite.url, suite.virtual_key, body)).status_code == 400
    await suite.call("PATCH", f"/api/virtual-key-groups/{number}", {"refuseUnpriced": False})
    assert (await ask(suite.url, suite.virtual_key, body)).status_code == 200
    await suite.call("DELETE", f"/api/virtual-key-groups/{number}")
