"""The cache through the whole suite: what is asked again is answered again, and nothing else."""

import asyncio
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import httpx
import pytest
import pytest_asyncio
from tests.support.suite import Suite
from tests.support.waiting import eventually

from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.call_pb2 import CallOptions
from conduit.v1.chat_message_pb2 import CHAT_ROLE_USER
from conduit.v1.router_service_pb2_grpc import RouterServiceStub

pytestmark = pytest.mark.asyncio(loop_scope="module")

TURN = [{"role": "user", "content": "hello there"}]
CHAT: dict[str, Any] = {"model": "kept", "messages": TURN}
STREAM = {"stream": True, "stream_options": {"include_usage": True}}
MESSAGE: dict[str, Any] = {"model": "kept", "messages": TURN, "max_tokens": 9}
RESPONSE: dict[str, Any] = {"model": "kept", "input": "hello there", "store": False}
CONTENT: dict[str, Any] = {"contents": [{"role": "user", "parts": [{"text": "hello there"}]}]}
PROMPT: dict[str, Any] = {"model": "kept", "prompt": "hello there"}
SURFACES: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", CHAT),
    "streamed chat": ("/v1/chat/completions", CHAT | STREAM),
    "message": ("/v1/messages", MESSAGE),
    "streamed message": ("/v1/messages", MESSAGE | {"stream": True}),
    "response": ("/v1/responses", RESPONSE),
    "streamed response": ("/v1/responses", RESPONSE | {"stream": True}),
    "content": ("/v1beta/models/kept:generateContent", CONTENT),
    "streamed content": ("/v1beta/models/kept:streamGenerateContent?alt=sse", CONTENT),
    "completion": ("/v1/completions", PROMPT),
    "streamed completion": ("/v1/completions", PROMPT | {"stream": True}),
    "embedding": ("/v1/embeddings", {"model": "vectors", "input": "hello"}),
}


def word_of(answer: httpx.Response) -> str | None:
    """Return what the cache had to do with an answer, which is good."""
    assert answer.status_code == 200, answer.text
    word: str | None = answer.headers.get("x-conduit-cache")
    return word


async def policy(suite: Suite, alias: str, **cache: object) -> int:
    """Have answers of an alias kept; return its chain's id."""
    made = await suite.call(
        "POST", "/api/fallback-chains", {"modelAlias": alias, "cache": cache, "providers": []}
    )
    await suite.settled()
    return int(made["id"])


@asynccontextmanager
async def holder(suite: Suite, **spec: object) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of somebody with a new virtual key."""
    body = {"name": secrets.token_hex(8), **spec}
    made = await suite.call("POST", "/api/virtual-keys", body)
    await suite.settled()
    headers = {"Authorization": f"Bearer {made['key']}"}
    async with httpx.AsyncClient(base_url=suite.url, headers=headers, timeout=40) as client:
        client.headers["x-test-id"] = str(made["id"])
        yield client


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def aliases(suite: Suite) -> None:
    """Map what the calls name, and keep answers of most."""
    kinds = {"kept": "echo", "vectors": "embed-16", "slow": "echo-slow-600ms", "plain": "echo"}
    kinds |= {"off": "status-500", "cut": "cut-after-3", "shared": "echo", "grouped": "echo"}
    for alias, model in kinds.items():
        await suite.add_simulator(alias, model)
    for alias in ("kept", "vectors", "slow", "off", "cut"):
        await policy(suite, alias, ttl="600s")
    await policy(suite, "shared", scope="All")
    await policy(suite, "grouped", scope="Group")


async def test_what_is_asked_again_is_answered_again(suite: Suite) -> None:
    """On every surface, whole and streamed, byte by byte, without another attempt or cost."""
    async with holder(suite) as caller:
        for kind, (path, body) in SURFACES.items():
            first = await caller.post(path, json=body)
            again = await caller.post(path, json=dict(reversed(body.items())))
            assert (word_of(first), word_of(again)) == ("miss", "hit"), kind
            assert again.content == first.content, kind
            assert again.headers["content-type"] == first.headers["content-type"]
            assert again.headers["x-conduit-attempts"] == "0"
            assert int(again.headers["x-conduit-cache-age"]) >= 0
            assert "x-conduit-cache-age" not in first.headers
            for name in ("x-conduit-provider", "x-conduit-key-id", "x-conduit-model"):
                assert again.headers[name] == first.headers[name]
            other = await caller.post(path, json=body | {"x_other": kind})
            assert word_of(other) == "miss", kind


async def test_nothing_is_kept_unless_somebody_says_so(suite: Suite) -> None:
    """Then no answer has anything to do with the cache."""
    async with holder(suite) as caller:
        for _ in range(2):
            answer = await caller.post("/v1/chat/completions", json=CHAT | {"model": "plain"})
            assert word_of(answer) is None


async def test_a_caller_has_its_own_word(suite: Suite) -> None:
    """Also where the alias keeps nothing; what is no such word is refused."""
    asked = CHAT | {"model": "plain"}

    async def word(said: str) -> str | None:
        headers = {"x-conduit-cache": said}
        return word_of(await caller.post("/v1/chat/completions", json=asked, headers=headers))

    async with holder(suite) as caller:
        for said, expected in (
            ("max-age=600", "miss"),
            ("max-age=600", "hit"),
            ("no-store", "bypass"),
            ("no-cache", "miss"),
            ("max-age=600", "hit"),
            ("max-age=0", "miss"),
        ):
            assert await word(said) == expected, said
        headers = {"x-conduit-cache": "always"}
        refused = await caller.post("/v1/chat/completions", json=asked, headers=headers)
        assert (refused.status_code, refused.json()["error"]["param"]) == (400, "cache")


async def test_whoever_has_another_key_gets_nothing_of_it(suite: Suite) -> None:
    """Unless the alias lets all have it, or those of a group."""
    group = await suite.call("POST", "/api/virtual-key-groups", {"name": secrets.token_hex(8)})
    async with (
        holder(suite, groupId=group["id"]) as one,
        holder(suite, groupId=group["id"]) as two,
        holder(suite) as stranger,
    ):
        for alias, words in {
            "kept": ["miss", "miss", "miss"],
            "grouped": ["miss", "hit", "miss"],
            "shared": ["miss", "hit", "hit"],
        }.items():
            body = CHAT | {"model": alias, "user": "somebody"}
            answers = [
                await caller.post("/v1/chat/completions", json=body)
                for caller in (one, two, stranger)
            ]
            assert [*map(word_of, answers)] == words, alias


async def test_failures_are_not_kept(suite: Suite) -> None:
    """Neither refusals nor streams that break off."""
    async with holder(suite) as caller:
        for _ in range(2):
            answer = await caller.post("/v1/chat/completions", json=CHAT | {"model": "off"})
            assert answer.status_code >= 500
            assert answer.headers.get("x-conduit-cache") != "hit"
            cut = await caller.post("/v1/chat/completions", json=CHAT | STREAM | {"model": "cut"})
            assert cut.headers["x-conduit-cache"] == "miss"
            assert "stream_interrupted" in cut.text


@pytest.mark.parametrize("stream", [{}, STREAM])
async def test_twins_are_one_call(suite: Suite, stream: dict[str, Any]) -> None:
    """All but the first wait for its answer."""
    async with holder(suite) as caller:
        body = CHAT | {"model": "slow"} | stream
        answers = await asyncio.gather(
            *(caller.post("/v1/chat/completions", json=body) for _ in range(8))
        )
    assert sorted(str(word_of(answer)) for answer in answers) == ["hit"] * 7 + ["miss"]
    assert len({answer.content for answer in answers}) == 1


async def test_a_twin_goes_on_where_the_first_one_leaves(suite: Suite) -> None:
    """Nobody waits for an answer that will not come."""
    async with holder(suite) as caller:
        body = CHAT | {"model": "slow", "user": "leaving"}
        first = asyncio.create_task(caller.post("/v1/chat/completions", json=body))
        cache = suite.router._runtime.answers  # noqa: SLF001 # nobody else knows that one waits
        await eventually(lambda: _true(bool(cache._under_way)))  # noqa: SLF001 # as above
        second = asyncio.create_task(caller.post("/v1/chat/completions", json=body))
        await asyncio.sleep(0.05)
        first.cancel()
        assert word_of(await second) == "miss"


async def _true(value: bool) -> bool:  # noqa: FBT001 # what `eventually` asks
    return value


async def test_a_change_of_the_alias_clears_it(suite: Suite) -> None:
    """Another mapping, and another version of the policy."""
    await suite.add_simulator("changing", "echo")
    chain = await policy(suite, "changing", version="1")
    async with holder(suite) as caller:

        async def word() -> str | None:
            body = CHAT | {"model": "changing"}
            return word_of(await caller.post("/v1/chat/completions", json=body))

        assert [await word(), await word()] == ["miss", "hit"]
        cache = {"version": "2"}
        await suite.call("PATCH", f"/api/fallback-chains/{chain}", {"cache": cache})
        await suite.settled()
        assert [await word(), await word()] == ["miss", "hit"]
        await suite.add_simulator("changing", "think")
        await suite.settled()
        assert await word() == "miss"


async def test_a_hit_is_charged_as_the_alias_says(suite: Suite) -> None:
    """Nothing, or a share of its price, on a charge of its own that says what it is."""
    number = await suite.add_simulator("halved", "echo")
    await policy(suite, "halved", chargedShare=0.5)
    rule = {"providerId": number, "modelPattern": "*"}
    prices = {"inputCostPer1kTokens": 2, "outputCostPer1kTokens": 10}
    await suite.call("POST", "/api/model-costs", rule | prices)
    async with holder(suite) as caller:

        async def is_priced() -> bool:
            body, unkept = CHAT | {"model": "halved"}, {"x-conduit-cache": "no-store"}
            answer = await caller.post("/v1/chat/completions", json=body, headers=unkept)
            return "x-conduit-cost" in answer.headers

        await eventually(is_priced)
        bodies = [CHAT | {"model": alias} for alias in ("kept", "halved")]
        answers = [
            await caller.post("/v1/chat/completions", json=body) for body in bodies for _ in "12"
        ]
        ids = {each.headers["x-conduit-request-id"]: each for each in answers}
        holder_id = caller.headers["x-test-id"]
        charges: dict[str, Any] = {}

        async def has_all() -> bool:
            path = f"/api/usage/charges?virtualKeyId={holder_id}"
            found = (await suite.call("GET", path))["charges"]
            charges.update({charge["requestId"]: charge for charge in found})
            return charges.keys() >= ids.keys()

        await eventually(has_all, seconds=20)
    paid, free, whole, half = (charges[name] for name in ids)
    assert (free["qualifiers"], half["qualifiers"]) == ({"cache": "hit"},) * 2
    assert (paid.get("qualifiers") or {}, whole.get("qualifiers") or {}) == ({}, {})
    assert free["cost"] == 0, free
    assert answers[1].headers["x-conduit-cost"] == "0"
    assert half["cost"] == pytest.approx(whole["cost"] / 2) != 0


async def test_typed_callers_share_with_those_of_json(suite: Suite) -> None:
    """Over gRPC, in either form, whole and streamed."""
    async with grpc.aio.insecure_channel(f"127.0.0.1:{suite.router.port}") as channel:
        stub: Any = RouterServiceStub(channel)
        metadata = (("authorization", f"Bearer {suite.virtual_key}"),)
        options = CallOptions(cache="max-age=600")
        typed = pb.ChatRequest(options=options)
        typed.chat.model = "plain"
        typed.chat.messages.add(role=CHAT_ROLE_USER).content.add().text = "typed"
        first = await stub.Chat(typed, metadata=metadata)
        again = await stub.Chat(typed, metadata=metadata)
        assert (first.report.cache, again.report.cache) == ("miss", "hit")
        assert again.completion == first.completion
        request = pb.StreamChatRequest(options=options, chat=typed.chat)
        streams = [
            [message async for message in stub.StreamChat(request, metadata=metadata)]
            for _ in range(2)
        ]
        words = [messages[0].started.cache for messages in streams]
        assert words == ["miss", "hit"]
        assert [m.chunks for m in streams[0]] == [m.chunks for m in streams[1]]
        assert streams[1][-1].finished.usage == streams[0][-1].finished.usage
