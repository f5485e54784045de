"""Calls to a gRPC service: bounded, cancelled with their callers, and failing by class."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import grpc
import pytest
from google.rpc.error_details_pb2 import QuotaFailure
from tests.support.grpc_upstream import (
    COLLECT,
    SAY,
    TELL,
    Act,
    Context,
    GrpcUpstream,
    echo,
    failing,
    hang,
    retry_after,
    serve_grpc,
    then,
    wait,
)
from tests.support.sending import open_sender
from tests.support.snapshots import compiled, provider, snapshot

from conduit_kernel.errors import (
    InvalidApiKey,
    UpstreamError,
    UpstreamModelNotFound,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from conduit_kernel.http import BodyCut, IdleTimeout, Timeouts, TotalTimeout
from conduit_providers.grpc_codec import messages_in
from conduit_providers.jobs import Job, JobRequest
from conduit_providers.redaction import Redactor
from conduit_providers.spec import ProviderSpec
from conduit_providers.wire import GrpcMethod, GrpcRequest
from conduit_router.jobs.grpc_calls import GrpcCalls
from conduit_router.jobs.message_source import BUFFER_BYTES
from conduit_router.jobs.runner import JobRunner
from conduit_router.routing.table import UpstreamTarget
from conduit_router.upstream.grpc_channels import GrpcChannels
from conduit_router.upstream.grpc_connector import GrpcConnector
from conduit_router.upstream.token_refresh import TokenRefresher
from conduit_router.upstream.transport import Transport

TIMES = Timeouts(5.0, 5.0, 5.0, 10.0)


@pytest.fixture
async def calls() -> AsyncIterator[GrpcCalls]:
    """Return what makes calls, to any address."""
    channels, clock = GrpcChannels(), asyncio.get_running_loop().time
    async with open_sender() as sender:
        refresher = TokenRefresher(clock, sender)
        yield GrpcCalls(GrpcConnector(channels, refresher, clock))
        await channels.close()
        await refresher.close()


def target(url: str) -> tuple[UpstreamTarget, ProviderSpec]:
    """Return an instance's target with a key, and its type."""
    instance = compiled(snapshot([provider(1, url)])).instances[1]
    return instance.keys[0].endpoint("chat"), instance.spec


def with_key(upstream: UpstreamTarget, secret: str) -> UpstreamTarget:
    """Return a target whose key has this value."""
    return replace(upstream, redactor=Redactor(secret))


def request(method: GrpcMethod, *messages: bytes) -> GrpcRequest:
    """Return a call with metadata of its own."""
    return GrpcRequest(method, messages, (("x-acme", "1"),))


@pytest.mark.parametrize(
    ("method", "messages", "answers"),
    [
        (SAY, [b"hello"], [b"hello"]),
        (COLLECT, [b"a", b"b"], [b"a"]),
        (TELL, [b"hello"], [b"hello"]),
    ],
)
async def test_answer_has_all_messages_and_metadata(
    calls: GrpcCalls, method: GrpcMethod, messages: list[bytes], answers: list[bytes]
) -> None:
    """Of each kind of method; the key goes along as it does over HTTP."""
    async with serve_grpc() as upstream:
        response, headers = await calls.ask(
            *target(upstream.url), request(method, *messages), TIMES
        )
        assert list(messages_in(response.body)) == answers
        assert response.headers["x-request-id"] == "up-1"
        assert headers.get(b"x-request-id") == b"up-1"
        assert upstream.asked == [messages]
        [metadata] = upstream.metadata
        assert (metadata["x-acme"], metadata["authorization"]) == ("1", "Bearer sk-1")


@pytest.mark.parametrize("method", [SAY, TELL])
async def test_answers_do_not_repeat_the_key(calls: GrpcCalls, method: GrpcMethod) -> None:
    """They are as long as they were, so that messages end where they did."""
    async with serve_grpc() as upstream:
        where, spec = target(upstream.url)
        asked = request(method, b"a secret-7 b")
        response, _ = await calls.ask(with_key(where, "secret-7"), spec, asked, TIMES)
        assert list(messages_in(response.body)) == [b"a [redacte b"]


@pytest.mark.parametrize(
    ("code", "error"),
    [
        (grpc.StatusCode.UNAVAILABLE, UpstreamError),
        (grpc.StatusCode.INTERNAL, UpstreamError),
        (grpc.StatusCode.UNKNOWN, UpstreamError),
        (grpc.StatusCode.UNAUTHENTICATED, InvalidApiKey),
        (grpc.StatusCode.INVALID_ARGUMENT, UpstreamRefused),
        (grpc.StatusCode.NOT_FOUND, UpstreamModelNotFound),
        (grpc.StatusCode.RESOURCE_EXHAUSTED, UpstreamRateLimited),
    ],
)
@pytest.mark.parametrize("method", [SAY, TELL])
async def test_status_is_an_error_by_class(
    calls: GrpcCalls, code: grpc.StatusCode, error: type[UpstreamError], method: GrpcMethod
) -> None:
    """The same whether the call is answered whole or would have been streamed."""
    async with serve_grpc(then(end=failing(code, "as you see"))) as upstream:
        for make in (calls.ask, calls.open):
            with pytest.raises(UpstreamError) as raised:
                await make(*target(upstream.url), request(method, b""), TIMES)
            assert type(raised.value) is error
            if error is not InvalidApiKey:
                assert "as you see" in raised.value.message
            assert raised.value.metadata["upstream_code"] == code.name


async def test_status_behind_messages_is_an_error_by_class(calls: GrpcCalls) -> None:
    """Half an answer is none; why it ended is told as if nothing had come."""
    act = then(b"one", end=failing(grpc.StatusCode.RESOURCE_EXHAUSTED, "slow", retry_after(7)))
    async with serve_grpc(act) as upstream:
        with pytest.raises(UpstreamRateLimited, match="slow") as raised:
            await calls.ask(*target(upstream.url), request(TELL, b""), TIMES)
    assert raised.value.metadata["retry_after_ms"] == "7000"


async def test_metadata_of_the_end_is_the_answers_too(calls: GrpcCalls) -> None:
    """Of a call without a message as well."""

    async def tell(context: Context) -> None:
        context.set_trailing_metadata((("x-left", "3"),))
        await nothing(context)

    for answers in ([b"one"], []):
        async with serve_grpc(then(*answers, end=tell)) as upstream:
            answer, headers = await calls.ask(*target(upstream.url), request(TELL, b""), TIMES)
        assert list(messages_in(answer.body)) == answers
        assert answer.headers["x-left"] == "3"
        assert headers.get(b"x-left") == b"3"


async def test_pause_that_is_asked_for_is_kept(calls: GrpcCalls) -> None:
    """Google's details of a status say for how long, and of which quota."""
    details = (retry_after(7), QuotaFailure())
    act = then(end=failing(grpc.StatusCode.RESOURCE_EXHAUSTED, "slow down", *details))
    async with serve_grpc(act) as upstream:
        with pytest.raises(UpstreamRateLimited) as raised:
            await calls.ask(*target(upstream.url), request(SAY, b""), TIMES)
    assert raised.value.metadata["retry_after_ms"] == "7000"


@pytest.mark.parametrize("method", [SAY, TELL])
async def test_provider_that_hangs_is_a_timeout(calls: GrpcCalls, method: GrpcMethod) -> None:
    """Of ours, and the provider hears that nobody waits any more."""
    for times, make in (
        (Timeouts(5.0, 5.0, 5.0, 0.2), calls.ask),
        (Timeouts(5.0, 0.2, 5.0, 9.0), calls.open),
    ):
        async with serve_grpc(hang) as upstream:
            async with asyncio.timeout(4):
                with pytest.raises(UpstreamTimeout):
                    await make(*target(upstream.url), request(method, b""), times)
                await upstream.left.wait()


async def test_nobody_there_is_unreachable(calls: GrpcCalls) -> None:
    """Known at once, not when the time is up."""
    async with asyncio.timeout(3):
        with pytest.raises(UpstreamUnreachable):
            await calls.ask(*target("http://127.0.0.1:1"), request(SAY, b""), TIMES)


async def read_all(calls: GrpcCalls, upstream: GrpcUpstream, times: Timeouts) -> list[bytes]:
    """Stream an answer to its end."""
    response = await calls.open(*target(upstream.url), request(TELL, b"x"), times)
    found: list[bytes] = []
    try:
        while data := await response.next():
            found += messages_in(data)
    finally:
        response.close()
    return found


async def nothing(_context: object) -> None:
    """End well."""


async def test_stream_comes_message_by_message(calls: GrpcCalls) -> None:
    """Whatever their number; an empty stream is no error of its own."""
    for answers in ([b"one", b"", b"three"], []):
        async with serve_grpc(then(*answers, end=nothing)) as upstream:
            assert await read_all(calls, upstream, TIMES) == answers


@pytest.mark.parametrize(
    ("act", "times", "error"),
    [
        (then(b"one", end=failing(grpc.StatusCode.UNAVAILABLE)), TIMES, BodyCut),
        (then(b"one", end=wait), Timeouts(5.0, 5.0, 0.2, 9.0), IdleTimeout),
        (then(b"one", end=wait), Timeouts(5.0, 5.0, 5.0, 0.5), TotalTimeout),
    ],
    ids=["cut", "stalled", "late"],
)
async def test_stream_that_breaks_off_never_looks_whole(
    calls: GrpcCalls, act: Act, times: Timeouts, error: type[Exception]
) -> None:
    """What came before is handed out, and then the failure, as of any stream."""
    async with serve_grpc(act) as upstream, asyncio.timeout(5):
        response = await calls.open(*target(upstream.url), request(TELL, b"x"), times)
        assert list(messages_in(await response.next())) == [b"one"]
        with pytest.raises(error):
            await response.next()
        response.close()


async def test_stream_that_is_closed_is_cancelled(calls: GrpcCalls) -> None:
    """The provider need not go on for nobody."""
    async with serve_grpc(then(b"one", end=wait)) as upstream, asyncio.timeout(30):
        response = await calls.open(*target(upstream.url), request(TELL, b"x"), TIMES)
        response.close()
        await upstream.left.wait()


async def test_provider_is_read_no_faster_than_its_stream_is_taken(calls: GrpcCalls) -> None:
    """A slow reader holds it back, instead of filling the memory; all comes in the end."""
    sent = 0
    message = bytes(BUFFER_BYTES // 2)

    async def flood(_messages: list[bytes], _context: object) -> AsyncIterator[bytes]:
        nonlocal sent
        for _ in range(200):
            yield message
            sent += 1

    async with serve_grpc(flood) as upstream, asyncio.timeout(20):
        response = await calls.open(*target(upstream.url), request(TELL, b"x"), TIMES)
        await asyncio.sleep(0.3)
        assert sent < 100
        count = 0
        while data := await response.next():
            count += len(list(messages_in(data)))
        response.close()
        assert count == 200


def job() -> Job[bytes]:
    """Make one call."""
    response = yield JobRequest(request(SAY, b"x"))
    return response.body


async def test_caller_who_leaves_takes_its_call_along(calls: GrpcCalls) -> None:
    """At once: a call begins nothing that would have to be cancelled by name."""
    del calls
    clock = asyncio.get_running_loop().time
    async with open_sender() as sender, serve_grpc(hang) as upstream, asyncio.timeout(5):
        refresher, channels = TokenRefresher(clock, sender), GrpcChannels()
        transport = Transport(None, None, refresher, clock, channels)  # type: ignore[arg-type] # nothing goes over HTTP
        jobs = JobRunner(transport, clock)
        task = asyncio.create_task(jobs.run(job(), *target(upstream.url), 30.0))
        await upstream.arrived.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        await upstream.left.wait()
        await jobs.close(1)
        await channels.close()


async def test_job_of_a_call_comes_to_its_answer(calls: GrpcCalls) -> None:
    """Its answer is sent to it as that of any step."""
    del calls
    clock = asyncio.get_running_loop().time
    async with open_sender() as sender, serve_grpc(echo) as upstream:
        refresher, channels = TokenRefresher(clock, sender), GrpcChannels()
        transport = Transport(None, None, refresher, clock, channels)  # type: ignore[arg-type] # as above
        body, _ = await JobRunner(transport, clock).run(job(), *target(upstream.url), 5.0)
        await channels.close()
    assert list(messages_in(body)) == [b"x"]
