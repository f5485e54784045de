"""Requests in providers' own words: attempts, metering and charges of one call."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from tests.support.call_bench import CALLER, Bench
from tests.support.native_upstream import CHAT_EVENTS
from tests.support.scripted_upstream import Act, answer, open_transport, serve, stream
from tests.support.snapshots import compiled, key, mapping, provider, snapshot

from conduit.v1.charge_pb2 import (
    UNIT_INPUT_TOKEN,
    UNIT_OUTPUT_TOKEN,
    USAGE_SOURCE_ESTIMATE,
    USAGE_SOURCE_PROVIDER,
    Charge,
)
from conduit.v1.passthrough_requests_pb2 import PassThroughRequest, PassThroughResponse
from conduit_kernel.errors import StreamInterrupted
from conduit_router.passthrough.rpcs import PassThroughRpc

COUNTED = b'{"odd": 1, "usage": {"prompt_tokens": 3, "completion_tokens": 4}}'
UNCOUNTED = b'{"odd": "' + b"x" * 31 + b'"}'
BODY = b'{"model": "m", "stream": %b, "messages": []}'


@asynccontextmanager
async def passing(folder: Path, *acts: Act) -> AsyncIterator[tuple[PassThroughRpc, Bench]]:
    """Run a provider of two instances with a key each, and what passes requests on to it."""
    async with serve(*acts) as upstream, open_transport() as transport:
        bench = Bench(folder, transport=transport)
        instances = [
            provider(i, f"{upstream.url}/v1", provider_type="OpenAICompatible") for i in (1, 2)
        ]
        mappings = [mapping(i, i, model_alias="a", actual_model_name="m") for i in (1, 2)]
        source = snapshot(instances, keys=[key(i, i) for i in (1, 2)], mappings=mappings)
        bench.runtime.table = compiled(source)
        yield PassThroughRpc(bench.runtime), bench


def _asked(*, is_stream: bool = False) -> PassThroughRequest:
    body = BODY % (b"true" if is_stream else b"false")
    type_name = "OpenAICompatible"
    return PassThroughRequest(provider=type_name, path="/v1/chat/completions", body=body)


async def _answers(rpc: PassThroughRpc, request: PassThroughRequest) -> list[PassThroughResponse]:
    return [message async for message in rpc.PassThrough(request, CALLER)]


def _used(charge: Charge) -> dict[int, int]:
    return {line.unit: line.quantity for line in charge.lines}


async def test_what_the_provider_counts_is_charged(tmp_path: Path) -> None:
    """Once, to the alias by which the model is offered."""
    async with passing(tmp_path, answer(COUNTED)) as (rpc, bench):
        (message,) = await _answers(rpc, _asked())
        assert (message.status, message.data) == (200, COUNTED)
        ((charge,), _) = bench.records()
        assert charge.usage_source == USAGE_SOURCE_PROVIDER
        assert _used(charge) == {UNIT_INPUT_TOKEN: 3, UNIT_OUTPUT_TOKEN: 4}
        assert (charge.model_alias, charge.actual_model_name) == ("a", "m")
        assert bench.codes == [""]


@pytest.mark.parametrize("is_stream", [False, True])
async def test_what_nobody_counts_is_estimated(tmp_path: Path, *, is_stream: bool) -> None:
    """It is charged all the same, and marked."""
    act = stream(b"data: {}\n\n", b"data: {}\n\n") if is_stream else answer(UNCOUNTED)
    async with passing(tmp_path, act) as (rpc, bench):
        await _answers(rpc, _asked(is_stream=is_stream))
        ((charge,), _) = bench.records()
        assert charge.usage_source == USAGE_SOURCE_ESTIMATE
        assert all(count > 0 for count in _used(charge).values())


async def test_another_instance_of_the_type_takes_over(tmp_path: Path) -> None:
    """Where the first one fails, and nothing of it passes."""
    acts = answer(b'{"error": "down"}', 500), answer(b'{"error": "down"}', 500), answer(COUNTED)
    async with passing(tmp_path, *acts) as (rpc, bench):
        (message,) = await _answers(rpc, _asked())
        assert message.status == 200
        assert message.finished.report.fallbacks == 1
        assert bench.codes == [""]


async def test_a_refusal_is_an_answer_and_a_failure(tmp_path: Path) -> None:
    """The caller gets it as it is; to all who count it is a failed call, for nothing."""
    async with passing(tmp_path, answer(b'{"odd": "refusal"}', 422)) as (rpc, bench):
        (message,) = await _answers(rpc, _asked())
        assert (message.status, message.data) == (422, b'{"odd": "refusal"}')
        assert message.started.request_id == CALLER.request_id
        assert bench.codes == ["PROVIDER_REFUSED"]
        assert bench.records()[0] == []


async def test_streams_pass_piece_by_piece(tmp_path: Path) -> None:
    """The head comes first, what was used last."""
    half = len(CHAT_EVENTS) // 2
    act = stream(CHAT_EVENTS[:half], CHAT_EVENTS[half:])
    async with passing(tmp_path, act) as (rpc, bench):
        messages = await _answers(rpc, _asked(is_stream=True))
        assert b"".join(each.data for each in messages) == CHAT_EVENTS
        assert messages[0].status == 200
        assert not messages[0].HasField("finished")
        assert messages[-1].finished.report.attempts == 1
        assert _used(bench.records()[0][0])[UNIT_OUTPUT_TOKEN] == 7


async def test_a_broken_stream_is_one(tmp_path: Path) -> None:
    """What came has passed, and is charged."""
    act = stream(CHAT_EVENTS[: len(CHAT_EVENTS) // 2], is_cut=True)
    async with passing(tmp_path, act) as (rpc, bench):
        messages, found = rpc.PassThrough(_asked(is_stream=True), CALLER), b""
        try:
            async for message in messages:
                found += message.data
        except StreamInterrupted:
            is_broken = True
        assert is_broken
        assert found == CHAT_EVENTS[: len(CHAT_EVENTS) // 2]
        assert bench.codes == ["STREAM_INTERRUPTED"]
        assert len(bench.records()[0]) == 1


async def test_callers_who_leave_end_the_call(tmp_path: Path) -> None:
    """And what was used until then is charged."""
    async with passing(tmp_path, stream(CHAT_EVENTS, is_held=True)) as (rpc, bench):
        messages = rpc.PassThrough(_asked(is_stream=True), CALLER)
        await anext(messages)
        await messages.aclose()
        assert len(bench.endings) == 1
        assert len(bench.records()[0]) == 1
        assert bench.runtime.under_way.count == 0
