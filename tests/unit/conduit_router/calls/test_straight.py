"""The straight way: who goes it, and what is left. `test_unary` holds it to the general one."""

import asyncio
from pathlib import Path

import orjson
import pytest
from tests.support.call_bench import BODY, PRINCIPAL, Bench
from tests.support.outages import open_for_all
from tests.support.scripted_upstream import answer, hang, open_transport, serve
from tests.support.waiting import eventually

from conduit.v1 import router_requests_pb2 as pb
from conduit_kernel.errors import ProviderUnhealthy
from conduit_providers.operation import AnyAnsweredOperation
from conduit_providers.operations import chat, embed
from conduit_router.calls.unary import UnaryCalls
from conduit_router.routing.table import StraightWay

CHAT = orjson.dumps(
    {
        "choices": [{"index": 0, "message": {"content": "hi"}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1},
    }
)
EMBEDDING = orjson.dumps({"data": [{"index": 0, "embedding": [0.5]}], "usage": {}})
INPUT = b'{"model":"gpt","input":"hello"}'


def ways(bench: Bench, operation: str = "chat") -> list[StraightWay | None]:
    """Return what was found out so far."""
    instances = bench.runtime.table.instances.values()
    targets = [key.endpoint(operation) for instance in instances for key in instance.keys]
    return [way for target in targets for way in target.straight_ways.values()]


def calls_of(bench: Bench, operation: AnyAnsweredOperation = chat.OPERATION) -> UnaryCalls:
    """Return the calls of an operation."""
    return UnaryCalls(bench.runtime, operation, pb.ChatResponse)


async def test_a_way_is_found_once_for_all_calls_of_a_model_with_a_key(tmp_path: Path) -> None:
    """What they have in common is prepared by the first of them."""
    async with serve(answer(CHAT)) as upstream, open_transport() as transport:
        bench = Bench(tmp_path, transport=transport, base_url=upstream.url)
        calls, found = calls_of(bench), []
        for _ in range(3):
            await calls.plain(BODY, PRINCIPAL, "req_1")
            found.append(ways(bench))
    [first], *others = found
    assert first is not None
    assert all(other is first for [other] in others)
    assert upstream.paths == ["/1/chat/completions"] * 3
    bench.spool.close()


async def test_a_byte_order_mark_is_taken_off(tmp_path: Path) -> None:
    """On the straight way as on the general one: no caller could read it."""
    async with serve(answer(b"\xef\xbb\xbf" + CHAT)) as upstream, open_transport() as transport:
        bench = Bench(tmp_path, transport=transport, base_url=upstream.url)
        calls = calls_of(bench)
        for _ in range(2):
            found, _ = await calls.plain(BODY, PRINCIPAL, "req_1")
            assert orjson.loads(found)["choices"][0]["message"]["content"] == "hi"
    assert ways(bench) != [None]
    bench.spool.close()


async def test_a_last_candidate_is_asked_on_the_general_way(tmp_path: Path) -> None:
    """One call finds out how an open circuit is, after its step; the others are told to wait."""
    async with serve(hang) as upstream, open_transport() as transport:
        bench = Bench(tmp_path, transport=transport, base_url=upstream.url)
        calls = calls_of(bench)
        for number in (1, 2):
            open_for_all(bench.state, number, at=bench.now)
        bench.now += 1.5
        probes = [
            asyncio.create_task(calls.plain(BODY, PRINCIPAL, f"req_{number}")) for number in (1, 2)
        ]

        async def are_asked() -> bool:
            return len(upstream.paths) == len(probes)

        await eventually(are_asked)
        with pytest.raises(ProviderUnhealthy):
            await calls.plain(BODY, PRINCIPAL, "req_3")
        for probe in probes:
            probe.cancel()
        await asyncio.gather(*probes, return_exceptions=True)
    assert ways(bench) == []
    bench.spool.close()


async def test_calls_that_may_have_to_be_split_go_the_general_way(tmp_path: Path) -> None:
    """That there is no straight one is remembered, too."""
    async with serve(answer(EMBEDDING)) as upstream, open_transport() as transport:
        bench = Bench(tmp_path, transport=transport, base_url=upstream.url)
        calls = calls_of(bench, embed.OPERATION)
        for _ in range(2):
            body, _ = await calls.plain(INPUT, PRINCIPAL, "req_1")
    assert orjson.loads(body)["data"][0]["embedding"] == [0.5]
    assert ways(bench, "embed") == [None]
    bench.spool.close()


async def test_a_caller_who_leaves_gives_the_connection_up(tmp_path: Path) -> None:
    """The provider's late answer is nobody else's; what it may have done is charged, once."""
    async with serve(answer(CHAT), hang) as upstream, open_transport() as transport:
        bench = Bench(tmp_path, transport=transport, base_url=upstream.url)
        calls = calls_of(bench)
        await calls.plain(BODY, PRINCIPAL, "req_1")
        upstream.arrived.clear()
        call = asyncio.create_task(calls.plain(BODY, PRINCIPAL, "req_1"))
        await upstream.arrived.wait()
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert [way.request.pool.take_idle() for way in ways(bench) if way is not None] == [None]
    assert [charge.is_complete for charge in bench.records()[0]] == [True, False]
    assert len(bench.endings) == 2
    bench.spool.close()
