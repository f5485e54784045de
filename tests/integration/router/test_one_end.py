"""What ends a call, whole and streamed alike: deadlines, dialects, crashes of ours."""

import asyncio
import gc
import time
from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from google.protobuf.duration_pb2 import Duration
from tests.integration.router.conftest import METADATA, Bench, Runner, body
from tests.support.snapshots import key, mapping, provider, snapshot

from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.v1 import charge_pb2
from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.call_pb2 import CallOptions
from conduit_kernel.errors import (
    ConduitError,
    DeadlineExceeded,
    UnsupportedCapability,
    UpstreamError,
)
from conduit_kernel.http import Exchange, HttpServer
from conduit_router.calls.call_scope import CallScope

JSON = [(b"content-type", b"application/json")]
EVENTS = [(b"content-type", b"text/event-stream")]
NDJSON = [(b"content-type", b"application/x-ndjson")]
ANSWER = {
    "id": "c1",
    "object": "chat.completion",
    "created": 1,
    "model": "m",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    ],
    "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
}
PIECE = b'data: {"id":"c1","choices":[{"index":0,"delta":{"content":"x"}}]}\n\n'
CUSTOM_TOOL = {"type": "custom", "custom": {"name": "shell", "format": {"type": "text"}}}
PICTURE = [(b"content-type", b"image/png")]


class Upstream:
    """Several providers at one address; the first part of the path says which."""

    def __init__(self) -> None:
        self.address = ""
        self.paths: list[str] = []

    async def __call__(self, exchange: Exchange) -> None:
        """Answer as the path says."""
        self.paths.append(exchange.path)
        match exchange.path.split("/")[1]:
            case "drip":
                await self._drip(exchange)
            case "lines":
                exchange.respond(200, NDJSON, _lines(200))
            case "broken":
                exchange.respond(500, JSON, b"{}")
            case "picture.png":
                exchange.respond(200, PICTURE, b"png")
            case "named":
                exchange.respond(200, [*JSON, (b"x-request-id", b"up-1")], orjson.dumps(ANSWER))
            case _:
                exchange.respond(200, JSON, orjson.dumps(ANSWER))

    async def _drip(self, exchange: Exchange) -> None:
        stream = exchange.start(200, EVENTS if b"true" in exchange.body else JSON)
        for _ in range(100):
            stream.write(PIECE if b"true" in exchange.body else b" ")
            await asyncio.sleep(0.05)
        stream.finish()


def _lines(count: int) -> bytes:
    words = b'{"model":"m","created_at":"2026-01-01T00:00:00Z","message":{"content":"%b"},'
    return (words % b"x" + b'"done":false}\n') * count + words % b"" + b'"done":true}\n'


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    """Run the providers."""
    made = Upstream()
    server = HttpServer(made)
    await server.start("127.0.0.1", 0)
    made.address = f"http://127.0.0.1:{server.port}"
    yield made
    await server.drain(0.1)


def configured(upstream: Upstream, *kinds: tuple[str, str]) -> Snapshot:
    """Return a configuration of provider types at paths, in order of priority."""
    providers = [
        provider(i, f"{upstream.address}/{path}", provider_type=kind, priority=i)
        for i, (kind, path) in enumerate(kinds, 1)
    ]
    return snapshot(
        providers,
        keys=[key(p.id, p.id) for p in providers],
        mappings=[mapping(p.id, p.id) for p in providers],
    )


async def ask(run: Bench, *, stream: bool, seconds: float = 0, **members: Any) -> list[Any]:  # noqa: ANN401 # JSON
    """Ask whole or streamed; return all messages of the answer."""
    options = CallOptions(timeout=Duration(nanos=int(seconds * 1e9))) if seconds else None
    raw = body("gpt", **members, **({"stream": True} if stream else {}))
    if not stream:
        return [await run.stub.Chat(pb.ChatRequest(json=raw, options=options), METADATA)]
    request = pb.StreamChatRequest(json=raw, options=options)
    return [message async for message in run.stub.StreamChat(request, METADATA)]


@pytest.mark.parametrize("stream", [False, True])
async def test_a_dripping_answer_ends_with_the_callers_time(
    bench: Runner, upstream: Upstream, *, stream: bool
) -> None:
    """The deadline bounds body and relay too, and says nothing against the provider."""
    run = await bench(configured(upstream, ("OpenAI", "drip")))
    for _ in range(6):
        began = time.monotonic()
        with pytest.raises(DeadlineExceeded):
            await ask(run, stream=stream, seconds=0.2)
        assert time.monotonic() - began < 4
    # Its circuit is closed: the next call is sent, and ends in the same way.
    with pytest.raises(DeadlineExceeded):
        await ask(run, stream=stream, seconds=0.2)
    assert len(upstream.paths) == 7
    assert [charge.is_complete for charge in run.charges()] == [False] * 7


@pytest.mark.parametrize("order", [("Cohere", "OpenAI"), ("OpenAI", "Cohere")])
async def test_a_dialect_that_cannot_say_a_request_is_passed_over(
    bench: Runner, upstream: Upstream, order: tuple[str, str]
) -> None:
    """Whatever the order of the two; the one that was passed over was no attempt."""
    run = await bench(configured(upstream, *((kind, kind) for kind in order)))
    [answer] = await ask(run, stream=False, tools=[CUSTOM_TOOL])
    assert (answer.report.attempts, answer.report.fallbacks) == (1, 0)
    assert {path.split("/")[1] for path in upstream.paths} == {"OpenAI"}
    assert len(run.charges()) == 1


async def test_what_no_dialect_can_say_is_refused_with_its_reason(
    bench: Runner, upstream: Upstream
) -> None:
    """When none is left; nothing was sent."""
    run = await bench(configured(upstream, ("Cohere", "a"), ("Cohere", "b")))
    with pytest.raises(UnsupportedCapability, match="free-form"):
        await ask(run, stream=False, tools=[CUSTOM_TOOL])
    assert upstream.paths == []
    assert run.charges() == []


async def test_a_failure_is_told_rather_than_what_another_could_not_say(
    bench: Runner, upstream: Upstream
) -> None:
    """The candidate that could be asked had its say."""
    run = await bench(configured(upstream, ("Cohere", "a"), ("OpenAI", "broken")))
    with pytest.raises(UpstreamError):
        await ask(run, stream=False, tools=[CUSTOM_TOOL])


async def test_pieces_of_lines_are_charged_as_pieces(bench: Runner, upstream: Upstream) -> None:
    """200 pieces over NDJSON, uncounted by the provider, are about 200 tokens and not one."""
    run = await bench(configured(upstream, ("Ollama", "lines")))
    await ask(run, stream=True)
    [charge] = run.charges()
    assert charge.usage_source == charge_pb2.USAGE_SOURCE_ESTIMATE
    written = {line.unit: line.quantity for line in charge.lines}[charge_pb2.UNIT_OUTPUT_TOKEN]
    assert 200 <= written <= 205


async def test_media_is_fetched_once_for_all_attempts(bench: Runner, upstream: Upstream) -> None:
    """The second candidate gets what the first one had fetched."""
    run = await bench(
        configured(upstream, ("Ollama", "broken"), ("Ollama", "broken")), allow_private_media=True
    )
    url = f"{upstream.address}/picture.png"
    content = [{"type": "image_url", "image_url": {"url": url}}]
    with pytest.raises(ConduitError):
        await ask(run, stream=False, messages=[{"role": "user", "content": content}])
    assert upstream.paths.count("/picture.png") == 1
    assert len(upstream.paths) > 2


async def test_the_providers_id_of_a_request_is_reported(bench: Runner, upstream: Upstream) -> None:
    """So that its support can be asked about it."""
    run = await bench(configured(upstream, ("OpenAI", "named")))
    [answer] = await ask(run, stream=False)
    assert answer.report.upstream_request_id == "up-1"


def _scopes() -> list[CallScope]:
    return [each for each in gc.get_objects() if isinstance(each, CallScope)]


async def test_a_failed_call_leaves_nothing_to_the_cycle_collector(
    bench: Runner, upstream: Upstream
) -> None:
    """Its body may be large, and the collector comes seldom."""
    run = await bench(configured(upstream, ("OpenAI", "broken")))
    gc.collect()
    before = set(map(id, _scopes()))
    gc.disable()
    try:
        with pytest.raises(UpstreamError):
            await ask(run, stream=False)
        left = [scope for scope in _scopes() if id(scope) not in before]
    finally:
        gc.enable()
    assert left == []
