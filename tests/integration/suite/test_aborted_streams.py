"""Each kind of stream, left by its caller: read to its end, and charged as its provider counts.

Public reports of what went wrong elsewhere, tried here: streams that are left cost nothing, or what
their first event says (BerriAI/litellm 14457, 33736, 37558, 39893, QuantumNous/new-api 7241), or
the prompt alone or the answer alone (bitrouter/bitrouter 537, BerriAI/litellm 13245), though their
providers bill whole answers (BerriAI/litellm 36008, QuantumNous/new-api 7178), and streams
that are read on for ever (Menci/Floway 447). Not followed: zeros that a provider tells while it
writes are no counts here (BerriAI/litellm 37992 wants them to be), as many tell them until the end.
"""

import asyncio
import base64
from typing import Any

import orjson
import pytest
import pytest_asyncio
from tests.support.scripted_upstream import EVENTS, ScriptedUpstream, serve
from tests.support.suite import Suite
from tests.support.waiting import eventually

from conduit_kernel.http import CallerGone, Exchange, HttpError

pytestmark = pytest.mark.asyncio(loop_scope="module")

ALIAS, READ, WRITTEN = "left", 31, 71
TURN = [{"role": "user", "content": "one two three"}]
STREAM = {"model": ALIAS, "stream": True}
COUNTS = {"prompt_tokens": READ, "completion_tokens": WRITTEN, "total_tokens": READ + WRITTEN}
USED = {"input_tokens": READ, "output_tokens": WRITTEN, "total_tokens": READ + WRITTEN}
SOUND = base64.b64encode(bytes(480)).decode()
PIXEL = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()


def _events(*events: dict[str, Any], end: bytes = b"") -> list[bytes]:
    named = [
        (b"event: %b\n" % each["type"].encode() if "type" in each else b"") + b"data: %b\n\n"
        for each in events
    ]
    return [name % orjson.dumps(each) for name, each in zip(named, events, strict=True)] + (
        [end] if end else []
    )


def _chunk(**members: object) -> dict[str, Any]:
    return {"id": "c", "object": "chat.completion.chunk", "model": "m", "choices": []} | members


def _choice(text: str, finish: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": {"content": text} if text else {}, "finish_reason": finish}


DONE = b"data: [DONE]\n\n"
RESPONSE: dict[str, Any] = {"id": "resp_1", "object": "response", "model": "m", "output": []}
# By path: the first part of an answer, and the rest.
ANSWERS: dict[str, tuple[list[bytes], list[bytes]]] = {
    "/chat/completions": (
        _events(_chunk(choices=[_choice("one")])),
        _events(
            _chunk(choices=[_choice(" two")]),
            _chunk(choices=[_choice("", "stop")]),
            _chunk(usage=COUNTS),
            end=DONE,
        ),
    ),
    "/completions": (
        _events({"id": "c", "object": "text_completion", "choices": [{"index": 0, "text": "one"}]}),
        _events(
            {"id": "c", "choices": [{"index": 0, "text": "", "finish_reason": "stop"}]},
            {"id": "c", "choices": [], "usage": COUNTS},
            end=DONE,
        ),
    ),
    "/responses": (
        _events(
            {"type": "response.created", "response": RESPONSE | {"status": "in_progress"}},
            {"type": "response.output_text.delta", "item_id": "m", "delta": "one"},
        ),
        _events(
            {
                "type": "response.completed",
                "response": RESPONSE | {"status": "completed", "usage": USED},
            }
        ),
    ),
    "/audio/speech": (
        _events({"type": "speech.audio.delta", "audio": SOUND}),
        _events({"type": "speech.audio.done", "usage": USED}),
    ),
    "/images/generations": (
        _events(
            {
                "type": "image_generation.partial_image",
                "b64_json": PIXEL,
                "partial_image_index": 0,
            }
        ),
        _events({"type": "image_generation.completed", "b64_json": PIXEL, "usage": USED}),
    ),
}
# By kind: the path that callers use, and what they send.
KINDS: dict[str, tuple[str, dict[str, Any]]] = {
    "chat": ("/v1/chat/completions", STREAM | {"messages": TURN}),
    "message": ("/v1/messages", STREAM | {"messages": TURN, "max_tokens": 9}),
    "content": (
        f"/v1beta/models/{ALIAS}:streamGenerateContent?alt=sse",
        {"contents": [{"role": "user", "parts": [{"text": "one two three"}]}]},
    ),
    "completion": ("/v1/completions", STREAM | {"prompt": "one two three"}),
    "response": ("/v1/responses", STREAM | {"input": "one two three"}),
    "speech": (
        "/v1/audio/speech",
        {"model": ALIAS, "input": "one", "voice": "alloy", "stream_format": "sse"},
    ),
    "image": ("/v1/images/generations", STREAM | {"prompt": "a cat", "partial_images": 1}),
    "passthrough": (
        f"/passthrough/{ALIAS}/chat/completions",
        {"model": "m", "stream": True, "messages": TURN},
    ),
}


class Provider:
    """Answers in two parts; the second one comes once the caller has left."""

    def __init__(self) -> None:
        self.gate = asyncio.Event()
        self.told = list[str]()

    async def __call__(self, exchange: Exchange) -> None:
        """Answer a request."""
        first, rest = ANSWERS[exchange.path]
        out = exchange.start(200, EVENTS)
        try:
            for each in first:
                out.write(each)
            await out.drain()
            await self.gate.wait()
            for each in rest:
                out.write(each)
            await out.drain()
            out.finish()
            self.told.append("read")
        except (CallerGone, HttpError):
            self.told.append("left")
            out.abort()


@pytest.fixture(scope="module")
def provider() -> Provider:
    """Return the provider of all tests."""
    return Provider()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def instance(suite: Suite, provider: Provider) -> Any:  # noqa: ANN401 # a generator's
    """Map an alias to it, whose streams are read to their end."""
    async with serve(provider) as upstream:
        yield await _add(suite, upstream)


async def _add(suite: Suite, upstream: ScriptedUpstream) -> int:
    fields = {
        "name": ALIAS,
        "providerType": "OpenAI",
        "baseUrl": upstream.url,
        "abortedStreams": "ReadToEnd",
    }
    made = await suite.call("POST", "/api/providers", fields)
    assert made["abortedStreams"] == "ReadToEnd"
    await suite.call("POST", f"/api/providers/{made['id']}/keys", {"apiKey": "sk-any"})
    mapping = {"modelAlias": ALIAS, "providerId": made["id"], "actualModelName": "m"}
    await suite.call("POST", "/api/model-provider-mappings", mapping)
    await suite.settled()
    number: int = made["id"]
    return number


async def _leave(suite: Suite, provider: Provider, kind: str) -> str:
    """Leave a stream behind its first part; return the id of the request."""
    path, body = KINDS[kind]
    provider.gate.clear()
    async with suite.caller() as client, client.stream("POST", path, json=body) as answer:
        assert answer.status_code == 200, await answer.aread()
        async for _ in answer.aiter_bytes():
            break
    return answer.headers["x-request-id"]


async def _charge(suite: Suite, request_id: str) -> dict[str, Any]:
    """Return the one charge of a request, once it is there."""
    found: list[dict[str, Any]] = []

    async def is_there() -> bool:
        await suite.deliver_charges()
        page = await suite.call("GET", "/api/usage/charges", params={"requestId": request_id})
        found[:] = [each for each in page["charges"] if each["requestId"] == request_id]
        return bool(found)

    await eventually(is_there, seconds=20)
    (charge,) = found
    return charge


@pytest.mark.usefixtures("instance")
@pytest.mark.parametrize("kind", KINDS)
async def test_each_kind_of_stream_is_read_to_its_end(
    suite: Suite, provider: Provider, kind: str
) -> None:
    """Its charge has what the provider counts last, and tells that the caller has not all of it."""
    request_id = await _leave(suite, provider, kind)
    provider.gate.set()
    charge = await _charge(suite, request_id)
    assert (charge["usageSource"], charge["isComplete"]) == ("Provider", False)
    assert [int(line["quantity"]) for line in charge["lines"]] == [READ, WRITTEN]


async def test_an_instance_may_change_its_policy(
    suite: Suite, provider: Provider, instance: int
) -> None:
    """Taken back, it is as its type: OpenAI stops, so its streams are closed."""
    await suite.call("PATCH", f"/api/providers/{instance}", {"abortedStreams": None})
    await suite.settled()
    request_id = await _leave(suite, provider, "chat")
    charge = await _charge(suite, request_id)
    assert (charge["usageSource"], charge["isComplete"]) == ("Estimate", False)
    provider.gate.set()
    await suite.call("PATCH", f"/api/providers/{instance}", {"abortedStreams": "ReadToEnd"})
    await suite.settled()


async def test_types_tell_their_policy(suite: Suite) -> None:
    """Those that go on, and bill, though nobody listens."""
    types = (await suite.call("GET", "/api/provider-types"))["providerTypes"]
    policies = {each["name"]: each["abortedStreams"] for each in types}
    assert {policies[name] for name in ("OpenAI", "Anthropic", "DeepSeek")} == {"Estimate"}
    assert {policies[name] for name in ("Gemini", "Bedrock", "Groq")} == {"ReadToEnd"}
