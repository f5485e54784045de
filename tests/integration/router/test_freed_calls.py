"""Calls that failed are freed with their bodies at once: nobody waits for the garbage collector."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Iterator
from contextlib import asynccontextmanager

import orjson
import pytest
from google.protobuf.duration_pb2 import Duration
from tests.integration.router.conftest import METADATA, Bench, Runner
from tests.integration.router.test_batches import Upstream, bedrock, embed
from tests.integration.router.test_jobs import Replicate
from tests.support.garbage import calls, no_collector, nothing_is_left
from tests.support.scripted_upstream import Act, answer, hang, serve
from tests.support.snapshots import ALIAS, key, mapping, provider, snapshot

from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.call_pb2 import CallOptions
from conduit.v1.fallback_chain_pb2 import FallbackChain
from conduit.v1.provider_pb2 import ABORTED_STREAM_POLICY_READ_TO_END
from conduit.v1.routing_policy_pb2 import Hedging
from conduit_kernel.errors import ConduitError
from conduit_kernel.http import Exchange, HttpServer

SAID = {"role": "user", "content": "hello " * 1000}
CHAT = orjson.dumps({"model": ALIAS, "messages": [SAID]})
PICTURE = {"type": "image_url", "image_url": {"url": "http://127.0.0.1:1/a.png"}}
SEEN = orjson.dumps({"model": ALIAS, "messages": [{"role": "user", "content": [PICTURE]}]})


@pytest.fixture(autouse=True)
def nobody_looks() -> Iterator[None]:
    """Have nobody look for garbage."""
    with no_collector():
        yield None


async def reason_of(call: Awaitable[object]) -> str:
    """Return the reason of a call's error, empty if it is answered."""
    try:
        await call
    except ConduitError as error:
        return error.reason
    return ""


async def chat(run: Bench, body: bytes = CHAT, seconds: float = 0.0) -> str:
    """Return the reason why a chat failed."""
    options = CallOptions()
    if seconds:
        options.timeout.CopyFrom(Duration(nanos=int(seconds * 1e9)))
    return await reason_of(run.stub.Chat(pb.ChatRequest(json=body, options=options), METADATA))


@asynccontextmanager
async def served(upstream: Upstream | Replicate) -> AsyncIterator[None]:
    """Run a provider."""
    server = HttpServer(upstream)
    await server.start("127.0.0.1", 0)
    upstream.address = f"http://127.0.0.1:{server.port}"
    try:
        yield
    finally:
        if isinstance(upstream, Upstream):
            upstream.release.set()
        await server.drain(0.1)


@pytest.mark.parametrize(
    ("refusals", "held", "expected"),
    [({"3": 400}, set(), "PROVIDER_REFUSED"), ({}, {"3"}, "DEADLINE_EXCEEDED")],
    ids=["refused", "late"],
)
async def test_of_several_requests_none_keeps_the_call(
    bench: Runner, refusals: dict[str, int], held: set[str], expected: str
) -> None:
    """Neither the one that failed nor those that were called off for it."""
    upstream = Upstream(refusals=refusals, held=held)
    async with served(upstream):
        run, before = await bedrock(bench, upstream), calls()
        assert await reason_of(embed(run, 20, seconds=1)) == expected
        await nothing_is_left(before)


@pytest.mark.parametrize(
    ("replicate", "expected"),
    [
        (Replicate(refusals={"create": 422}), "PROVIDER_REFUSED"),
        (Replicate(looks=["500"]), "DEADLINE_EXCEEDED"),
        (Replicate(looks=["failed"], error="CUDA out of memory"), "PROVIDER_ERROR"),
        (Replicate(looks=["processing"]), "DEADLINE_EXCEEDED"),
    ],
    ids=["not begun", "not seen", "failed", "late"],
)
async def test_a_job_that_fails_keeps_no_call(
    bench: Runner, replicate: Replicate, expected: str
) -> None:
    """Wherever it fails."""
    async with served(replicate):
        one = provider(1, replicate.address, provider_type="Replicate")
        routes = [mapping(1, 1, actual_model_name="meta/llama")]
        run, before = await bench(snapshot([one], keys=[key(1, 1)], mappings=routes)), calls()
        assert await chat(run, seconds=2.0) == expected
        await nothing_is_left(before)


async def hedged(bench: Runner, url: str) -> Bench:
    """Run a router that asks a second candidate beside a slow one."""
    hedging = Hedging(delay=Duration(nanos=50_000_000), budget=1.0)
    chain = FallbackChain(id=1, model_alias=ALIAS, is_enabled=True, hedging=hedging)
    both = [provider(i, f"{url}/{i}", priority=i) for i in (1, 2)]
    keys = [key(each.id, each.id) for each in both]
    routes = [mapping(each.id, each.id) for each in both]
    return await bench(snapshot(both, keys=keys, mappings=routes, chains=[chain]))


def late(act: Act) -> Act:
    """Do it once a second candidate is asked, too."""

    async def wait(exchange: Exchange) -> None:
        await asyncio.sleep(0.2)
        await act(exchange)

    return wait


FAILED, WELL = (
    answer(b"{}", 500),
    answer(
        b'{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,'
        b'"message":{"role":"assistant","content":"hi"},"finish_reason":"stop"}]}'
    ),
)


@pytest.mark.parametrize(
    ("acts", "fails"),
    [
        ((hang, FAILED, hang), True),
        ((late(FAILED), late(FAILED), FAILED), True),
        ((late(FAILED), WELL), False),
        ((hang, WELL), False),
        ((hang, hang), True),
    ],
    ids=["one fails", "both fail", "the second wins", "the first is silent", "both are silent"],
)
async def test_of_two_candidates_at_once_none_keeps_the_call(
    bench: Runner, acts: tuple[Act, ...], *, fails: bool
) -> None:
    """Neither who loses nor who fails."""
    async with serve(*acts) as upstream:
        run, before = await hedged(bench, upstream.url), calls()
        assert bool(await chat(run, seconds=1.5)) is fails
        await nothing_is_left(before)


@pytest.mark.parametrize("act", [hang, answer(b"{}", 500), answer(b"{}", 400)])
async def test_an_answer_that_would_be_waited_for_keeps_no_call(bench: Runner, act: Act) -> None:
    """Where its provider bills what nobody listens to, and its caller does not leave."""
    async with serve(act) as upstream:
        one = provider(1, upstream.url, aborted_streams=ABORTED_STREAM_POLICY_READ_TO_END)
        run, before = await bench(snapshot([one], keys=[key(1, 1)])), calls()
        assert await chat(run, seconds=1.0)
        await nothing_is_left(before)


async def test_files_that_are_not_to_be_had_keep_no_call(bench: Runner) -> None:
    """However many the request names."""
    one = provider(1, "http://127.0.0.1:1", provider_type="Gemini")
    run, before = await bench(snapshot([one], keys=[key(1, 1)])), calls()
    assert await chat(run, SEEN) == "INVALID_REQUEST"
    await nothing_is_left(before)
