"""What follows when a stream fails behind its first token, by policy."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from tests.support.call_bench import BODY, CALLER, PRINCIPAL, Bench
from tests.support.scripted_upstream import (
    open_transport,
    serve,
    stream,
)
from tests.support.snapshots import compiled, key, provider, snapshot
from tests.support.stream_calls import CUT, DONE, FINISH, OTHER, WHOLE, call, piece
from tests.support.stream_page import Page

from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.charge_pb2 import USAGE_SOURCE_ESTIMATE, USAGE_SOURCE_PROVIDER
from conduit.v1.fallback_chain_pb2 import FallbackChain
from conduit.v1.routing_policy_pb2 import (
    STREAM_FAILOVER_CONTINUE,
    STREAM_FAILOVER_FAIL,
    STREAM_FAILOVER_RESTART,
    StreamFailover,
)
from conduit_kernel.auth import Principal, PrincipalKind
from conduit_kernel.errors import InvalidRequest, StreamInterrupted
from conduit_providers.operations.chat import OPERATION
from conduit_router.calls.stream_hold import StreamHold
from conduit_router.calls.streaming import StreamingCalls

CHUNK = b'data: {"id":"c1","object":"chat.completion.chunk",'

POLICIES = (STREAM_FAILOVER_RESTART, STREAM_FAILOVER_CONTINUE, STREAM_FAILOVER_FAIL)


def with_policy(bench: Bench, url: str, owner: str) -> Principal:
    """Return a caller whose key says `continue`, or to whom the alias says so."""
    if owner == "virtual key":
        caller = replace(CALLER.caller, stream_failover=STREAM_FAILOVER_CONTINUE)
        return Principal(PrincipalKind.VIRTUAL_KEY, "virtual-key", virtual_key=caller)
    chain = FallbackChain(
        id=1, model_alias="gpt", is_enabled=True, stream_failover=STREAM_FAILOVER_CONTINUE
    )
    chain_of = [provider(i, f"{url}/{i}", priority=i) for i in (1, 2)]
    keys = [key(i, i) for i in (1, 2)]
    bench.runtime.table = compiled(snapshot(chain_of, keys=keys, chains=[chain]))
    return PRINCIPAL


async def test_fail_ends_with_an_error_and_asks_nobody_else(tmp_path: Path) -> None:
    """What was handed out is charged."""
    made = await call(tmp_path, STREAM_FAILOVER_FAIL, CUT, WHOLE)
    assert isinstance(made.error, StreamInterrupted)
    assert (made.text, len(made.paths)) == ("Hello wor", 1)
    assert made.sources == [(1, USAGE_SOURCE_ESTIMATE, False)]


@pytest.mark.parametrize("is_typed", [False, True], ids=["json", "typed"])
async def test_restart_hides_a_cut(tmp_path: Path, is_typed: bool) -> None:  # noqa: FBT001 # a parameter
    """The caller has one whole answer, of one candidate; what the other used is charged once."""
    made = await call(tmp_path, STREAM_FAILOVER_RESTART, CUT, CUT, WHOLE, is_typed=is_typed)
    assert made.error is None
    assert (made.text, made.is_whole) == ("Hello world!", True)
    assert made.paths == ["/1/chat/completions"] * 2 + ["/2/chat/completions"]
    assert made.sources == [
        (1, USAGE_SOURCE_ESTIMATE, False),
        (1, USAGE_SOURCE_ESTIMATE, False),
        (2, USAGE_SOURCE_PROVIDER, True),
    ]
    assert OPERATION.started(made.messages[0]).provider_id == 2


async def test_restart_hides_another_answer(tmp_path: Path) -> None:
    """Nothing of the first was handed out, so that the second may be any."""
    made = await call(tmp_path, STREAM_FAILOVER_RESTART, CUT, CUT, OTHER)
    assert (made.error, made.text) == (None, "Good day")


@pytest.mark.parametrize("hold", [StreamHold(1, 60.0), StreamHold(1_000_000, -1.0)])
async def test_restart_holds_back_up_to_a_bound(tmp_path: Path, hold: StreamHold) -> None:
    """Of bytes or seconds; what was handed out by then is not taken back."""
    made = await call(tmp_path, STREAM_FAILOVER_RESTART, CUT, WHOLE, hold=hold)
    assert isinstance(made.error, StreamInterrupted)
    assert made.text == "Hello wor"


async def test_restart_ends_with_the_reason_when_all_cut(tmp_path: Path) -> None:
    """Nothing was handed out, so it is an error like any other."""
    made = await call(tmp_path, STREAM_FAILOVER_RESTART, CUT)
    assert made.error is not None
    assert made.messages == []


@pytest.mark.parametrize("policy", POLICIES)
async def test_a_whole_stream_is_the_same_under_every_policy(
    tmp_path: Path, policy: StreamFailover.ValueType
) -> None:
    """To the byte, and nobody else is asked."""
    role = CHUNK + b'"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
    pieces = (role, piece("Hello"), piece(" world!"), FINISH, DONE)
    made = await call(tmp_path, policy, stream(*pieces))
    assert b"".join(message.events for message in made.messages) == b"".join(pieces)
    assert made.bench.runtime.state.is_quiet


async def test_an_unknown_policy_is_refused(tmp_path: Path) -> None:
    """Over gRPC any number may come."""
    made = await call(tmp_path, StreamFailover.ValueType(9), WHOLE)
    assert isinstance(made.error, InvalidRequest)


@pytest.mark.parametrize("owner", ["virtual key", "alias"])
async def test_the_policy_of_a_key_or_an_alias_holds_on_the_plain_way(
    tmp_path: Path, owner: str
) -> None:
    """Where a request says nothing."""
    async with serve(CUT, WHOLE) as upstream, open_transport() as transport:
        bench = Bench(tmp_path, transport=transport, base_url=upstream.url)
        principal = with_policy(bench, upstream.url, owner)
        page = Page()
        calls = StreamingCalls(bench.runtime, OPERATION, pb.StreamChatResponse)
        await calls.plain(BODY, principal, "req_1", page.start)
        bench.spool.close()
    assert page.is_finished
    assert page.events.count(b'"role":"assistant"') == page.events.count(b'"Hello"') == 1
    assert page.events.find(b'"Hello"') < page.events.find(piece(" wor"))
    assert page.events.endswith(DONE)
