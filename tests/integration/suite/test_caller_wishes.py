"""What callers wish of where their calls go, and the seed's fallback chain, over HTTP."""

from typing import Any

import httpx
import orjson
import pytest
from tests.support.scripted_upstream import answer, serve
from tests.support.suite import Suite

from conduit_kernel.http import Exchange

pytestmark = pytest.mark.asyncio(loop_scope="module")

MESSAGES = [{"role": "user", "content": "hello there"}]
# As the seed has it, less the list around it.
SEED_CHAIN = """{
      "modelAlias": "wish-gpt-4",
      "providers": [
        {
          "providerId": %d,
          "priority": 1,
          "timeout": "30s"
        },
        {
          "providerId": %d,
          "priority": 2,
          "timeout": "30s"
        }
      ]
    }"""


async def chat(
    suite: Suite, model: str, headers: dict[str, str] | None = None, **members: object
) -> httpx.Response:
    """Ask for a chat."""
    own = {"Authorization": f"Bearer {suite.virtual_key}", **(headers or {})}
    async with httpx.AsyncClient(base_url=suite.url, headers=own, timeout=40) as client:
        body: dict[str, Any] = {"model": model, "messages": MESSAGES, **members}
        return await client.post("/v1/chat/completions", json=body)


async def test_the_seeds_fallback_chain_works_as_it_stands(suite: Suite) -> None:
    """The second step answers for the first one, which fails."""
    first = await suite.add_simulator("wish-gpt-4", "status-500")
    second = await suite.add_simulator("wish-spare", "echo")
    await suite.call(
        "POST",
        "/api/model-provider-mappings",
        {"modelAlias": "wish-gpt-4", "providerId": second, "actualModelName": "echo"},
    )
    chain = SEED_CHAIN % (first, second)
    async with suite.admin() as client:
        made = await client.post(
            "/api/fallback-chains",
            content=chain,
            headers={"Content-Type": "application/json"},
        )
    assert made.status_code == 201
    assert made.json()["providers"][0]["timeout"] == "30s"
    await suite.settled()
    answer = await chat(suite, "wish-gpt-4")
    assert answer.status_code == 200
    assert answer.headers["x-conduit-provider-id"] == str(second)
    assert answer.headers["x-conduit-fallbacks"] == "1"


async def test_wishes_come_in_the_body_or_in_headers(suite: Suite) -> None:
    """Streams and whole answers alike; without them the first one's failure is told."""
    await suite.add_simulator("wish-bad", "status-500")
    good = str(await suite.add_simulator("wish-good", "echo"))
    await suite.settled()
    assert (await chat(suite, "wish-bad")).status_code == 502
    for headers, members in (
        ({}, {"fallbacks": ["wish-good"]}),
        ({}, {"fallbacks": ["wish-good"], "stream": True}),
        ({"x-conduit-fallbacks": "wish-good"}, {}),
        (
            {"x-conduit-fallbacks": "wish-good", "x-conduit-provider": "wish-good echo"},
            {"stream": True},
        ),
        ({"x-conduit-provider": good}, {"fallbacks": ["wish-good"]}),
    ):
        answer = await chat(suite, "wish-bad", headers, **members)
        assert answer.status_code == 200, answer.text
        assert answer.headers["x-conduit-provider-id"] == good


async def test_wishes_that_make_no_sense_are_refused_with_their_place(suite: Suite) -> None:
    """And the process serves the next call."""
    await suite.add_simulator("wish-any", "echo")
    await suite.settled()
    for headers, members, status, code in (
        ({}, {"fallbacks": ["wish-nothing"]}, 404, "model_not_found"),
        ({}, {"fallbacks": [f"m{i}" for i in range(10_000)]}, 400, "invalid_request"),
        ({}, {"fallbacks": {"a": [1]}}, 400, "invalid_request"),
        ({"x-conduit-fallbacks": ",".join("abcdefghijklmnopq")}, {}, 400, "invalid_request"),
        ({"x-conduit-provider": "nobody"}, {}, 400, "invalid_request"),
        ({"x-conduit-stream-failover": "perhaps"}, {}, 400, "invalid_request"),
    ):
        answer = await chat(suite, "wish-any", headers, **members)
        assert (answer.status_code, answer.json()["error"]["code"]) == (status, code)
    assert (await chat(suite, "wish-any")).status_code == 200


@pytest.mark.parametrize("header", ["x-conduit-affinity-key", "x-claude-code-session-id"])
@pytest.mark.parametrize("stream", [False, True])
async def test_an_agents_session_stays_on_the_plain_way_and_on_the_general_one(
    suite: Suite, header: str, *, stream: bool
) -> None:
    """Both take it to the same instance; many sessions use all of them."""
    name = f"wish-{header}-{stream}"
    for number in (1, 2, 3):
        await suite.add_simulator(name, "echo", name=f"{name} {number}")
    policy = {"modelAlias": name, "affinity": "Session"}
    await suite.call("POST", "/api/fallback-chains", policy)
    await suite.settled()
    places = set()
    for number in range(24):
        plain = {header: f"session {number}"}
        general = plain | {"x-conduit-timeout": "600s"}
        found = {
            (await chat(suite, name, headers, stream=stream)).headers["x-conduit-provider-id"]
            for headers in (plain, general, plain)
        }
        assert len(found) == 1
        places |= found
    assert len(places) == 3


async def test_betas_reach_claude(suite: Suite) -> None:
    """Those of the header, of the body and of the instance, in one header; names alone do."""
    named: list[bytes | None] = []
    message = {"type": "message", "content": [], "stop_reason": "end_turn"}

    async def note(exchange: Exchange) -> None:
        named.append(exchange.headers.get(b"anthropic-beta"))
        await answer(orjson.dumps(message))(exchange)

    async with serve(note) as upstream:
        instance = {"baseUrl": upstream.url, "settings": {"betas": "a-1"}}
        await suite.add_simulator("wish-claude", "claude-x", providerType="Anthropic", **instance)
        await suite.settled()
        header = {"anthropic-beta": "b-2, c-3"}
        assert (await chat(suite, "wish-claude", header, betas=["d-4"])).status_code == 200
        refused = await chat(suite, "wish-claude", betas=["no\r\nname"])
    assert named == [b"a-1,b-2,c-3,d-4"]
    assert (refused.status_code, refused.json()["error"]["param"]) == (400, "anthropic-beta")
