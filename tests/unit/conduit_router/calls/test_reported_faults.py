"""What users of other gateways have met with timeouts and retries, tried here."""

import time
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from tests.support.call_bench import BODY, PRINCIPAL, Bench
from tests.support.scripted_upstream import (
    JSON,
    Act,
    ScriptedUpstream,
    hang,
    open_transport,
    serve,
    stream,
)
from tests.support.snapshots import ALIAS, compiled, key, provider, snapshot
from tests.support.stream_calls import DONE, FINISH, USAGE, WHOLE, piece
from tests.support.stream_page import Page

from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.call_pb2 import CallOptions
from conduit.v1.fallback_chain_pb2 import FallbackChain
from conduit.v1.routing_policy_pb2 import (
    FAILURE_CLASS_RATE_LIMITED,
    FAILURE_CLASS_TIMEOUT,
    STREAM_FAILOVER_CONTINUE,
    RetryPolicy,
)
from conduit_kernel.http import Exchange
from conduit_providers.operations.chat import OPERATION
from conduit_router.calls.streaming import StreamingCalls

SHORT = Duration(nanos=200_000_000)
KEEP_ALIVE = b": keep-alive\n\n"


class Caller:
    """Streams chats of two instances in order, or of one, and keeps what came."""

    def __init__(self, bench: Bench) -> None:
        self._calls = StreamingCalls(bench.runtime, OPERATION, pb.StreamChatResponse)
        self.page = Page()

    async def ask(self, options: CallOptions | None = None) -> int:
        """Read a stream to its end; return the instance that began it."""
        self.page = Page()
        await self._calls.plain(BODY, PRINCIPAL, "req_1", self.page.start, options)
        assert self.page.is_finished
        return self.page.summaries[0].served_by.provider_id


def serving(bench: Bench, *upstreams: ScriptedUpstream, retries: RetryPolicy | None = None) -> None:
    """Let the alias be served by these, in order."""
    numbered = list(enumerate(upstreams, 1))
    chain = FallbackChain(
        id=1, model_alias=ALIAS, is_enabled=True, retries=[retries] if retries else []
    )
    providers = [provider(i, each.url, priority=i) for i, each in numbered]
    keys = [key(i, i) for i, _ in numbered]
    bench.runtime.table = compiled(snapshot(providers, keys=keys, chains=[chain]))


def limited(wait_ms: int) -> Act:
    """Ask to slow down."""

    async def act(exchange: Exchange) -> None:
        headers = [*JSON, (b"retry-after-ms", b"%d" % wait_ms)]
        exchange.respond(429, headers, b'{"error":{"message":"slow down"}}')

    return act


@pytest.mark.parametrize(
    "act", [hang, stream(*[KEEP_ALIVE] * 300)], ids=["silence", "comments alone"]
)
async def test_signs_of_life_are_no_first_token(tmp_path: Path, act: Act) -> None:
    """A provider that keeps its stream alive and says nothing is left for the next one."""
    async with serve(act) as first, serve(WHOLE) as second, open_transport() as transport:
        bench = Bench(tmp_path, transport=transport)
        serving(bench, first, second)
        caller = Caller(bench)
        assert await caller.ask(CallOptions(first_token_timeout=SHORT)) == 2
    bench.spool.close()


async def test_a_stream_may_last_longer_than_its_first_token_may_take(tmp_path: Path) -> None:
    """Each limit is about its own phase."""
    long = stream(*[piece("word ")] * 80, FINISH, USAGE, DONE)
    async with serve(long) as first, serve(WHOLE) as second, open_transport() as transport:
        bench = Bench(tmp_path, transport=transport)
        serving(bench, first, second)
        caller, began = Caller(bench), time.monotonic()
        assert await caller.ask(CallOptions(first_token_timeout=SHORT)) == 1
        assert time.monotonic() - began > 0.3
        assert caller.page.events.count(b"word ") == 80
    bench.spool.close()


async def test_a_stream_that_freezes_is_gone_on_with(tmp_path: Path) -> None:
    """After the caller's limit between two pieces, where the policy is to continue."""
    frozen = stream(piece("Hello"), piece(" wor"), is_held=True)
    async with serve(frozen) as first, serve(WHOLE) as second, open_transport() as transport:
        bench = Bench(tmp_path, transport=transport)
        serving(bench, first, second)
        caller = Caller(bench)
        options = CallOptions(idle_timeout=SHORT, stream_failover=STREAM_FAILOVER_CONTINUE)
        assert await caller.ask(options) == 1
        assert len(second.paths) == 1
        assert b"ld!" in caller.page.events
    bench.spool.close()


async def test_an_only_provider_that_is_silent_may_be_asked_again(tmp_path: Path) -> None:
    """Where its policy says so for timeouts."""
    rule = RetryPolicy(failure=FAILURE_CLASS_TIMEOUT, attempts=3, wait=Duration(nanos=1_000_000))
    async with serve(hang, hang, WHOLE) as only, open_transport() as transport:
        bench = Bench(tmp_path, transport=transport)
        serving(bench, only, retries=rule)
        caller = Caller(bench)
        assert await caller.ask(CallOptions(first_token_timeout=SHORT)) == 1
        assert len(only.paths) == 3
    bench.spool.close()


async def test_retry_after_is_a_floor_at_the_same_provider(tmp_path: Path) -> None:
    """However short the pauses of its policy are."""
    rule = RetryPolicy(
        failure=FAILURE_CLASS_RATE_LIMITED, attempts=2, wait=Duration(nanos=1_000_000)
    )
    async with serve(limited(700), WHOLE) as only, open_transport() as transport:
        bench = Bench(tmp_path, transport=transport)
        serving(bench, only, retries=rule)
        began = time.monotonic()
        assert await Caller(bench).ask() == 1
        assert time.monotonic() - began >= 0.7
    bench.spool.close()


async def test_a_hard_limit_turns_no_caller_away_and_is_not_asked_each_time(tmp_path: Path) -> None:
    """Everybody is served by the next one, while the first rests."""
    async with (
        serve(limited(3_600_000)) as first,
        serve(WHOLE) as second,
        open_transport() as transport,
    ):
        bench = Bench(tmp_path, transport=transport)
        serving(bench, first, second)
        caller = Caller(bench)
        assert [await caller.ask() for _ in range(5)] == [2] * 5
        assert len(first.paths) == 1
    bench.spool.close()
