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


async def two_accounts(suite: Suite, alias: str) -> list[str]:
    """Have two keys of one account serve an alias, and one of another; return their ids."""
    first = await suite.add_simulator(alias, "echo", name=f"{alias} one")
    second = await suite.add_simulator(alias, "echo", name=f"{alias} two")
    extra = {"apiKey": "sk-more"}
    await suite.call("POST", f"/api/providers/{first}/keys", extra)
    found = []
    for number in (first, second):
        listed = await suite.call("GET", f"/api/providers/{number}/keys")
        found += [each["id"] for each in listed["keys"]]
    await suite.settled()
    return found


@pytest.mark.parametrize("stream", [False, True])
async def test_what_is_bound_to_an_account_goes_to_its_keys(suite: Suite, *, stream: bool) -> None:
    """By any key of it, as the header of a former answer named it; without one, to all."""
    one, beside, other = await two_accounts(suite, f"bound-{stream}")

    async def asked(headers: dict[str, str]) -> set[str]:
        answers = [await chat(suite, f"bound-{stream}", headers, stream=stream) for _ in range(16)]
        assert {each.status_code for each in answers} == {200}
        return {each.headers["x-conduit-key-id"] for each in answers}

    assert await asked({}) == {one, beside, other}
    assert await asked({"x-conduit-key-id": beside}) == {one, beside}
    assert await asked({"x-conduit-key-id": other}) == {other}


async def test_a_bound_request_that_nobody_can_serve_is_told_so(suite: Suite) -> None:
    """Once, with what to do; its decision is kept, and made again the same."""
    one, _, other = await two_accounts(suite, "bound-lost")
    await suite.add_simulator("bound-elsewhere", "echo")
    await suite.settled()
    for key_id in (one, "key_999999"):
        answer = await chat(suite, "bound-elsewhere", {"x-conduit-key-id": key_id})
        error = answer.json()["error"]
        assert (answer.status_code, error["code"]) == (400, "account_unavailable")
        assert "Name a key that served the model" in answer.text
    headers = {"x-conduit-key-id": other, "x-request-id": "req-bound-lost"}
    assert (await chat(suite, "bound-lost", headers)).status_code == 200
    kept = await suite.call("GET", "/api/requests/req-bound-lost")
    [decision] = kept["decisions"]
    left_out = {(each["keyId"], each["reason"]) for each in decision["rejections"]}
    assert left_out == {("", "OtherAccount")}
    assert decision["inputs"]["accountKeyIds"] == [other]
    again = await suite.call("POST", "/api/routes/explain", {"requestId": "req-bound-lost"})
    assert again == decision
    too_long = await chat(suite, "bound-lost", {"x-conduit-key-id": "k" * 201})
    assert (too_long.status_code, too_long.json()["error"]["code"]) == (400, "invalid_request")
