"""A third party's provider that is spoken to over gRPC, through a router like any other."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import grpc
import orjson
import pytest
from tests.integration.router.conftest import Bench, Runner, chunks, instances, text
from tests.support.garbage import calls, no_collector, nothing_is_left
from tests.support.grpc_upstream import (
    Act,
    GrpcUpstream,
    failing,
    hang,
    retry_after,
    serve_grpc,
    then,
)
from tests.support.snapshots import ALIAS

from conduit.v1.fallback_chain_pb2 import FallbackChain, FallbackProvider
from conduit_kernel.errors import StreamInterrupted, UpstreamRateLimited
from conduit_providers.catalog import Catalog, load_catalog
from conduit_providers.catalog.codec_types import check_codec
from conduit_providers.codecs import codec_named

CODEC = '''
"""OpenAI's chats, each document a message."""

from conduit_providers.codecs.openai.chat import CODEC as OPENAI
from conduit_providers.codecs.openai.options import ChatOptions as Options
from conduit_providers.grpc_codec import messages_in
from conduit_providers.wire import GrpcMethod, GrpcRequest, HttpResponse


class Decoder:
    def __init__(self, inner):
        self._inner = inner

    emitted = property(lambda self: self._inner.emitted)
    skipped = property(lambda self: self._inner.skipped)
    has_finished = property(lambda self: self._inner.has_finished)
    usage = property(lambda self: self._inner.usage)
    done = property(lambda self: self._inner.done)

    def feed(self, data):
        return self._inner.feed(b"".join(b"data: %b\\n\\n" % each for each in messages_in(data)))

    def close(self):
        return self._inner.close()


class Codec:
    speaks_grpc = True

    def to_upstream(self, call, endpoint, target):
        body = OPENAI.to_upstream(call, endpoint, target).body
        name = "Tell" if call.stream else "Say"
        method = GrpcMethod(f"/acme.v1.Echo/{name}", streams_responses=call.stream)
        return GrpcRequest(method, (body,))

    def from_upstream(self, response, call, endpoint):
        [message] = messages_in(response.body)
        whole = HttpResponse(response.status, response.headers, message)
        return OPENAI.from_upstream(whole, call, endpoint)

    def decoder(self, call, endpoint):
        return Decoder(OPENAI.decoder(call, endpoint))


CODEC = Codec()
'''
TYPE = """
name = "Acme"
display_name = "Acme"
base_url = "https://grpc.acme.example"
sources = ["https://acme.example"]
checked_on = "2026-11-28"

[auth]
kind = "bearer"
description = "A key"

[endpoints.chat]
codec = "acme_grpc.chat"
path = "/"
"""
HEAD = {"id": "chatcmpl-1", "created": 1, "model": "echo"}
USAGE = {"prompt_tokens": 2, "completion_tokens": 1, "total_tokens": 3}
WHOLE = HEAD | {
    "object": "chat.completion",
    "choices": [
        {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
    ],
    "usage": USAGE,
}


def chunk(delta: dict[str, str], reason: str | None = None) -> bytes:
    """Return a piece of a streamed answer."""
    choice = {"index": 0, "delta": delta, "finish_reason": reason}
    return orjson.dumps(HEAD | {"object": "chat.completion.chunk", "choices": [choice]})


PIECES = (
    chunk({"role": "assistant", "content": "h"}),
    chunk({"content": "i"}),
    chunk({}, "stop"),
    orjson.dumps(HEAD | {"object": "chat.completion.chunk", "choices": [], "usage": USAGE}),
    b"[DONE]",
)


async def answer(messages: list[bytes], context: object) -> AsyncIterator[bytes]:
    """Answer a chat, whole or in pieces."""
    del context
    is_streamed = orjson.loads(messages[0]).get("stream")
    for piece in PIECES if is_streamed else (orjson.dumps(WHOLE),):
        yield piece


@pytest.fixture
def catalog(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Catalog:
    """Return a catalog with the third party's type."""
    package = tmp_path / "modules" / "acme_grpc"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    (package / "chat.py").write_text(CODEC)
    monkeypatch.syspath_prepend(package.parent)
    folder = tmp_path / "catalog"
    folder.mkdir()
    (folder / "acme.toml").write_text(TYPE)
    return load_catalog(folder)


async def running(
    bench: Runner, catalog: Catalog, upstream: GrpcUpstream, then: str = "", seconds: int = 0
) -> Bench:
    """Run a router on the provider, and perhaps the simulator behind it."""
    chain = FallbackChain(id=1, model_alias=ALIAS, is_enabled=True) if seconds else None
    if chain is not None:
        first = chain.providers.add(provider_id=1, priority=1)
        first.timeout.seconds = seconds
        chain.providers.append(FallbackProvider(provider_id=2, priority=2))
    source = instances(then or upstream.url, *["echo"] * (2 if then else 1), chain=chain)
    source.providers[0].provider_type = "Acme"
    source.providers[0].base_url = upstream.url
    return await bench(source, catalog=catalog)


@pytest.mark.usefixtures("catalog")
def test_codec_of_grpc_is_one_of_any_operation() -> None:
    """The catalog checks it as it checks others."""
    codec = codec_named("acme_grpc.chat")
    check_codec("chat", codec)
    with pytest.raises(ValueError, match="no codec of the operation 'embed'"):
        check_codec("embed", codec)


async def test_chats_are_answered_whole_and_streamed(bench: Runner, catalog: Catalog) -> None:
    """With a report and a charge each, as over HTTP."""
    async with serve_grpc(answer) as upstream:
        run = await running(bench, catalog, upstream)
        whole = await run.chat()
        assert text(whole) == "hi"
        assert (whole.report.provider_id, whole.report.attempts) == (1, 1)
        messages = await run.stream(stream_options={"include_usage": True})
        words = [
            choice["delta"].get("content", "")
            for each in chunks(messages)
            for choice in each["choices"]
        ]
        assert "".join(words) == "hi"
        assert messages[-1].finished.report.attempts == 1
        quantities = [{line.unit: line.quantity for line in c.lines} for c in run.charges()]
        assert len(quantities) == 2
        assert quantities[0] == quantities[1]
        assert {m["authorization"] for m in upstream.metadata} == {"Bearer sk-simulator-echo"}


FAILURES = [
    then(end=failing(grpc.StatusCode.UNAVAILABLE)),
    then(end=failing(grpc.StatusCode.RESOURCE_EXHAUSTED, "slow down", retry_after(30))),
    then(end=failing(grpc.StatusCode.UNAUTHENTICATED)),
    hang,
]


@pytest.mark.parametrize("act", FAILURES, ids=["away", "limited", "refused", "hangs"])
async def test_next_candidate_answers_where_the_first_fails(
    bench: Runner, catalog: Catalog, upstream: str, act: Act
) -> None:
    """Whatever the failure; the other one is of HTTP."""
    async with serve_grpc(act) as failing_one, asyncio.timeout(15):
        run = await running(bench, catalog, failing_one, upstream, seconds=1)
        assert (await run.chat()).report.provider_id == 2
        assert (await run.stream())[0].started.provider_id == 2
        assert failing_one.asked


@pytest.mark.parametrize("act", FAILURES, ids=["away", "limited", "refused", "hangs"])
async def test_an_attempt_that_fails_keeps_no_call(
    bench: Runner, catalog: Catalog, upstream: str, act: Act
) -> None:
    """Its error is gone with it: nobody waits for the garbage collector."""
    async with serve_grpc(act) as failing_one, asyncio.timeout(30):
        run = await running(bench, catalog, failing_one, upstream, seconds=1)
        with no_collector():
            before = calls()
            assert (await run.chat()).report.provider_id == 2
            await nothing_is_left(before)


async def test_pause_that_is_asked_for_reaches_the_caller(bench: Runner, catalog: Catalog) -> None:
    """As `Retry-After` does."""
    end = failing(grpc.StatusCode.RESOURCE_EXHAUSTED, "slow down", retry_after(30))
    async with serve_grpc(then(end=end)) as upstream:
        run = await running(bench, catalog, upstream)
        with pytest.raises(UpstreamRateLimited) as limited:
            await run.chat()
        assert limited.value.metadata["retry_after_ms"] == "30000"


async def test_cut_stream_ends_with_an_error(bench: Runner, catalog: Catalog) -> None:
    """And is charged for what was handed out."""
    act = then(*PIECES[:2], end=failing(grpc.StatusCode.INTERNAL, "broke"))
    async with serve_grpc(act) as upstream:
        run = await running(bench, catalog, upstream)
        with pytest.raises(StreamInterrupted):
            await run.stream()
        [charge] = run.charges()
        assert charge.lines


async def test_caller_who_leaves_ends_the_providers_work(bench: Runner, catalog: Catalog) -> None:
    """The call upstream is cancelled at once."""
    async with serve_grpc(hang) as upstream, asyncio.timeout(10):
        run = await running(bench, catalog, upstream)
        call = asyncio.create_task(run.chat())
        await upstream.arrived.wait()
        call.cancel()
        await asyncio.gather(call, return_exceptions=True)
        await upstream.left.wait()
