"""The semantic cache through the whole suite: other words for the same, and nothing else."""

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import pytest_asyncio
from tests.support.suite import Suite
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

STREAM = {"stream": True, "stream_options": {"include_usage": True}}
ASKED, OTHERWISE = "How do I reset my password", "How do I reset my password please"


def chat(text: str, model: str = "alike", **more: object) -> dict[str, Any]:
    """Return a chat that asks something."""
    return {"model": model, "messages": [{"role": "user", "content": text}], **more}


# Each surface, with a body around what is asked.
SURFACES: dict[str, tuple[str, Any]] = {
    "chat": ("/v1/chat/completions", chat),
    "streamed chat": ("/v1/chat/completions", lambda text: chat(text) | STREAM),
    "message": ("/v1/messages", lambda text: chat(text) | {"max_tokens": 9}),
    "streamed message": (
        "/v1/messages",
        lambda text: chat(text) | {"max_tokens": 9, "stream": True},
    ),
    "response": (
        "/v1/responses",
        lambda text: {"model": "alike", "input": text, "store": False},
    ),
    "content": (
        "/v1beta/models/alike:generateContent",
        lambda text: {"contents": [{"role": "user", "parts": [{"text": text}]}]},
    ),
}


def word_of(answer: httpx.Response) -> str | None:
    """Return what the cache had to do with an answer, which is good."""
    assert answer.status_code == 200, answer.text
    word: str | None = answer.headers.get("x-conduit-cache")
    return None if word is None else word.split(";")[0] + (";" if ";" in word else "")


@asynccontextmanager
async def holder(suite: Suite, **spec: object) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of somebody with a new virtual key."""
    body = {"name": secrets.token_hex(8), **spec}
    made = await suite.call("POST", "/api/virtual-keys", body)
    await suite.settled()
    headers = {"Authorization": f"Bearer {made['key']}", "x-test-id": str(made["id"])}
    async with httpx.AsyncClient(base_url=suite.url, headers=headers, timeout=40) as client:
        yield client


async def policy(suite: Suite, alias: str, model: str = "vectors", **more: object) -> None:
    """Have an alias answered by what is much alike."""
    await suite.add_simulator(alias, "echo")
    # The simulator's vectors are of words alone: one more makes it 0.93.
    semantic = {"embeddingModel": model, "threshold": 0.9, **more}
    cache = {"ttl": "600s", "semantic": semantic}
    chain = {"modelAlias": alias, "cache": cache, "providers": []}
    await suite.call("POST", "/api/fallback-chains", chain)


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def aliases(suite: Suite) -> None:
    """Map what the calls name."""
    await suite.add_simulator("vectors", "embed-words-256")
    await suite.add_simulator("off", "status-500")
    await suite.add_simulator("silent", "hang")
    await suite.add_simulator("plain", "echo")
    await policy(suite, "alike")
    await policy(suite, "unembedded", "off")
    await policy(suite, "unheard", "silent", timeout="0.05s")
    await policy(suite, "unknown", "nobody")
    await policy(suite, "askew", "plain")
    await suite.settled()


async def word(caller: httpx.AsyncClient, said: str = "", **body: object) -> str | None:
    """Return what the cache had to do with a chat."""
    headers = {"x-conduit-cache": said} if said else {}
    return word_of(await caller.post("/v1/chat/completions", json=body, headers=headers))


async def test_other_words_for_the_same_have_its_answer(suite: Suite) -> None:
    """On every surface, whole and streamed, byte by byte, with how alike they are."""
    async with holder(suite) as caller:
        for kind, (path, body) in SURFACES.items():
            first = await caller.post(path, json=body(ASKED))
            again = await caller.post(path, json=body(OTHERWISE))
            assert (word_of(first), word_of(again)) == ("miss", "hit;"), kind
            assert again.content == first.content, kind
            assert again.headers["x-conduit-attempts"] == "0"
            name, _, alike = again.headers["x-conduit-cache"].partition("; similarity=")
            assert name == "hit"
            assert 0.9 <= float(alike) < 1, kind
            assert word_of(await caller.post(path, json=body(ASKED))) == "hit", kind


async def test_whatever_else_is_asked_has_an_answer_of_its_own(suite: Suite) -> None:
    """Another system prompt, other turns, parameters, tools, a negation, an order, a key."""
    system = {"role": "system", "content": "You answer in French."}
    turn = {"role": "user", "content": OTHERWISE}
    before = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "hi"}]
    tool = {"type": "function", "function": {"name": "reset", "parameters": {"type": "object"}}}
    async with holder(suite) as caller, holder(suite) as stranger:
        assert await word(caller, **chat(ASKED)) == "miss"
        for body in (
            chat("", messages=[system, turn]),
            chat("", messages=[*before, turn]),
            chat(OTHERWISE, temperature=1),
            chat(OTHERWISE, user="somebody"),
            chat(OTHERWISE, tools=[tool], tool_choice="none"),
            chat(OTHERWISE + " not"),
            chat("How do I password my reset"),
            chat("How do I reset my password 2"),
        ):
            assert await word(caller, **body) == "miss", body
        assert await word(stranger, **chat(OTHERWISE)) == "miss"
        assert await word(caller, "exact", **chat(OTHERWISE)) == "miss"
        assert await word(caller, **chat("please how do I reset my password?")) == "hit;"


async def test_a_call_goes_on_where_its_text_has_no_vector(suite: Suite) -> None:
    """Because the model fails, is late, is unknown, or makes none; the same words are found."""
    async with holder(suite) as caller:
        for alias in ("unembedded", "unheard", "unknown", "askew"):
            words = [await word(caller, **chat(text, alias)) for text in (ASKED, OTHERWISE, ASKED)]
            assert words == ["miss", "miss", "hit"], alias


async def test_a_caller_may_ask_for_it(suite: Suite) -> None:
    """By a model that its key allows, and only for answers of its own; the alias's is for all."""
    async with (
        holder(suite) as caller,
        holder(suite, allowedModels=["plain", "alike"]) as bound,
    ):
        for client, expected in ((caller, "hit;"), (bound, "miss")):
            # With so many words one more is within the usual threshold.
            said, text = "semantic=vectors", ASKED + " for the shop in the old town"
            assert await word(client, said, **chat(text, "plain")) == "miss"
            assert await word(client, said, **chat(f"{text} please", "plain")) == expected
        assert await word(bound, **chat(ASKED)) == "miss"
        assert await word(bound, **chat(OTHERWISE)) == "hit;"


async def test_vectors_and_hits_are_charged_apart(suite: Suite) -> None:
    """Each vector as a call of the key's; a hit as one from the cache, marked as much alike."""
    async with holder(suite) as caller:
        answers = [
            await caller.post("/v1/chat/completions", json=chat(text))
            for text in (ASKED, OTHERWISE)
        ]
        ids = [each.headers["x-conduit-request-id"] for each in answers]
        found: list[dict[str, Any]] = []

        async def has_all() -> bool:
            path = f"/api/usage/charges?virtualKeyId={caller.headers['x-test-id']}"
            found[:] = (await suite.call("GET", path))["charges"]
            return len(found) >= 4

        await eventually(has_all, seconds=20)
    vectors = [each for each in found if each["modelAlias"] == "vectors"]
    [hit] = [each for each in found if "cache" in (each.get("qualifiers") or {})]
    assert len(found) == 4
    assert sorted(each["requestId"] for each in vectors) == sorted(ids)
    assert hit["requestId"] == ids[1]
    assert hit["qualifiers"] == {"cache": "hit", "cache_match": "similar"}
    assert hit["cost"] == 0
    counted = (await caller_metrics(suite)).splitlines()
    [line] = [each for each in counted if 'conduit_cache_lookups_total{outcome="similar"}' in each]
    assert float(line.split()[-1]) > 0


async def caller_metrics(suite: Suite) -> str:
    """Return what `/metrics` says."""
    async with httpx.AsyncClient(base_url=suite.url) as client:
        return (await client.get("/metrics")).text
