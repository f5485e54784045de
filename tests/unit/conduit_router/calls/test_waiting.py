"""Calls that find everything at rest: they wait within their time, in order."""

import asyncio
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration
from tests.support.call_bench import Bench, used
from tests.support.clock import Clock, settle
from tests.support.outages import open_for_all
from tests.support.snapshots import compiled, key, provider, snapshot

from conduit.v1.fallback_chain_pb2 import FallbackChain
from conduit_kernel.errors import InvalidApiKey, ProviderUnhealthy, UpstreamRateLimited
from conduit_router.calls.attempts import run_attempts
from conduit_router.calls.call_scope import CallScope
from conduit_router.calls.waiting import MAX_WAIT_SECONDS, SPACE_SECONDS, WaitingLines
from conduit_router.routing.attempt_plan import Attempt
from conduit_router.routing.health_view import Subject
from conduit_router.routing.provider_state import ProviderState

LIMITED = "PROVIDER_RATE_LIMITED"


class Gate:
    """A runtime whose time the test advances, with calls that note their order."""

    def __init__(self, folder: Path) -> None:
        self.clock = Clock()
        self.bench = Bench(folder)
        self.bench.state = self.bench.runtime.state = ProviderState(self.clock)
        self.bench.runtime.clock = self.clock
        self.bench.runtime.waiting = WaitingLines(self.bench.runtime.clock, self.clock.sleep)
        self.answered: list[tuple[int, float]] = []

    def rest(self, seconds: float, reason: str = LIMITED) -> None:
        """Let the keys of both instances rest."""
        for number in (1, 2):
            subject = Subject(number, "", f"key_{number}")
            self.bench.state.cool_down(subject, seconds, "at rest", reason)

    async def call(self, number: int, seconds: int = 0, by: int = 1) -> None:
        """Make a call, for a virtual key."""
        with self.bench.admit(seconds=seconds, by=by) as scope:
            attempt, _ = await run_attempts(scope, self._make)
            attempt.consumption = used()
            self.answered.append((number, self.clock()))
            scope.succeed(attempt)

    async def _make(self, scope: CallScope, attempt: Attempt) -> None:
        attempt.is_sent = scope.runtime is self.bench.runtime


@pytest.fixture
def gate(tmp_path: Path) -> Gate:
    """Return a runtime of two instances with a key each."""
    return Gate(tmp_path)


async def test_calls_wait_for_a_short_rest_and_are_answered_in_order(gate: Gate) -> None:
    """A little apart: what has just come back does not meet all at once."""
    gate.rest(3.0)
    calls = [asyncio.create_task(gate.call(number)) for number in range(5)]
    await gate.clock.advance(2.9)
    assert gate.answered == []
    await gate.clock.advance(0.1 + 10 * SPACE_SECONDS)
    await asyncio.gather(*calls)
    assert [number for number, _ in gate.answered] == [0, 1, 2, 3, 4]
    moments = [at for _, at in gate.answered]
    assert moments[0] >= 3.0
    assert len(set(moments)) == len(moments)


async def test_a_rest_that_is_longer_than_a_call_may_take_is_told_at_once(gate: Gate) -> None:
    """With its true wait; nobody waits in vain."""
    gate.rest(5.0)
    with pytest.raises(UpstreamRateLimited) as refused:
        await gate.call(1, seconds=4)
    assert refused.value.metadata["retry_after_ms"] == "5000"


async def test_a_rest_that_is_long_is_told_at_once(gate: Gate) -> None:
    """However long the call may take."""
    gate.rest(MAX_WAIT_SECONDS)
    with pytest.raises(UpstreamRateLimited):
        await gate.call(1)


async def test_nobody_waits_for_what_does_not_pass_by_itself(gate: Gate) -> None:
    """A refused key is told as what it is."""
    gate.rest(3.0, InvalidApiKey.reason)
    with pytest.raises(InvalidApiKey):
        await gate.call(1)


async def test_calls_beyond_the_bound_are_told_at_once(gate: Gate) -> None:
    """The others wait on."""
    gate.bench.runtime.waiting = WaitingLines(gate.bench.runtime.clock, gate.clock.sleep, most=1)
    gate.rest(3.0)
    first = asyncio.create_task(gate.call(1))
    await settle()
    with pytest.raises(UpstreamRateLimited):
        await gate.call(2)
    await gate.clock.advance(4.0)
    await first
    await gate.call(3)
    assert [number for number, _ in gate.answered] == [1, 3]


async def test_nobody_waits_behind_what_another_sends(gate: Gate) -> None:
    """However many calls of one caller wait, another's are answered as soon as the rest is over."""
    gate.bench.runtime.waiting = WaitingLines(gate.clock, gate.clock.sleep, most=100)
    gate.rest(3.0)
    calls = [asyncio.create_task(gate.call(number)) for number in range(100)]
    await settle()
    # No caller takes more places than are left.
    assert sum(call.done() for call in calls) == 50
    calls.append(asyncio.create_task(gate.call(-1, by=2)))
    await gate.clock.advance(3.0 + 2 * SPACE_SECONDS)
    assert -1 in [number for number, _ in gate.answered]
    await gate.clock.advance(3.0)
    await asyncio.gather(*calls, return_exceptions=True)
    assert len(gate.answered) == 51


async def test_a_caller_who_leaves_the_line_holds_up_nobody(gate: Gate) -> None:
    """Also the first one in it."""
    gate.rest(3.0)
    calls = [asyncio.create_task(gate.call(number)) for number in range(3)]
    await settle()
    calls[0].cancel()
    await gate.clock.advance(4.0)
    await asyncio.gather(*calls, return_exceptions=True)
    assert [number for number, _ in gate.answered] == [1, 2]


async def test_who_waits_is_told_what_is_true_when_it_gets_too_long(gate: Gate) -> None:
    """A rest that was prolonged meanwhile is not waited for."""
    gate.rest(3.0)
    call = asyncio.create_task(gate.call(1))
    await settle()
    gate.rest(900.0)
    await gate.clock.advance(3.0)
    with pytest.raises(UpstreamRateLimited) as refused:
        await call
    assert refused.value.metadata["retry_after_ms"] == "897000"


async def test_an_open_circuit_is_told_at_once_with_its_wait(gate: Gate) -> None:
    """Its step is soon over, and one call alone finds out then."""
    for number in (1, 2):
        open_for_all(gate.bench.state, number)
    with pytest.raises(ProviderUnhealthy) as refused:
        await gate.call(1)
    assert refused.value.metadata["retry_after_ms"] == "1000"
    await gate.clock.advance(1.1)
    await gate.call(2)
    assert [number for number, _ in gate.answered] == [2]


@pytest.mark.parametrize(("ms", "left", "asked"), [(400, 9.0, 1), (100, 9.0, 2), (400, 0.2, 2)])
async def test_first_choice_is_waited_for_as_long_as_its_alias_prefers(
    gate: Gate, ms: int, left: float, asked: int
) -> None:
    """A longer rest, no preference, or too little time has the next one asked at once."""
    chain = FallbackChain(
        id=1,
        model_alias="gpt",
        is_enabled=True,
        prefer_primary_for=Duration(nanos=ms * 1_000_000),
    )
    instances = [provider(number, priority=number) for number in (1, 2)]
    keys = [key(number, number) for number in (1, 2)]
    gate.bench.runtime.table = compiled(snapshot(instances, keys=keys, chains=[chain]))
    gate.bench.state.cool_down(Subject(1, "", "key_1"), 0.3, "at rest", LIMITED)
    with gate.bench.admit() as scope:
        scope.deadline = scope.started + left
        made = asyncio.create_task(run_attempts(scope, answered))
        await asyncio.sleep(0.05)
        assert made.done() is (asked == 2)
        gate.clock.now += 0.3
        attempt, _ = await made
        scope.succeed(attempt)
    assert attempt.candidate.provider_id == asked


async def answered(_: CallScope, attempt: Attempt) -> None:
    """Answer at once."""
    attempt.is_sent = True
