"""Streams whose callers leave: read to their end, closed or not charged, as instances say."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.support.call_bench import BODY, CALLER, PRINCIPAL, Bench
from tests.support.scripted_upstream import (
    EVENTS,
    JSON,
    Act,
    ScriptedUpstream,
    answer,
    open_transport,
    reset,
    serve,
    stream,
)
from tests.support.snapshots import compiled, key, mapping, provider, snapshot
from tests.support.stream_calls import FINISH, piece
from tests.support.stream_page import Page
from tests.support.waiting import eventually

from conduit.v1 import router_requests_pb2 as pb
from conduit.v1.charge_pb2 import (
    USAGE_SOURCE_EARLY_EVENT,
    USAGE_SOURCE_ESTIMATE,
    USAGE_SOURCE_PROVIDER,
    Charge,
)
from conduit.v1.provider_pb2 import (
    ABORTED_STREAM_POLICY_ESTIMATE,
    ABORTED_STREAM_POLICY_NOT_CHARGED,
    ABORTED_STREAM_POLICY_READ_TO_END,
    ABORTED_STREAM_POLICY_UNSPECIFIED,
    AbortedStreamPolicy,
)
from conduit_kernel.errors import ConduitError
from conduit_kernel.http import CallerGone, Exchange, HttpError
from conduit_providers.operations.chat import OPERATION
from conduit_router.accounting.call_counts import GONE
from conduit_router.calls.aborted_streams import AbortedStreams
from conduit_router.calls.stream_failover import begin_answer
from conduit_router.calls.streaming import StreamingCalls
from conduit_router.calls.unary import UnaryCalls
from conduit_router.routing.attempt_plan import Attempt
from conduit_router.spending.leases import Source
from conduit_router.spending.purse import Reserved

READ_TO_END = ABORTED_STREAM_POLICY_READ_TO_END
NOT_CHARGED = ABORTED_STREAM_POLICY_NOT_CHARGED
ROLE = (
    b'data: {"id":"c1","object":"chat.completion.chunk",'
    b'"choices":[{"index":0,"delta":{"role":"assistant","content":""}}]}\n\n'
)
COUNTS = (
    b'data: {"id":"c1","object":"chat.completion.chunk",'
    b'"choices":[],"usage":{"prompt_tokens":30,"completion_tokens":70,"total_tokens":100}}\n\n'
)
DONE = b"data: [DONE]\n\n"
REST = (piece("and"), piece(" so"), piece(" on"), FINISH, COUNTS, DONE)


class Gated:
    """An answer that waits at a gate."""

    def __init__(
        self, *before: bytes, after: tuple[bytes, ...] = REST, has_head: bool = True
    ) -> None:
        self.gate = asyncio.Event()
        self.is_at_gate = asyncio.Event()
        # Whether all of it was taken.
        self.is_read = asyncio.Event()
        self.is_left = asyncio.Event()
        self._before = before
        self._after = after
        self._has_head = has_head

    async def __call__(self, exchange: Exchange) -> None:
        """Send the first part, and the rest once the gate opens."""
        try:
            if not self._has_head:
                self.is_at_gate.set()
                await self.gate.wait()
            out = exchange.start(200, EVENTS)
            for each in self._before:
                out.write(each)
                await out.drain()
            self.is_at_gate.set()
            await self.gate.wait()
            for each in self._after:
                out.write(each)
                await out.drain()
                await asyncio.sleep(0)
            out.finish()
            self.is_read.set()
        except (CallerGone, HttpError, asyncio.CancelledError):
            self.is_left.set()
            raise


class Left:
    """A bench at a provider, and what came of a call whose caller has left."""

    def __init__(self, bench: Bench, upstream: ScriptedUpstream) -> None:
        self.bench = bench
        self.upstream = upstream
        self.calls = StreamingCalls(bench.runtime, OPERATION, pb.StreamChatResponse)

    async def leave_after(self, messages: int) -> None:
        """Read so many messages, and leave."""
        pieces = self.calls(pb.StreamChatRequest(json=BODY), CALLER)
        for _ in range(messages):
            await anext(pieces)
        await pieces.aclose()

    async def leave_while_waiting(self, until: asyncio.Event) -> None:
        """Wait for the next message until something happens, and leave."""
        page = Page()
        task = asyncio.create_task(self.calls.plain(BODY, PRINCIPAL, "req_1", page.start))
        await until.wait()
        # What was sent before the gate has arrived.
        await asyncio.sleep(0.02)
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()

    async def charge(self) -> Charge:
        """Return the one charge, once the call has ended."""
        await eventually(lambda: _is_true(bool(self.bench.endings)))
        assert self.bench.codes == [GONE]
        (charge,) = self.charges()
        return charge

    def charges(self) -> list[Charge]:
        """Return all charges."""
        return self.bench.records()[0]


async def _is_true(value: object) -> bool:
    return bool(value)


def units(charge: Charge) -> list[int]:
    """Return how much of each unit was charged."""
    return [line.quantity for line in charge.lines]


Bounded = Callable[[], AbortedStreams]


@asynccontextmanager
async def at(
    folder: Path,
    policy: AbortedStreamPolicy.ValueType,
    *acts: Act,
    bounds: Bounded = AbortedStreams,
    provider_type: str = "OpenAI",
    model: str = "m",
) -> AsyncIterator[Left]:
    """Make a bench at a provider whose aborted streams have a policy."""
    async with serve(*acts) as upstream, open_transport() as transport:
        bench = Bench(folder, transport=transport, base_url=upstream.url)
        one = provider(1, f"{upstream.url}/1", aborted_streams=policy, provider_type=provider_type)
        mappings = [mapping(1, 1, actual_model_name=model)]
        bench.runtime.table = compiled(snapshot([one], keys=[key(1, 1)], mappings=mappings))
        bench.runtime.aborted_streams = bounds()
        yield Left(bench, upstream)
        await bench.runtime.aborted_streams.close()
        bench.spool.close()


async def test_a_left_stream_is_read_to_its_end(tmp_path: Path) -> None:
    """And charged as its provider counts then, once; the call ends with that."""
    act = Gated(piece("x"))
    async with at(tmp_path, READ_TO_END, act) as left:
        await left.leave_after(1)
        assert left.bench.endings == []
        assert left.bench.runtime.aborted_streams.count == 1
        act.gate.set()
        charge = await left.charge()
        assert (charge.usage_source, charge.is_complete) == (USAGE_SOURCE_PROVIDER, False)
        assert units(charge) == [30, 70]
        assert act.is_read.is_set()
        assert left.bench.runtime.aborted_streams.count == 0


@pytest.mark.parametrize(
    "act",
    [
        lambda: Gated(has_head=False, after=(ROLE, piece("x"), *REST)),
        Gated,
        lambda: Gated(ROLE),
        lambda: Gated(ROLE, piece("x")),
        lambda: Gated(ROLE, piece("x"), FINISH, after=(COUNTS, DONE)),
    ],
    ids=["no head", "head", "speaker", "words", "finished"],
)
async def test_it_is_read_on_from_each_stage(tmp_path: Path, act: Callable[[], Gated]) -> None:
    """Whatever its caller waits for as it leaves."""
    gated = act()
    async with at(tmp_path, READ_TO_END, gated) as left:
        await left.leave_while_waiting(gated.is_at_gate)
        assert left.bench.endings == []
        gated.gate.set()
        charge = await left.charge()
        assert (charge.usage_source, units(charge)) == (USAGE_SOURCE_PROVIDER, [30, 70])


async def test_a_kept_connection_is_kept_by_what_was_read_to_its_end(tmp_path: Path) -> None:
    """The next call goes out on it, and is read on likewise."""
    first, second = Gated(piece("x")), Gated(has_head=False)
    async with at(tmp_path, READ_TO_END, first, second) as left:
        await left.leave_after(1)
        first.gate.set()
        await left.charge()
        await left.leave_while_waiting(second.is_at_gate)
        second.gate.set()
        await eventually(lambda: _is_true(len(left.bench.endings) == 2))
        assert [units(each) for each in left.charges()] == [[30, 70], [30, 70]]


WHOLE = (
    b'{"id":"c1","object":"chat.completion","choices":[{"index":0,"finish_reason":"stop",'
    b'"message":{"role":"assistant","content":"x"}}],'
    b'"usage":{"prompt_tokens":30,"completion_tokens":70,"total_tokens":100}}'
)


@pytest.mark.parametrize(
    ("policy", "source", "used"),
    [
        (READ_TO_END, USAGE_SOURCE_PROVIDER, [30, 70]),
        (ABORTED_STREAM_POLICY_ESTIMATE, USAGE_SOURCE_ESTIMATE, [3]),
    ],
)
async def test_a_whole_answer_is_waited_for(
    tmp_path: Path, policy: AbortedStreamPolicy.ValueType, source: int, used: list[int]
) -> None:
    """As the stream is read on; by the other policy its prompt is estimated."""

    async def act(exchange: Exchange) -> None:
        arrived.set()
        await gate.wait()
        exchange.respond(200, JSON, WHOLE)

    arrived, gate = asyncio.Event(), asyncio.Event()
    async with at(tmp_path, policy, act) as left:
        calls = UnaryCalls(left.bench.runtime, OPERATION, pb.ChatResponse)
        task = asyncio.create_task(calls.plain(BODY, PRINCIPAL, "req_1"))
        await arrived.wait()
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        assert task.cancelled()
        assert len(left.bench.endings) == int(policy != READ_TO_END)
        gate.set()
        charge = await left.charge()
        assert (charge.usage_source, charge.is_complete) == (source, False)
        assert units(charge) == used


async def test_a_whole_answer_that_nobody_leaves_is_as_ever(tmp_path: Path) -> None:
    """It goes to its caller, and is charged once."""
    async with at(tmp_path, READ_TO_END, answer(WHOLE)) as left:
        calls = UnaryCalls(left.bench.runtime, OPERATION, pb.ChatResponse)
        body, _ = await calls.plain(BODY, PRINCIPAL, "req_1")
        assert b"chat.completion" in body
        (charge,) = left.charges()
        assert (charge.usage_source, charge.is_complete) == (USAGE_SOURCE_PROVIDER, True)


@pytest.mark.parametrize(
    "policy", [ABORTED_STREAM_POLICY_ESTIMATE, ABORTED_STREAM_POLICY_UNSPECIFIED]
)
async def test_the_usual_stream_is_closed_at_once(
    tmp_path: Path, policy: AbortedStreamPolicy.ValueType
) -> None:
    """Its provider hears of it, and what was handed out is estimated."""
    act = Gated(piece("x"))
    async with at(tmp_path, policy, act) as left:
        await left.leave_after(1)
        charge = await left.charge()
        assert (charge.usage_source, charge.is_complete) == (USAGE_SOURCE_ESTIMATE, False)
        act.gate.set()
        async with asyncio.timeout(10):
            await act.is_left.wait()


async def test_types_say_what_instances_do_not(tmp_path: Path) -> None:
    """Groq goes on, and bills, though nobody listens; an instance may say otherwise."""
    for policy, source in (
        (ABORTED_STREAM_POLICY_UNSPECIFIED, USAGE_SOURCE_PROVIDER),
        (ABORTED_STREAM_POLICY_ESTIMATE, USAGE_SOURCE_ESTIMATE),
    ):
        act = Gated(piece("x"))
        async with at(tmp_path / str(policy), policy, act, provider_type="Groq") as left:
            await left.leave_after(1)
            act.gate.set()
            assert (await left.charge()).usage_source == source


@pytest.mark.parametrize(
    ("bounds", "goes_on"),
    [
        (lambda: AbortedStreams(seconds=0.05), False),
        (lambda: AbortedStreams(most_bytes=10), True),
        (lambda: AbortedStreams(most=0), False),
    ],
    ids=["time", "bytes", "number"],
)
async def test_reading_on_is_bounded(tmp_path: Path, bounds: Bounded, *, goes_on: bool) -> None:
    """Behind the bound the stream is closed, and what it said until then is estimated."""
    act = Gated(piece("x"), after=(piece("and"), piece(" so")) * 20)
    async with at(tmp_path, READ_TO_END, act, bounds=bounds) as left:
        if goes_on:
            act.gate.set()
        await left.leave_after(1)
        charge = await left.charge()
        assert (charge.usage_source, charge.is_complete) == (USAGE_SOURCE_ESTIMATE, False)


async def test_one_that_never_begins_is_waited_for_no_longer(tmp_path: Path) -> None:
    """Its question is charged: the provider has it."""
    gated = Gated(has_head=False)
    async with at(tmp_path, READ_TO_END, gated, bounds=lambda: AbortedStreams(0.05)) as left:
        await left.leave_while_waiting(gated.is_at_gate)
        assert (await left.charge()).usage_source == USAGE_SOURCE_ESTIMATE


async def test_a_router_that_stops_charges_what_was_read(tmp_path: Path) -> None:
    """Nothing is read any further, before its first piece as behind it, and none is taken more."""
    acts = Gated(piece("x")), Gated(has_head=False), Gated(piece("x"))
    async with at(tmp_path, READ_TO_END, *acts) as left:
        await left.leave_after(1)
        await left.leave_while_waiting(acts[1].is_at_gate)
        assert left.bench.endings == []
        await left.bench.runtime.aborted_streams.close()
        assert left.bench.codes == [GONE, GONE]
        await left.leave_after(1)
        assert left.bench.codes == [GONE, GONE, GONE]
        sources = [(each.usage_source, each.is_complete) for each in left.charges()]
        assert sources == [(USAGE_SOURCE_ESTIMATE, False)] * 3


async def test_a_provider_that_breaks_off_ends_it(tmp_path: Path) -> None:
    """Nobody else is asked; what was handed out until then is estimated."""
    cut = stream(piece("x"), piece("y"), is_cut=True)
    async with at(tmp_path, READ_TO_END, cut) as left:
        await left.leave_after(1)
        assert (await left.charge()).usage_source == USAGE_SOURCE_ESTIMATE
        assert len(left.upstream.paths) == 1


async def test_nobody_else_is_asked_once_the_caller_has_left(tmp_path: Path) -> None:
    """An attempt that fails before its first piece is the last one."""

    async def late_reset(exchange: Exchange) -> None:
        arrived.set()
        await gate.wait()
        await reset(exchange)

    arrived, gate = asyncio.Event(), asyncio.Event()
    async with at(tmp_path, READ_TO_END, late_reset, stream(*REST)) as left:
        await left.leave_while_waiting(arrived)
        gate.set()
        await eventually(lambda: _is_true(left.bench.endings))
        assert left.bench.codes == [GONE]
        assert len(left.upstream.paths) == 1


class Waiting:
    """A call that has not asked anybody yet."""

    def __init__(self) -> None:
        self.is_read_on = self.has_ended = False
        self.attempt: Attempt | None = None
        self.reserved: Reserved | None = None

    def __exit__(self, *of: object) -> None:
        """Note the end."""
        self.has_ended = True


class Opened:
    """A stream that was opened at last."""

    is_closed = False

    async def read_on(self) -> int:
        """Return that there is nothing."""
        return 0

    def end_aborted(self) -> None:
        """Note it."""
        self.is_closed = True


@pytest.mark.parametrize("is_stubborn", [False, True])
async def test_who_leaves_before_anything_was_sent_is_not_waited_for(*, is_stubborn: bool) -> None:
    """As while its candidates rest; should a stream be there all the same, it is closed."""
    streams, call, opened = AbortedStreams(), Waiting(), Opened()

    async def opening() -> Opened:
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            if not is_stubborn:
                raise
        return opened

    task = asyncio.ensure_future(streams.opened(call, opening(), lambda each: each))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert (streams.count, call.is_read_on, call.has_ended) == (0, False, False)
    assert opened.is_closed == is_stubborn


async def test_a_fault_of_ours_ends_the_call_all_the_same() -> None:
    """It is in the log."""
    streams, call = AbortedStreams(), Waiting()

    async def opening() -> Opened:
        gate.set()
        await go_on.wait()
        raise RuntimeError("a fault")

    gate, go_on = asyncio.Event(), asyncio.Event()
    spec = provider(1, aborted_streams=READ_TO_END)
    table = compiled(snapshot([spec], keys=[key(1, 1)], mappings=[mapping(1, 1)]))
    candidate = table.routes["gpt"].candidates[0]
    call.attempt = Attempt(candidate, candidate.instance.keys[0], is_retry=False)
    call.attempt.is_sent = True
    task = asyncio.ensure_future(streams.opened(call, opening(), lambda each: each))
    await gate.wait()
    with capture_logs() as lines:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        go_on.set()
        await eventually(lambda: _is_true(call.has_ended))
    assert [line["event"] for line in lines] == ["aborted_stream_failed"]
    assert streams.count == 0


async def test_what_is_reserved_stays_so_until_the_end(tmp_path: Path) -> None:
    """But for the place among the calls under way: who has left may call again at once."""
    act = Gated(piece("x"))
    place, cost = Source("", 1, 0.0), Source("", 1000, 0.0)
    place.room, cost.room = 0, 400
    async with at(tmp_path, READ_TO_END, act) as left:
        with left.bench.admit(stream=True) as scope:
            scope.reserved = Reserved(place=place, cost=cost, most_cost=600)
            begun = await begin_answer(scope, OPERATION, None)
            with pytest.raises(CallerGone), begun.relay:
                raise CallerGone("gone")
        assert (place.room, cost.room) == (1, 400)
        act.gate.set()
        await left.charge()
        assert (place.room, cost.room + cost.spent) == (1, 1000)


async def test_what_is_not_charged_when_left_is_counted(tmp_path: Path) -> None:
    """As an attempt, without a charge."""
    async with at(tmp_path, NOT_CHARGED, Gated(piece("x"))) as left:
        await left.leave_after(1)
        assert left.bench.codes == [GONE]
        assert left.charges() == []
        assert [each.outcomes for each in left.bench.recorder.attempts.values()] == [{GONE: 1}]


@pytest.mark.parametrize("counts", [(), (COUNTS,)], ids=["cut", "counted"])
async def test_what_is_not_charged_when_cut_is_counted(
    tmp_path: Path, counts: tuple[bytes, ...]
) -> None:
    """Whatever its provider had counted by then."""
    act = stream(piece("x"), *counts, is_cut=True)
    async with at(tmp_path, NOT_CHARGED, act) as left:
        with pytest.raises(ConduitError):
            async for _ in left.calls(pb.StreamChatRequest(json=BODY), CALLER):
                pass
        charges, tallies = left.bench.records()
        assert (charges, [*tallies]) == ([], [1])


async def test_a_whole_stream_is_charged_where_aborted_ones_are_not(tmp_path: Path) -> None:
    """It reached its end."""
    async with at(tmp_path, NOT_CHARGED, stream(piece("x"), FINISH, COUNTS, DONE)) as left:
        pieces = left.calls(pb.StreamChatRequest(json=BODY), CALLER)
        async for _ in pieces:
            pass
        (charge,) = left.charges()
        assert units(charge) == [30, 70]


async def test_words_are_charged_that_a_head_does_not_count(tmp_path: Path) -> None:
    """Anthropic counts the prompt in its first event, and says `1` of an answer to come."""
    counts = b'"usage":{"input_tokens":25,"output_tokens":1}'
    start = b'{"type":"message_start","message":{"id":"m","model":"c",%b}}' % counts
    block = b'{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}'
    delta = b'{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"word"}}'
    events = [b"data: %b\n\n" % each for each in (start, block, *[delta] * 40)]
    act = stream(*events, is_cut=True)
    async with at(
        tmp_path,
        ABORTED_STREAM_POLICY_ESTIMATE,
        act,
        provider_type="Anthropic",
        model="claude-haiku-4-5",
    ) as left:
        with pytest.raises(ConduitError):
            async for _ in left.calls(pb.StreamChatRequest(json=BODY), CALLER):
                pass
        (charge,) = left.charges()
        assert (charge.usage_source, charge.is_complete) == (USAGE_SOURCE_EARLY_EVENT, False)
        read, written = units(charge)
        assert read == 25
        assert 38 <= written <= 42
