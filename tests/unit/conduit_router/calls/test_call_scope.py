"""A call's scope, with a clock of the test's own: attempts and calls end exactly once."""

import asyncio
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import pytest
from google.protobuf.duration_pb2 import Duration
from tests.support.call_bench import CALLER, Bench, used
from tests.support.snapshots import ALIAS, compiled, mapping, provider, snapshot

from conduit.v1.charge_pb2 import USAGE_SOURCE_ESTIMATE, USAGE_SOURCE_PROVIDER
from conduit.v1.timeouts_pb2 import Timeouts
from conduit_kernel.errors import (
    DeadlineExceeded,
    StreamInterrupted,
    TooManyCalls,
    UpstreamError,
)
from conduit_providers.patience import USUAL
from conduit_router.accounting.call_counts import GONE
from conduit_router.routing.attempt_plan import Consumption
from conduit_router.routing.health_view import Subject
from conduit_router.trail.call_end import EndListener
from conduit_router.virtual_keys import CallsUnderWay


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    """Return a runtime with a spool of its own."""
    made = Bench(tmp_path)
    yield made
    made.spool.close()


def test_a_success_is_charged_and_counted_once(bench: Bench) -> None:
    """The attempt ends with `succeed`, the call when the scope is left."""
    with bench.admit() as scope:
        attempt = bench.begun(scope)
        bench.now += 0.5
        attempt.is_sent, attempt.waited, attempt.consumption = True, 0.4, used()
        summary = scope.succeed(attempt)
        assert bench.endings == []
    assert bench.codes == [""]
    charges, tallies = bench.records()
    assert [charge.usage_source for charge in charges] == [USAGE_SOURCE_PROVIDER]
    assert (tallies[1].successes, tallies[1].failures) == (1, 0)
    assert (summary.attempts, summary.served_by.provider_id) == (1, 1)
    assert summary.overhead_ms == 100.0


def test_a_candidate_s_own_timeouts_win(bench: Bench) -> None:
    """One by one; those that it does not have are the call's."""
    own = Timeouts(connect=Duration(seconds=2), first_token=Duration(seconds=7))
    source = snapshot([provider(1)], mappings=[mapping(1, 1, timeouts=own)])
    bench.runtime.table = compiled(source)
    with bench.admit(seconds=60) as scope:
        limits = scope.timeouts(bench.begun(scope))
    assert (limits.connect, limits.header, limits.total) == (2.0, 7.0, 60.0)
    assert limits.idle == USUAL.idle


def test_the_time_of_an_attempt_is_its_own(bench: Bench) -> None:
    """One instance's analytics must not show what another one took."""
    with bench.admit() as scope:
        first = bench.begun(scope)
        bench.now += 2.0
        failure = UpstreamError("silence")
        scope.end_attempt(first, failure)
        scope.plan.failed(failure, may_retry=False)
        second = bench.begun(scope)
        bench.now += 0.25
        second.waited, second.consumption = 0.25, used()
        scope.succeed(second)
    _, tallies = bench.records()
    assert (tallies[1].failures, tallies[1].duration_ms_sum) == (1, 2000)
    assert (tallies[2].successes, tallies[2].duration_ms_sum) == (1, 250)


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (GeneratorExit(), GONE),
        (DeadlineExceeded("late"), "DEADLINE_EXCEEDED"),
        (RuntimeError("ours"), "INTERNAL"),
    ],
    ids=repr,
)
def test_what_a_provider_may_have_is_charged_though_nobody_waits(
    bench: Bench, error: BaseException, code: str
) -> None:
    """The caller left, its time passed, or we crashed: an estimate, and nothing against anybody."""
    with pytest.raises(type(error)), bench.admit() as scope:  # noqa: PT012 # it must end in there
        bench.begun(scope).is_sent = True
        bench.now += 1.0
        raise error
    assert bench.codes == [code]
    charges, tallies = bench.records()
    assert [(c.usage_source, c.is_complete) for c in charges] == [(USAGE_SOURCE_ESTIMATE, False)]
    assert tallies == {}
    assert bench.outcomes.drain() == []


def test_what_was_never_sent_costs_nothing(bench: Bench) -> None:
    """A crash before anything left the process."""
    with pytest.raises(RuntimeError), bench.admit() as scope:  # noqa: PT012 # as above
        bench.begun(scope)
        raise RuntimeError
    assert bench.records() == ([], {})
    assert len(bench.endings) == 1


@pytest.mark.parametrize("why", [{}, {"limit": "idle"}, {"kind": "malformed"}], ids=str)
def test_a_cut_stream_is_charged_and_counts_against_its_instance(
    bench: Bench, why: dict[str, str]
) -> None:
    """What was handed out stays handed out; five that are cut, stall or break open the circuit."""
    for _ in range(5):
        with pytest.raises(StreamInterrupted), bench.admit(stream=True) as scope:  # noqa: PT012 # as above
            attempt = bench.begun(scope)
            attempt.is_sent, attempt.consumption = True, used(is_complete=False)
            raise StreamInterrupted("cut", **why)
    charges, tallies = bench.records()
    assert [charge.is_complete for charge in charges] == [False] * 5
    assert tallies[1].failures == 5
    assert set(bench.state.view(CALLER.caller.virtual_key_id).open_circuits) == {
        Subject(1, "model-1")
    }


def test_an_attempt_after_the_deadline_is_not_begun(bench: Bench) -> None:
    """Nobody waits for it any more."""
    with pytest.raises(DeadlineExceeded), bench.admit(seconds=2) as scope:  # noqa: PT012 # as above
        assert bench.begun(scope).first_event == 2.0
        bench.now += 2.0
        scope.plan.restart(scope.plan.decision)
        bench.begun(scope)


def test_streams_and_whole_answers_have_their_own_time(bench: Bench) -> None:
    """A whole answer's head comes when the provider is through, a stream's token soon."""
    for stream, seconds in ((True, USUAL.first_token), (False, USUAL.whole)):
        with bench.admit(stream=stream) as scope:
            attempt = bench.begun(scope)
            timeouts = scope.timeouts(attempt)
            assert (attempt.first_event, attempt.is_cut_short) == (seconds, False)
            assert (timeouts.connect, timeouts.header, timeouts.idle) == (5.0, seconds, USUAL.idle)
    with bench.admit(seconds=2) as scope:
        assert bench.begun(scope).is_cut_short


def test_a_listener_that_raises_harms_nobody(bench: Bench) -> None:
    """The others hear of the end, and the caller of its answer."""

    def broken(*_: object) -> None:
        raise ValueError("no ears")

    bench.runtime.end_listeners = (EndListener(broken, broken), *bench.runtime.end_listeners)
    with bench.admit() as scope:
        attempt = bench.begun(scope)
        scope.succeed(attempt)
    assert bench.codes == [""]


def test_a_crash_of_ours_at_the_end_keeps_nobody_from_hearing_of_it(bench: Bench) -> None:
    """Whoever gives back what a call held must hear of each end, once."""
    with pytest.raises(AttributeError), bench.admit() as scope:
        # What no codec would count.
        bench.begun(scope).consumption = cast("Consumption", object())
    assert bench.codes == ["INTERNAL"]


@pytest.mark.parametrize(
    "error",
    [None, GeneratorExit(), DeadlineExceeded("late"), asyncio.CancelledError(), KeyError("ours")],
    ids=repr,
)
def test_a_call_takes_a_place_of_its_key_until_it_ends(
    bench: Bench, error: BaseException | None
) -> None:
    """However it ends, and once; a key that has none left is told so, others go on."""
    bench.runtime.under_way = CallsUnderWay(2)
    with bench.admit() as scope, contextlib.suppress(BaseException), bench.admit():
        with pytest.raises(TooManyCalls) as refused:
            bench.admit()
        with bench.admit(by=2):
            assert bench.runtime.under_way.count == 3
        bench.begun(scope)
        if error is not None:
            raise error
    assert refused.value.metadata["retry_after_ms"] == "1000"
    assert bench.runtime.under_way.count == 0
    assert bench.codes[0] == "TOO_MANY_CALLS"
    with bench.admit(), bench.admit():
        pass


def test_a_crash_of_ours_at_the_end_gives_the_place_back(bench: Bench) -> None:
    """Or the key would have a place less for ever."""
    with pytest.raises(AttributeError), bench.admit() as scope:
        # What no codec would count.
        bench.begun(scope).consumption = cast("Consumption", object())
    assert bench.runtime.under_way.count == 0


def test_the_alias_is_that_of_the_snapshot(bench: Bench) -> None:
    """The bench asks for what it configured."""
    assert bench.admit().requirements.model == ALIAS
