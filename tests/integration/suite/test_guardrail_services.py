"""Guardrails that ask: a webhook of the operator's, and a model that moderates."""

import asyncio
import hmac
import json
import secrets
from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
import pytest_asyncio
from tests.support.scripted_upstream import ScriptedUpstream, answer, hang, reset
from tests.support.suite import Suite
from tests.support.waiting import eventually

from conduit_kernel.http import Exchange, HttpServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

KEY = "whsec_" + b64encode(bytes(range(24))).decode()
NAME = "TEST_GUARDRAIL_KEY"
BAD = "badger"
Body = dict[str, Any]
Judge = Callable[[Exchange], Awaitable[None]]


def chat(text: str, **more: object) -> Body:
    """Return a chat that says something."""
    return {"model": "says", "messages": [{"role": "user", "content": text}], **more}


def findings(texts: list[str]) -> list[Body]:
    """Return where a word is in texts."""
    return [
        {"text": at, "start": text.index(BAD), "end": text.index(BAD) + len(BAD), "kind": "ANIMAL"}
        for at, text in enumerate(texts)
        if BAD in text
    ]


async def judge(exchange: Exchange) -> None:
    """Judge as a service does: the signature first, and then the texts."""
    fields = {k.decode(): v.decode() for k, v in exchange.headers.items()}
    signed = f"{fields['webhook-id']}.{fields['webhook-timestamp']}.".encode() + exchange.body
    digest = hmac.digest(b64decode(KEY.removeprefix("whsec_")), signed, "sha256")
    if fields["webhook-signature"] != f"v1,{b64encode(digest).decode()}":
        exchange.respond(401, [], b"")
        return
    asked = json.loads(exchange.body)
    assert asked.keys() == {"stage", "requestId", "virtualKeyId", "texts"}
    exchange.respond(200, [], json.dumps({"findings": findings(asked["texts"])}).encode())


async def moderate(exchange: Exchange) -> None:
    """Moderate as OpenAI does."""
    asked = json.loads(exchange.body)
    texts = [asked["input"]] if isinstance(asked["input"], str) else asked["input"]
    results = [
        {"flagged": BAD in text, "categories": {"violence": BAD in text}, "category_scores": {}}
        for text in texts
    ]
    said = {"id": "modr-1", "model": asked["model"], "results": results}
    exchange.respond(200, [(b"content-type", b"application/json")], json.dumps(said).encode())


@asynccontextmanager
async def serving(*acts: Judge) -> AsyncIterator[ScriptedUpstream]:
    """Run a service."""
    service = ScriptedUpstream(*acts)
    server = HttpServer(service)
    await server.start("127.0.0.1", 0)
    service.url = f"http://127.0.0.1:{server.port}"
    try:
        yield service
    finally:
        await server.drain(0.1)


def webhook(service: ScriptedUpstream, **more: object) -> Body:
    """Return a guardrail that asks a webhook."""
    hook: Body = {"url": f"{service.url}/judge?a=b", "signingKey": f"env:{NAME}", "timeout": "5s"}
    hook |= {name: value for name, value in more.items() if name in {"timeout", "signingKey"}}
    rest = {name: value for name, value in more.items() if name not in hook}
    return {"name": "no animals", "webhook": hook, **rest}


@asynccontextmanager
async def holder(suite: Suite, guardrail: Body) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client of somebody with a new virtual key and its guardrail."""
    body = {"name": secrets.token_hex(8), "guardrails": [guardrail]}
    made = await suite.call("POST", "/api/virtual-keys", body)
    await suite.settled()
    headers = {"Authorization": f"Bearer {made['key']}"}
    async with httpx.AsyncClient(base_url=suite.url, headers=headers, timeout=40) as client:
        client.headers["x-test-id"] = str(made["id"])
        yield client


async def say(client: httpx.AsyncClient, text: str, **more: object) -> httpx.Response:
    """Say something."""
    return await client.post("/v1/chat/completions", json=chat(text, **more))


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def says(suite: Suite) -> None:
    """Map a model that says again what it is told."""
    await suite.add_simulator("says", "echo")
    await suite.settled()


@pytest.fixture(autouse=True)
def key(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have the key of the signature in the environment."""
    monkeypatch.setenv(NAME, KEY)


@pytest.mark.parametrize("stage", ["Request", "Answer"])
async def test_a_webhook_judges(suite: Suite, stage: str) -> None:
    """What it finds is blocked, redacted or reported; all else passes. Its signature is right."""
    async with serving(judge) as service:
        async with holder(suite, webhook(service, stage=stage)) as caller:
            assert (await say(caller, "hello there")).status_code == 200
            blocked = await say(caller, f"a {BAD}!")
            assert (blocked.status_code, blocked.json()["error"]["code"]) == (400, "content_filter")
            assert service.paths == ["/judge"] * 2
            assert json.loads(service.bodies[0])["stage"] == stage.lower()
        async with holder(suite, webhook(service, stage=stage, action="Redact")) as caller:
            redacted = await say(caller, f"a {BAD}!")
            content = redacted.json()["choices"][0]["message"]["content"]
            assert content == "a [ANIMAL]!"
            assert redacted.headers["x-conduit-guardrails"] == "no animals;redacted"
        async with holder(suite, webhook(service, stage=stage, action="Report")) as caller:
            reported = await say(caller, f"a {BAD}!")
            assert BAD in reported.text
            assert reported.headers["x-conduit-guardrails"] == "no animals;reported"


async def test_a_webhook_judges_streams_before_they_go_out(suite: Suite) -> None:
    """Piece by piece, as much at a time as it takes; nothing is redacted then."""
    words = "some words " * 2000
    async with serving(judge) as service:
        for action in ("Block", "Redact"):
            async with holder(suite, webhook(service, stage="Answer", action=action)) as caller:
                good = await say(caller, words, stream=True)
                assert "[DONE]" in good.text
                bad = await say(caller, f"{words}a {BAD}! {words}", stream=True)
                assert "content_filter" in bad.text
                assert "some" in bad.text
                assert '"bad' not in bad.text
                assert "[DONE]" not in bad.text
        # Several times in an answer, and not for each of its pieces.
        assert 4 < len(service.paths) < 100


FAILURES: dict[str, Judge] = {
    "refused": answer(b"{}", 401),
    "failed": answer(b"{}", 500),
    "no JSON": answer(b"judged"),
    "another shape": answer(b'{"findings": [{"start": 1}]}'),
    "no such text": answer(b'{"findings": [{"text": 7}]}'),
    "below zero": answer(b'{"findings": [{"text": -1}]}'),
    "outside of its text": answer(b'{"findings": [{"text": 0, "start": 5, "end": 4000}]}'),
    "a kind that is a text": answer(b'{"findings": [{"text": 0, "kind": "you\\r\\nx-evil: 1"}]}'),
    "huge": answer(b'{"findings": [], "more": "' + b"x" * 300_000 + b'"}'),
    "silent": hang,
    "gone": reset,
}


@pytest.mark.parametrize("failure", FAILURES)
async def test_what_nobody_judges_is_refused_unless_it_may_pass(suite: Suite, failure: str) -> None:
    """By the operator's word, within the webhook's time."""
    async with serving(FAILURES[failure]) as service:
        timeout = "0.3s" if failure == "silent" else "5s"
        async with holder(suite, webhook(service, stage="Request", timeout=timeout)) as caller:
            refused = await say(caller, "hello there")
            assert refused.status_code == 503, refused.text
            assert "no animals" in refused.text
            assert refused.headers["x-conduit-attempts"] == "0"
        open_ = webhook(service, stage="Request", timeout=timeout, failOpen=True)
        async with holder(suite, open_) as caller:
            assert (await say(caller, "hello there")).status_code == 200


async def test_without_its_key_a_webhook_is_not_asked(
    suite: Suite, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody could tell that it is Conduit who asks."""
    monkeypatch.delenv(NAME)
    async with serving(judge) as service, holder(suite, webhook(service)) as caller:
        assert (await say(caller, "hello there")).status_code == 503
        assert service.paths == []


async def test_a_model_moderates_as_a_call_of_the_callers(suite: Suite) -> None:
    """What it flags is blocked; its call is charged to the virtual key, which need not have it."""
    async with serving(moderate) as service:
        made = await suite.call(
            *("POST", "/api/providers"),
            {"name": "moderating", "providerType": "OpenAI", "baseUrl": f"{service.url}/v1"},
        )
        await suite.call("POST", f"/api/providers/{made['id']}/keys", {"apiKey": "sk-any"})
        mapping = {"modelAlias": "moderates", "providerId": made["id"]}
        model = {"actualModelName": "omni-moderation-latest"}
        await suite.call("POST", "/api/model-provider-mappings", mapping | model)
        guardrail = {"name": "moderated", "moderationModel": "moderates"}
        async with holder(suite, guardrail) as caller:
            number = caller.headers["x-test-id"]
            await suite.call("PATCH", f"/api/virtual-keys/{number}", {"allowedModels": ["says"]})
            await suite.settled()
            good = await say(caller, "hello there")
            assert good.status_code == 200, good.text
            # The request, and the answer.
            assert service.paths == ["/v1/moderations"] * 2
            bad = await say(caller, f"a {BAD}!")
            assert (bad.status_code, bad.json()["error"]["code"]) == (400, "content_filter")
            stream = await say(caller, "hello there", stream=True)
            assert "[DONE]" in stream.text

            async def is_charged() -> bool:
                path = f"/api/usage/charges?virtualKeyId={number}"
                charges = (await suite.call("GET", path))["charges"]
                return {"chat", "moderate"} <= {each["operation"] for each in charges}

            await eventually(is_charged, seconds=20)


async def test_a_model_that_is_not_there_lets_nothing_pass(suite: Suite) -> None:
    """A name that nobody has mapped is a failure like any other."""
    async with holder(suite, {"name": "moderated", "moderationModel": "nobody"}) as caller:
        refused = await say(caller, "hello there")
        assert (refused.status_code, "moderated" in refused.text) == (503, True)
    guardrail = {"name": "moderated", "moderationModel": "nobody", "failOpen": True}
    async with holder(suite, guardrail) as caller:
        assert (await say(caller, "hello there")).status_code == 200


async def test_a_caller_that_leaves_ends_the_question(suite: Suite) -> None:
    """Nothing is left of it."""
    async with serving(hang) as service, holder(suite, webhook(service)) as caller:
        asking = asyncio.create_task(say(caller, "hello there"))
        await service.arrived.wait()
        asking.cancel()
        under_way = suite.router._runtime.under_way  # noqa: SLF001 # nobody else counts them

        async def is_over() -> bool:
            return under_way.count == 0

        await eventually(is_over)
