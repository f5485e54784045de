"""Calls answered whole, at providers that hang, reset, drip and make no sense."""

import asyncio
import dataclasses
from pathlib import Path
from typing import Any

import orjson
import pytest
from google.protobuf.duration_pb2 import Duration
from msgspec.structs import replace
from tests.support.call_bench import BODY, CALLER, PRINCIPAL, Bench
from tests.support.nonsense import deep
from tests.support.scripted_upstream import (
    JSON,
    Act,
    answer,
    drip,
    hang,
    open_transport,
    reset,
    serve,
)
from tests.support.snapshots import ALIAS

from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.call_pb2 import CallOptions
from conduit.v1.charge_pb2 import USAGE_SOURCE_ESTIMATE, USAGE_SOURCE_PROVIDER, Charge
from conduit_kernel.errors import ConduitError, DeadlineExceeded, InvalidRequest, UpstreamError
from conduit_kernel.http import Exchange
from conduit_providers.operations.chat import OPERATION, chat_request
from conduit_router.calls.unary import UnaryCalls
from conduit_router.routing.table import RoutingTable, UpstreamTarget

ANSWER = orjson.dumps(
    {
        "id": "c1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [
            {"index": 0, "message": {"role": "assistant", "content": "hi"}, "finish_reason": "stop"}
        ],
        "usage": {"prompt_tokens": 1, "completion_tokens": 1, "total_tokens": 2},
    }
)
UNCOUNTED = orjson.dumps({k: v for k, v in orjson.loads(ANSWER).items() if k != "usage"})


class CrashingCodec:
    """A codec whose reading of answers has a fault of ours."""

    def __init__(self, codec: Any) -> None:  # noqa: ANN401 # any codec of a chat
        self._codec = codec

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 # as above
        """Do all else as the codec does."""
        return getattr(self._codec, name)

    def from_upstream(self, *_: object) -> Any:  # noqa: ANN401 # as above
        """Crash."""
        raise KeyError("a fault in a codec")

    read = from_upstream


class RefusingCodec(CrashingCodec):
    """A codec that cannot say any request."""

    def to_upstream(self, *_: object) -> Any:  # noqa: ANN401 # as above
        """Refuse."""
        raise InvalidRequest("This dialect has no words for it", field="messages")

    body = to_upstream


def break_codec(table: RoutingTable, kind: type) -> None:
    """Give the first candidate another codec, and nobody else."""
    route = table.routes[ALIAS]
    first, *others = route.candidates
    chat = first.instance.served["chat"]
    broken = {"chat": chat._replace(codec=kind(chat.codec))}
    first = replace(first, instance=dataclasses.replace(first.instance, served=broken))
    table.routes[ALIAS] = replace(route, candidates=(first, *others))


def targets(bench: Bench) -> list[UpstreamTarget]:
    """Return where chats go."""
    instances = bench.runtime.table.instances.values()
    return [key.endpoint("chat") for instance in instances for key in instance.keys]


def forget_straight_ways(bench: Bench) -> None:
    """Let them be found anew."""
    for target in targets(bench):
        target.straight_ways.clear()


class Outcome:
    """What came of a call; `before` so many others."""

    def __init__(self, bench: Bench, result: Any, paths: list[str], before: int = 0) -> None:  # noqa: ANN401 # a response or an error
        self.result = result
        self.charges: list[Charge] = bench.records()[0][before:]
        # Which instances were asked, in order.
        self.asked = [int(path.split("/")[1]) for path in paths[before:]]
        self.ends = len(bench.endings) - before


@pytest.fixture(params=[0, 1])
def kept(request: pytest.FixtureRequest) -> int:
    """How many connections are kept from other calls; with one, a call goes the straight way."""
    connections: int = request.param
    return connections


async def call(  # what a test may say
    folder: Path,
    *acts: Act,
    seconds: float = 0,
    attempts: int = 4,
    codec: type | None = None,
    kept: int = 0,
    is_typed: bool = False,
) -> Outcome:
    """Make a call at a provider that does as told; the first instance may have another codec."""
    acts = (answer(ANSWER),) * kept + acts
    async with serve(*acts) as upstream, open_transport() as transport:
        bench = Bench(folder, transport=transport, base_url=upstream.url)
        for _ in range(kept):
            await UnaryCalls(bench.runtime, OPERATION, pb.ChatResponse).plain(
                BODY, PRINCIPAL, "req_1"
            )
        if codec is not None:
            break_codec(bench.runtime.table, codec)
            forget_straight_ways(bench)
        options = CallOptions(max_attempts=attempts)
        if seconds:
            options.timeout.CopyFrom(Duration(nanos=int(seconds * 1e9)))
        request = pb.ChatRequest(json=BODY, options=options)
        if is_typed:
            request.chat.CopyFrom(chat_request(json=BODY).typed)
        calls = UnaryCalls(bench.runtime, OPERATION, pb.ChatResponse)
        try:
            result: Any = await calls(request, replace(CALLER, request_id="req_2"))
        except ConduitError as error:
            result = error
        bench.spool.close()
        return Outcome(bench, result, upstream.paths, kept)


async def test_an_answer_is_charged_as_the_provider_counted(tmp_path: Path, kept: int) -> None:
    """Once, and the report says who answered whose request."""
    made = await call(tmp_path, answer(ANSWER), kept=kept)
    assert orjson.loads(made.result.json)["choices"][0]["message"]["content"] == "hi"
    assert (made.result.report.request_id, made.result.report.provider_id) == ("req_2", 1)
    [charge] = made.charges
    assert (charge.usage_source, charge.is_complete) == (USAGE_SOURCE_PROVIDER, True)


async def test_an_uncounted_answer_is_charged_as_an_estimate(tmp_path: Path, kept: int) -> None:
    """It is complete all the same."""
    [charge] = (await call(tmp_path, answer(UNCOUNTED), kept=kept)).charges
    assert (charge.usage_source, charge.is_complete) == (USAGE_SOURCE_ESTIMATE, True)


async def test_a_codec_that_crashes_after_the_answer_costs_and_is_passed_over(
    tmp_path: Path,
    kept: int,
) -> None:
    """The provider will bill what it answered, whether or not we could read it."""
    made = await call(tmp_path, answer(ANSWER), codec=CrashingCodec, kept=kept)
    assert made.asked == [1, 2]
    assert made.result.report.provider_id == 2
    assert [(c.provider_id, c.usage_source, c.is_complete) for c in made.charges] == [
        (1, USAGE_SOURCE_ESTIMATE, False),
        (2, USAGE_SOURCE_PROVIDER, True),
    ]


@pytest.mark.parametrize("act", [hang, drip])
async def test_a_provider_that_never_ends_holds_nobody_beyond_their_time(
    tmp_path: Path, kept: int, act: Act
) -> None:
    """Not the head's silence, nor a body that drips; the next instance has no time left."""
    made = await call(tmp_path, act, seconds=0.2, attempts=1, kept=kept)
    assert isinstance(made.result, (DeadlineExceeded, UpstreamError))
    assert (made.asked, made.ends) == ([1], 1)


async def test_a_reset_is_tried_again_and_costs_nothing(tmp_path: Path, kept: int) -> None:
    """A provider that cut the connection before any answer bills nothing."""
    made = await call(tmp_path, reset, answer(ANSWER), kept=kept)
    # Where the connection was kept, the provider may never have had the request.
    assert made.result.report.attempts == (1 if kept else 2)
    assert [charge.is_complete for charge in made.charges] == [True]


@pytest.mark.parametrize(
    "body",
    [b"", b"<html>", b"[]", b"{", b'{"choices":[{"a":%b}]}' % deep(1100), b'{"choices":["\xff"]}'],
    ids=lambda body: repr(body[:20]),
)
async def test_what_is_no_answer_goes_to_the_next(tmp_path: Path, kept: int, body: bytes) -> None:
    """However it is none; the caller sees the other's answer."""
    made = await call(tmp_path, answer(body), answer(ANSWER), kept=kept)
    assert made.result.report.attempts == 2
    assert made.ends == 1


@pytest.mark.parametrize("member", [b'"system_fingerprint":7', b'"zz":1e999'])
async def test_what_does_not_fit_the_contract_goes_to_the_next(
    tmp_path: Path, kept: int, member: bytes
) -> None:
    """Typed callers cannot be given it; others get what the provider sent."""
    odd = answer(b"{" + member + b"," + ANSWER.strip()[1:])
    made = await call(tmp_path, odd, answer(ANSWER), kept=kept, is_typed=True)
    assert made.result.report.attempts == 2
    made = await call(tmp_path / "json", odd, answer(ANSWER), kept=kept)
    assert made.result.report.attempts == 1


async def test_plain_calls_end_in_the_same_way(tmp_path: Path) -> None:
    """Without messages: the provider's own bytes, one charge, one end."""
    async with serve(answer(ANSWER)) as upstream, open_transport() as transport:
        bench = Bench(tmp_path, transport=transport, base_url=upstream.url)
        body, summary = await UnaryCalls(bench.runtime, OPERATION, pb.ChatResponse).plain(
            BODY, PRINCIPAL, "req_1"
        )
    assert orjson.loads(body)["id"] == "c1"
    assert summary.served_by.provider_id == 1
    assert (len(bench.records()[0]), len(bench.endings)) == (1, 1)
    bench.spool.close()


async def drop(exchange: Exchange) -> None:
    """Break off in the midst of an answer's body."""
    out = exchange.start(200, JSON)
    out.write(ANSWER[:40])
    await out.drain()
    out.abort()


async def halve(exchange: Exchange) -> None:
    """Answer in two halves, some time apart."""
    out = exchange.start(200, JSON)
    out.write(ANSWER[:40])
    await asyncio.sleep(0.05)
    out.finish(ANSWER[40:])


async def test_an_answer_that_comes_in_halves_is_whole(tmp_path: Path, kept: int) -> None:
    """However long its head is there before its body."""
    made = await call(tmp_path, halve, kept=kept)
    assert orjson.loads(made.result.json)["id"] == "c1"
    assert made.result.report.attempts == 1


async def test_an_answer_that_breaks_off_goes_to_the_next(tmp_path: Path, kept: int) -> None:
    """A half answer is none, and no stale connection either."""
    made = await call(tmp_path, drop, answer(ANSWER), kept=kept)
    assert made.result.report.attempts == 2


@pytest.mark.parametrize("status", [401, 429, 500])
async def test_a_refusal_goes_to_the_next(tmp_path: Path, status: int, kept: int) -> None:
    """With its status as the reason, whatever way the request took."""
    made = await call(tmp_path, answer(b"{}", status), answer(ANSWER), kept=kept)
    assert made.result.report.attempts == 2
    assert [charge.is_complete for charge in made.charges] == [True]


async def test_a_request_that_a_dialect_cannot_say_is_no_attempt(tmp_path: Path, kept: int) -> None:
    """The next candidate is asked at once."""
    made = await call(tmp_path, answer(ANSWER), codec=RefusingCodec, kept=kept)
    assert (made.asked, made.result.report.attempts) == ([2], 1)
    assert made.ends == 1
