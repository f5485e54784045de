"""Attempts as those hear of them who trace and measure calls."""

from pathlib import Path

import pytest
from tests.support.call_bench import Bench, used

from conduit_kernel.errors import UpstreamError
from conduit_router.calls.call_scope import CallScope
from conduit_router.routing.attempt_plan import Attempt
from conduit_router.trail.attempt_facts import (
    AttemptFacts,
    CallAttempts,
    attempts_of,
    observe_end,
)


class Observer:
    """Keeps what it sees; fails if it is told to."""

    def __init__(self, *, fails: bool = False) -> None:
        self.begun: list[Attempt] = []
        self.ended: list[list[AttemptFacts]] = []
        self._fails = fails

    def begin(self, call: CallAttempts, attempt: Attempt) -> None:
        """See an attempt begin."""
        self.begun.append(attempt)

    def end(self, call: CallAttempts) -> None:
        """See a call end."""
        if self._fails:
            raise RuntimeError("fails")
        self.ended.append(list(attempts_of(call)))


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a bench."""
    return Bench(tmp_path)


def call_twice(bench: Bench, scope: CallScope) -> None:
    """Make an attempt that fails and one that does not."""
    with scope:
        first = bench.begun(scope)
        bench.now += 2.0
        scope.end_attempt(first, UpstreamError("silence", status="503"))
        bench.now += 1.0
        second = bench.begun(scope)
        bench.now += 4.0
        second.consumption = used()
        scope.succeed(second)
        bench.now += 8.0


def test_each_attempt_has_its_own_times_and_its_own_end(bench: Bench) -> None:
    """In order; what follows the last one is not part of it."""
    observer = Observer()
    bench.runtime.observers = (observer,)
    call_twice(bench, bench.admit())
    [[failed, made]] = observer.ended
    assert [each.attempt for each in (failed, made)] == observer.begun
    assert [each.number for each in (failed, made)] == [1, 2]
    assert failed.ended - failed.attempt.began == 2.0
    assert made.ended - made.attempt.began == 4.0
    assert failed.failure is not None
    assert failed.failure.upstream_status == 503
    assert made.failure is None


def test_an_observer_that_fails_changes_nothing(bench: Bench) -> None:
    """The call has ended; other observers hear of it."""
    bench.runtime.observers = (Observer(fails=True), heard := Observer())
    call_twice(bench, bench.admit())
    assert len(heard.ended) == 1
    assert bench.codes == [""]


def test_a_call_without_attempts_has_none(bench: Bench) -> None:
    """As of one that waited in vain."""
    scope = bench.admit()
    with scope:
        pass
    observe_end(observer := Observer(), scope)
    assert observer.ended == [[]]
