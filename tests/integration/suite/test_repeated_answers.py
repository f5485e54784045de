"""Providers that repeat the key that they were given, in answers that are none of errors."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from tests.support.native_upstream import ANSWERS, CONTENT, sse
from tests.support.suite import Suite

from conduit_kernel.http import Exchange, HttpServer

pytestmark = pytest.mark.asyncio(loop_scope="module")

Json = dict[str, Any]
# Long, short, and of signs that JSON and URLs write otherwise.
KEYS = ("sk-canary-4f9d1c7be2a84b0f9e3d", "hun7er2", "can/ary+key.with=signs/7b1e")
# One type of each dialect, with the path of its base URL.
TYPES = {"OpenAI": "/v1", "Anthropic": "", "Gemini": "", "Cohere": "", "OpenAICompatible": "/v1"}
TURNS = [{"role": "user", "content": "Hi"}]
CHAT: Json = {"messages": TURNS, "max_tokens": 9}
_SHOWN = ("authorization", "x-api-key", "x-goog-api-key")


def key_of(exchange: Exchange) -> str:
    """Return the key that a request came with."""
    fields = {name.decode(): value.decode() for name, value in exchange.fields.items()}
    shown = next(fields[name] for name in _SHOWN if name in fields)
    return shown.removeprefix("Bearer ")


async def repeat(exchange: Exchange) -> None:
    """Answer well, saying the key wherever there is something to say; in pieces that cut it."""
    key, path = key_of(exchange), exchange.path
    if b"REFUSE" in exchange.body:
        limits = [(b"request-id", key.encode()), (b"x-ratelimit-reset-requests", key.encode())]
        exchange.respond(400, [*limits, (b"content-type", b"text/plain")], b"x " + key.encode())
        return
    said = json.dumps(f"you sent {key}, {key}")[1:-1].replace("/", "\\/").encode()
    fields = [(b"x-request-id", f"id-{key}".encode()), (b"request-id", key.encode())]
    if path.endswith("/audio/speech"):
        exchange.respond(200, [*fields, (b"content-type", b"audio/mpeg")], b"\xff\xf3" + said)
        return
    whole, events = _answer(path)
    is_stream = b'"stream":true' in exchange.body.replace(b" ", b"") or not whole
    fields += [(b"content-type", b"text/event-stream" if is_stream else b"application/json")]
    body = events if is_stream else json.dumps(whole).encode()
    body = body.replace(b"Hi", said).replace(b"native-1", said)
    if not is_stream and not path.endswith("/responses"):
        exchange.respond(200, fields, body)
        return
    out = exchange.start(200, fields)
    middle = re.escape(key.encode()[: len(key) // 2])
    for piece in re.split(b"(" + middle + b")", body):
        out.write(piece)
        await out.drain()
        # Each piece is to arrive by itself.
        await asyncio.sleep(0.002)
    out.finish()


def _answer(path: str) -> tuple[Json, bytes]:
    if path.endswith("/audio/transcriptions"):
        return {"text": "Hi"}, b""
    if path.endswith("/images/generations"):
        return {"created": 1, "data": [{"url": "https://a.example/?key=Hi"}]}, b""
    if path.endswith("/models"):
        return {"object": "list", "data": [{"id": "Hi", "object": "model"}]}, b""
    if path.endswith(":streamGenerateContent"):
        return {}, sse(CONTENT)
    return next(each for end, each in ANSWERS.items() if path.endswith(end))


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def names(suite: Suite) -> AsyncIterator[dict[str, str]]:
    """Run the provider; yield the keys of its instances, by alias."""
    server = HttpServer(repeat)
    await server.start("127.0.0.1", 0)
    found: dict[str, str] = {}
    for kind, root in TYPES.items():
        for number, key in enumerate(KEYS):
            name, url = f"{kind} {number}", f"http://127.0.0.1:{server.port}{root}"
            body = {"name": name, "providerType": kind, "baseUrl": url}
            made = await suite.call("POST", "/api/providers", body)
            await suite.call("POST", f"/api/providers/{made['id']}/keys", {"apiKey": key})
            mapping = {"modelAlias": name, "providerId": made["id"], "actualModelName": "native-1"}
            await suite.call("POST", "/api/model-provider-mappings", mapping)
            found[name] = key
    await suite.settled()
    yield found
    await server.drain(0.1)


def assert_covered(answer: httpx.Response, key: str) -> None:
    """Check that an answer says what the provider said, without the key in any spelling."""
    told = answer.content + str(answer.headers).encode()
    assert answer.is_success, answer.text
    assert b"[redact" in answer.content, answer.text
    for spelling in (key, key.replace("/", "\\/"), key.replace("/", "%2F")):
        assert spelling.encode() not in told, answer.text


@pytest.mark.parametrize("number", range(len(KEYS)))
@pytest.mark.parametrize("kind", TYPES)
async def test_chats_do_not_repeat_the_key(
    suite: Suite, names: dict[str, str], kind: str, number: int
) -> None:
    """By each API in each dialect, passed as they are or translated, whole and streamed."""
    model = f"{kind} {number}"
    async with suite.caller() as caller:
        for path, body in (
            ("/v1/chat/completions", CHAT),
            ("/v1/messages", CHAT),
            ("/v1/responses", {"input": "Hi", "store": False}),
        ):
            for stream in (False, True):
                asked = {"model": model, "stream": stream, **body}
                assert_covered(await caller.post(path, json=asked), names[model])
        for verb in ("generateContent", "streamGenerateContent?alt=sse"):
            path, body = (
                f"/v1beta/models/{model}:{verb}",
                {"contents": [{"parts": [{"text": "a"}]}]},
            )
            assert_covered(await caller.post(path, json=body), names[model])


@pytest.mark.parametrize("number", range(len(KEYS)))
async def test_other_operations_do_not_repeat_the_key(
    suite: Suite, names: dict[str, str], number: int
) -> None:
    """Sound, its texts, pictures' addresses, and names of models."""
    model = f"OpenAI {number}"
    sound = {"file": ("a.mp3", b"\xff\xf3" + bytes(100), "audio/mpeg")}
    async with suite.caller() as caller:
        for path, options in (
            ("/v1/audio/speech", {"json": {"model": model, "input": "a", "voice": "alloy"}}),
            ("/v1/audio/transcriptions", {"data": {"model": model}, "files": sound}),
            ("/v1/images/generations", {"json": {"model": model, "prompt": "a"}}),
        ):
            assert_covered(await caller.post(path, **options), names[model])


@pytest.mark.parametrize("number", range(len(KEYS)))
@pytest.mark.parametrize("stream", [False, True])
async def test_passthrough_does_not_repeat_the_key(
    suite: Suite, names: dict[str, str], number: int, *, stream: bool
) -> None:
    """In the provider's own words and header fields."""
    body = {"model": "native-1", "stream": stream, **CHAT}
    for name, path in (
        (f"OpenAI {number}", "chat/completions"),
        (f"Anthropic {number}", "v1/messages"),
    ):
        async with suite.caller() as caller:
            answer = await caller.post(f"/passthrough/{name}/{path}", json=body)
            refused = await caller.post(
                f"/passthrough/{name}/{path}", json=body | {"metadata": {"user_id": "REFUSE"}}
            )
        assert_covered(answer, names[name])
        assert refused.status_code == httpx.codes.BAD_REQUEST
        assert names[name] not in refused.text + str(refused.headers)
        assert "[redacted]" in refused.headers.get("request-id", "[redacted]")


async def test_operators_are_not_told_the_key(suite: Suite, names: dict[str, str]) -> None:
    """Neither by the models that an instance has, nor by what is recorded of calls."""
    listed = (await suite.call("GET", "/api/providers"))["providers"]
    async with suite.admin() as admin:
        for each in listed:
            if each["providerType"] == "OpenAI" and each["name"] in names:
                found = await admin.post(f"/api/providers/{each['id']}/discover", json={})
                assert_covered(found, names[each["name"]])
        told = (await admin.get("/api/requests?pageSize=1000")).text
    assert "native-1" in told
    for key in KEYS:
        assert key not in told
