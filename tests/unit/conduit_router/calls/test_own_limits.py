"""Whose limit passed: a caller's own is no evidence, an operator's is."""

from collections.abc import Mapping
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from tests.support.call_bench import BODY, CALLER, PRINCIPAL, Bench
from tests.support.scripted_upstream import (
    Act,
    answer,
    drip,
    hang,
    open_transport,
    serve,
    stream,
)
from tests.support.snapshots import compiled, key, mapping, provider, snapshot
from tests.support.stream_calls import WHOLE, piece
from tests.support.stream_page import Page

from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.call_pb2 import CallOptions
from conduit.v1.error_reason_pb2 import ERROR_REASON_PROVIDER_TIMEOUT
from conduit.v1.routing_policy_pb2 import (
    STREAM_FAILOVER_CONTINUE,
    STREAM_FAILOVER_FAIL,
    STREAM_FAILOVER_RESTART,
)
from conduit.v1.timeouts_pb2 import Timeouts
from conduit_kernel.errors import ConduitError, InvalidRequest, StreamInterrupted, UpstreamTimeout
from conduit_providers.operations.chat import OPERATION, chat_request
from conduit_router.calls.attempt_ends import end_failed
from conduit_router.calls.call_scope import admit
from conduit_router.calls.own_limits import is_own_limit
from conduit_router.calls.streaming import StreamingCalls
from conduit_router.calls.unary import UnaryCalls

ANSWER = (
    b'{"id":"c1","object":"chat.completion","created":1,"model":"m","choices":[{"index":0,"message":'
    b'{"role":"assistant","content":"hi"},"finish_reason":"stop"}],'
    b'"usage":{"prompt_tokens":1,"completion_tokens":1,"total_tokens":2}}'
)
SHORT = Duration(nanos=150_000_000)
STALLED = stream(piece("Hel"), is_held=True)
LONG = stream(piece("Hello"), piece(" wor"), *[b": wait\n\n"] * 300)


def seconds(number: float) -> Duration:
    """Return a duration."""
    return Duration(nanos=int(number * 1e9))


def limited(bench: Bench, url: str, **own: Duration) -> None:
    """Give the first of two instances timeouts of its mapping's."""
    chain = [provider(i, f"{url}/{i}", priority=i) for i in (1, 2)]
    mappings = [mapping(1, 1, timeouts=Timeouts(**own)), mapping(2, 2)]
    keys = [key(i, i) for i in (1, 2)]
    bench.runtime.table = compiled(snapshot(chain, keys=keys, mappings=mappings))


def late(limit: str) -> UpstreamTimeout:
    """Return the failure of an attempt that met a limit."""
    return UpstreamTimeout("late", provider="p1", limit=limit)


OWN: Mapping[str, float] = {"connect": 0.2, "first_token": 0.2, "idle": 0.2, "total": 0.2}


@pytest.mark.parametrize("limit", ["connect", "first_token", "idle", "total"])
@pytest.mark.parametrize(
    ("asked", "own", "is_callers"),
    [
        ({}, {}, False),
        ({}, OWN, False),
        ({"connect": 0.1, "first_token": 0.1, "idle": 0.1, "total": 0.1}, {}, True),
        ({"connect": 0.1, "first_token": 0.1, "idle": 0.1, "total": 0.1}, OWN, True),
        ({"connect": 0.3, "first_token": 0.3, "idle": 0.3, "total": 0.3}, OWN, False),
    ],
    ids=["none", "the mapping's", "the caller's", "the caller's below it", "above it"],
)
def test_the_shorter_limit_is_the_one_that_passed(
    tmp_path: Path, limit: str, asked: dict[str, float], own: dict[str, float], *, is_callers: bool
) -> None:
    """The operator's caps the caller's, and then it is the operator's that passes."""
    bench = Bench(tmp_path)
    limited(bench, "http://127.0.0.1:1", **{name: seconds(each) for name, each in own.items()})
    names = {"total": "attempt_timeout"}
    options = CallOptions(
        **{names.get(name, f"{name}_timeout"): seconds(each) for name, each in asked.items()}  # type: ignore[arg-type] # a name
    )
    form = chat_request(json=BODY)
    with admit(bench.runtime, OPERATION, form, options, CALLER, stream=True) as scope:
        attempt = bench.begun(scope)
        assert is_own_limit(scope, attempt, late(limit)) is is_callers
        bounds = scope.timeouts(attempt)
        if asked or own:
            least = min(*asked.values(), *own.values()) if asked and own else None
            shown = {bounds.connect, bounds.header, bounds.idle, bounds.total}
            assert shown == {least or next(iter((asked or own).values()))}
        end_failed(scope, attempt, InvalidRequest("it cannot say this"))
    bench.spool.close()


@pytest.mark.parametrize(
    ("options", "acts"),
    [
        (CallOptions(first_token_timeout=SHORT), [hang]),
        (CallOptions(attempt_timeout=SHORT), [hang]),
        (CallOptions(idle_timeout=SHORT), [STALLED]),
        (CallOptions(attempt_timeout=SHORT), [drip]),
    ],
    ids=["first token", "whole attempt, no head", "idle", "whole attempt, no end"],
)
async def test_a_caller_s_limits_end_attempts_and_blame_nobody(
    tmp_path: Path, options: CallOptions, acts: list[Act]
) -> None:
    """The next candidate answers, however often: no circuit opens, and Health hears of nothing."""
    async with serve(*acts) as first, serve(answer(ANSWER)) as second:
        async with open_transport() as transport:
            bench = Bench(tmp_path, transport=transport, base_url=first.url)
            table = snapshot(
                [provider(1, first.url, priority=1), provider(2, second.url, priority=2)],
                keys=[key(1, 1), key(2, 2)],
            )
            bench.runtime.table = compiled(table)
            calls = UnaryCalls(bench.runtime, OPERATION, pb.ChatResponse)
            for _ in range(6):
                _, summary = await calls.plain(BODY, PRINCIPAL, "req_1", options)
                assert (summary.served_by.provider_id, summary.attempts) == (2, 2)
        view = bench.state.view(CALLER.caller.virtual_key_id)
        assert (view.open_circuits, view.cooldowns) == ({}, {})
        assert [each for each in bench.outcomes.drain() if each.reason] == []
        bench.spool.close()


@pytest.mark.parametrize("act", [hang, drip], ids=["no head", "no end"])
async def test_a_mapping_s_total_time_is_the_bound_of_one_attempt(tmp_path: Path, act: Act) -> None:
    """To the last byte of a body; the next candidate answers, and it counts as a failure."""
    async with serve(act, answer(ANSWER)) as upstream, open_transport() as transport:
        bench = Bench(tmp_path, transport=transport, base_url=upstream.url)
        limited(bench, upstream.url, total=SHORT)
        calls = UnaryCalls(bench.runtime, OPERATION, pb.ChatResponse)
        _, summary = await calls.plain(BODY, PRINCIPAL, "req_1")
        assert (summary.served_by.provider_id, summary.attempts) == (2, 2)
        assert [each.reason for each in bench.outcomes.drain() if each.reason] == [
            ERROR_REASON_PROVIDER_TIMEOUT
        ]
    bench.spool.close()


@pytest.mark.parametrize(
    ("policy", "paths", "is_whole"),
    [
        (STREAM_FAILOVER_FAIL, 1, False),
        (STREAM_FAILOVER_CONTINUE, 2, True),
        (STREAM_FAILOVER_RESTART, 2, True),
    ],
)
async def test_a_stream_beyond_its_total_time_is_what_its_policy_says(
    tmp_path: Path, policy: int, paths: int, *, is_whole: bool
) -> None:
    """Cut, gone on with, or had from the next candidate; no circuit counts what was handed out."""
    async with serve(LONG, WHOLE) as upstream, open_transport() as transport:
        bench = Bench(tmp_path, transport=transport, base_url=upstream.url)
        limited(bench, upstream.url, total=seconds(0.3))
        calls = StreamingCalls(bench.runtime, OPERATION, pb.StreamChatResponse)
        options = CallOptions(stream_failover=policy)  # type: ignore[arg-type] # one of its values
        request = pb.StreamChatRequest(json=BODY, options=options)
        messages: list[pb.StreamChatResponse] = []
        error: ConduitError | None = None
        try:
            async for message in calls(request, CALLER):
                messages += [message]
        except ConduitError as found:
            error = found
        assert len(upstream.paths) == paths
        assert bool(messages and messages[-1].HasField("finished")) is is_whole
        if not is_whole:
            assert isinstance(error, StreamInterrupted)
            assert error.metadata["limit"] == "total"
        if policy != STREAM_FAILOVER_RESTART:
            assert [each for each in bench.outcomes.drain() if each.reason] == []
    assert len(bench.records()[0]) == paths
    bench.spool.close()


async def test_a_caller_s_idle_limit_cuts_a_stream_and_blames_nobody(tmp_path: Path) -> None:
    """What the provider's own limit would have allowed is no failure of it."""
    async with serve(STALLED) as upstream, open_transport() as transport:
        bench = Bench(tmp_path, transport=transport, base_url=upstream.url)
        calls = StreamingCalls(bench.runtime, OPERATION, pb.StreamChatResponse)
        for _ in range(6):
            page = Page()
            with pytest.raises(StreamInterrupted) as cut:
                await calls.plain(
                    BODY, PRINCIPAL, "req_1", page.start, CallOptions(idle_timeout=SHORT)
                )
            assert cut.value.metadata["limit"] == "idle"
        view = bench.state.view(CALLER.caller.virtual_key_id)
        assert view.open_circuits == {}
        assert [each for each in bench.outcomes.drain() if each.reason] == []
    bench.spool.close()
