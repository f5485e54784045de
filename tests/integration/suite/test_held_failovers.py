"""Providers that fall silent, break off or list in pages, as users of gateways reported them.

These held from the first try on. Each test is named for its report.
"""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
import pytest_asyncio
from tests.support.chat_answers import CHAT, HI, chat
from tests.support.reported_providers import (
    ReportedProviders,
    chunk,
    completion,
    reported_providers,
)
from tests.support.scripted_upstream import EVENTS, JSON, Act, answer, hang, stream
from tests.support.suite import Suite
from tests.support.waiting import eventually

from conduit_kernel.http import Exchange

pytestmark = pytest.mark.asyncio(loop_scope="module")

Json = dict[str, Any]
SERVER = ("OpenAICompatible", "m")
HELLO = (chunk({"role": "assistant", "content": "Hel"}), chunk({"content": "lo"}))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def providers(suite: Suite) -> AsyncIterator[ReportedProviders]:
    """Run the providers, shared by the tests of this module."""
    async with reported_providers(suite) as running:
        yield running


async def charges_of(suite: Suite, alias: str) -> list[Json]:
    """Return what was charged for an alias, once all is delivered."""
    await suite.deliver_charges()
    page = await suite.call("GET", "/api/usage/charges", params={"pageSize": 100})
    return [charge for charge in page["charges"] if charge["modelAlias"] == alias]


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_to_silent(
    suite: Suite,
    providers: ReportedProviders,
    is_streamed: bool,  # noqa: FBT001 # a parameter
) -> None:
    """`to-silent`: who says nothing is left when its time in the chain is up."""
    alias = f"silent {is_streamed}"
    whole = stream(*HELLO, chunk({}, "stop"), b"data: [DONE]\n\n")
    well = whole if is_streamed else answer(completion("Hello"))
    first = await providers.add(alias, *SERVER, hang)
    second = await providers.add(alias, *SERVER, well)
    steps = [
        {"providerId": first, "priority": 1, "timeout": "0.2s"},
        {"providerId": second, "priority": 2},
    ]
    await suite.call("POST", "/api/fallback-chains", {"modelAlias": alias, "providers": steps})
    await suite.settled()
    got = await chat(suite, alias, stream=is_streamed)
    assert "Hel" in got.text
    assert (got.is_done, got.headers["x-conduit-fallbacks"]) == (is_streamed, "1")
    assert len(providers.bodies_of(alias)) == 1


async def test_up_stale(suite: Suite) -> None:
    """`up-stale`: connections that a provider closes without a word fail no call, nor repeat it."""
    body = completion()
    asked: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.lower().partition(b"content-length: ")[2].split(b"\r\n")[0])
        asked.append(await reader.readexactly(length))
        sizes = b"content-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
        writer.write(b"HTTP/1.1 200 OK\r\n" + sizes + body)
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/v1"
    await suite.add_simulator("stale", "m", providerType="OpenAICompatible", baseUrl=url)
    await suite.settled()
    async with server:
        got = [await chat(suite, "stale") for _ in range(20)]
    assert {(each.status, each.headers["x-conduit-attempts"]) for each in got} == {(200, "1")}
    assert len(asked) == 20


async def test_li_client_gone(suite: Suite, providers: ReportedProviders) -> None:
    """`li-client-gone`: who leaves has the provider left, too, and pays for what was delivered."""
    is_left = asyncio.Event()

    async def act(exchange: Exchange) -> None:
        out = exchange.start(200, EVENTS)
        for piece in HELLO:
            out.write(piece)
            await out.drain()
        try:
            await asyncio.Event().wait()
        finally:
            is_left.set()

    await providers.add("left", *SERVER, act)
    body = {"model": "left", "messages": HI, "stream": True}
    async with suite.caller() as caller, caller.stream("POST", CHAT, json=body) as got:
        async for line in got.aiter_lines():
            if '"lo"' in line:
                break
    async with asyncio.timeout(10):
        await is_left.wait()
    [charge] = await charges_of(suite, "left")
    assert (charge["usageSource"], charge["isComplete"]) == ("Estimate", False)


@pytest.mark.parametrize("is_streamed", [False, True])
async def test_ed_half_close(
    suite: Suite,
    providers: ReportedProviders,
    is_streamed: bool,  # noqa: FBT001 # a parameter
) -> None:
    """`ed-half-close`: who closes its half has left, by decision: its provider is left, too.

    docs/compatibility.md has the reason. Where the connection stays open, the same bytes are
    answered.
    """
    alias = f"half closed {is_streamed}"
    asked, is_left, may_end = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def act(exchange: Exchange) -> None:
        asked.set()
        try:
            await may_end.wait()
        except asyncio.CancelledError:
            is_left.set()
            raise
        await whole(exchange)

    whole = stream(*HELLO, chunk({}, "stop"), b"data: [DONE]\n\n")
    whole = whole if is_streamed else answer(completion("Hello"))
    await providers.add(alias, *SERVER, act)
    body = orjson.dumps({"model": alias, "messages": HI, "stream": is_streamed})
    async with suite.caller() as caller:
        key, address = caller.headers["authorization"], caller.base_url
    head = f"POST {CHAT} HTTP/1.1\r\nhost: x\r\nauthorization: {key}\r\nconnection: close\r\n"
    request = f"{head}content-length: {len(body)}\r\n\r\n".encode() + body
    for closes in (True, False):
        asked.clear()
        reader, writer = await asyncio.open_connection(address.host, address.port)
        writer.write(request)
        async with asyncio.timeout(20):
            await asked.wait()
            if closes:
                writer.write_eof()
                await is_left.wait()
            may_end.set()
            got = await reader.read()
        writer.close()
        may_end.clear()
        assert (b"Hel" in got) is not closes


async def test_mo_failover(suite: Suite, providers: ReportedProviders) -> None:
    """`mo-failover`: a call is charged once, for who answered; and not at all where nobody did."""
    failed = {"error": {"message": "oops", "type": "server_error"}}
    acts: list[Act] = [answer(completion()), answer(orjson.dumps(failed), 500)]

    async def second(exchange: Exchange) -> None:
        await acts[0](exchange)

    await providers.add("paid once", "OpenAI", "gpt-4o", acts[1], priority=1)
    made = await providers.add("paid once", "OpenAI", "gpt-4o", second, priority=2)
    assert (await chat(suite, "paid once")).status == 200
    acts.pop(0)
    assert (await chat(suite, "paid once")).status >= 500
    paid = [each for each in await charges_of(suite, "paid once") if each["cost"]]
    assert [each["providerId"] for each in paid] == [made]


async def test_mo_cached(suite: Suite, providers: ReportedProviders) -> None:
    """`mo-cached`: tokens of the cache have their own price.

    https://platform.openai.com/docs/pricing: 200 at 2.50, 800 at 1.25 and 100 at 10 dollars a
    million.
    """
    usage = {
        "prompt_tokens": 1000,
        "prompt_tokens_details": {"cached_tokens": 800},
        "completion_tokens": 100,
    }
    await providers.add("mostly cached", "OpenAI", "gpt-4o", answer(completion(usage=usage)))
    costs: list[str | None] = []

    async def is_priced() -> bool:
        costs.append((await chat(suite, "mostly cached")).headers.get("x-conduit-cost"))
        return costs[-1] is not None

    await eventually(is_priced)
    assert costs[-1] == "0.0025"


async def test_em_many(suite: Suite, providers: ReportedProviders) -> None:
    """`em-many`: what a provider takes in three calls comes back as one answer, in order."""
    sizes: list[int] = []

    async def act(exchange: Exchange) -> None:
        asked = orjson.loads(exchange.body)["requests"]
        sizes.append(len(asked))
        texts = [each["content"]["parts"][0]["text"] for each in asked]
        found = {"embeddings": [{"values": [float(text), 1.0]} for text in texts]}
        exchange.respond(200, JSON, orjson.dumps(found))

    await providers.add("many", "Gemini", "gemini-embedding-001", act)
    body = {"model": "many", "input": [str(number) for number in range(250)]}
    async with suite.caller() as caller:
        found = (await caller.post("/v1/embeddings", json=body)).json()["data"]
    assert sorted(sizes) == [50, 100, 100]
    assert [each["index"] for each in found] == list(range(250))
    # Vectors come as long as one; their first member against the second tells which it is.
    told = [round(each["embedding"][0] / each["embedding"][1]) for each in found]
    assert told == list(range(250))


async def test_em_tokens(suite: Suite, providers: ReportedProviders) -> None:
    """`em-tokens`: a provider of texts is sent the texts, and the caller told, by decision.

    docs/compatibility.md has the reason; strict callers get the 400 that the report wants.
    """

    async def act(exchange: Exchange) -> None:
        assert orjson.loads(exchange.body)["texts"] == ["The food", "was"]
        found = {"id": "1", "embeddings": {"float": [[0.5], [0.25]]}}
        exchange.respond(200, JSON, orjson.dumps(found))

    await providers.add("tokens", "Cohere", "embed-v4.0", act)
    # As OpenAI's tokenizer writes them.
    body = {"model": "tokens", "input": [[791, 3691], [16514]]}
    async with suite.caller() as caller:
        got = await caller.post("/v1/embeddings", json=body)
        strict = {"x-conduit-strict": "true"}
        refused = await caller.post("/v1/embeddings", json=body, headers=strict)
    assert [each["embedding"] for each in got.json()["data"]] == [[0.5], [0.25]]
    assert got.headers["x-conduit-dropped"] == "token_input"
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "unsupported_parameter")


def listed(name: str, **more: object) -> Json:
    """Return a page of Anthropic's list."""
    model = {"id": name, "type": "model", "display_name": name, "created_at": "2026-02-19"}
    return {"data": [model], "has_more": False, "first_id": name, "last_id": name, **more}


def generating(name: str, **more: object) -> Json:
    """Return a page of Gemini's list."""
    model = {"name": f"models/{name}", "supportedGenerationMethods": ["generateContent"]}
    return {"models": [model], **more}


PAGES: dict[str, tuple[str, Json, Json]] = {
    "Gemini": ("pageToken=2", generating("first", nextPageToken="2"), generating("second")),
    "Anthropic": ("after_id=first", listed("first", has_more=True), listed("second")),
}


@pytest.mark.parametrize("provider", PAGES)
async def test_di_pages(suite: Suite, providers: ReportedProviders, provider: str) -> None:
    """`di-pages`: lists that come in pages are read to their end."""
    mark, first, second = PAGES[provider]

    async def act(exchange: Exchange) -> None:
        page = second if mark in f"{exchange.path}?{exchange.query}" else first
        exchange.respond(200, JSON, orjson.dumps(page))

    made = await providers.add(f"paged {provider}", provider, "m", act)
    found = await suite.call("POST", f"/api/providers/{made}/discover", {})
    assert [each["name"] for each in found["models"]] == ["first", "second"]


DOCUMENT = (
    "mappings:\n  - provider: {provider}\n    modelAlias: {alias}\n    actualModelName: {alias}\n"
)


async def test_cf_scalars(suite: Suite, providers: ReportedProviders) -> None:
    """`cf-scalars`: names that YAML takes for something else keep their letters, or are refused."""
    made = await providers.add("documented", *SERVER, answer(completion()))
    name = (await suite.call("GET", f"/api/providers/{made}"))["name"]

    async def put(document: str) -> tuple[int, str]:
        async with suite.admin() as admin:
            got = await admin.put("/api/config", json={"yaml": document, "dryRun": True})
        return got.status_code, got.text

    for alias in ("4.10", "2024-06-01", "no", "0x1F", "1e3", "~x", "1_000"):
        status, told = await put(DOCUMENT.format(provider=name, alias=alias))
        assert status in {200, 400}, alias
        assert (alias if status == 200 else "mappings") in told, (alias, told)
    plain = DOCUMENT.format(provider=name, alias="a")
    for document in (plain.replace("\n", "\r\n"), f"\ufeff{plain}"):
        assert (await put(document))[0] == 200
    status, told = await put(f"mappings:\n\t- provider: {name}\n")
    assert (status, "line" in told) == (400, True)
