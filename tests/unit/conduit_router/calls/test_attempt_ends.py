"""How attempts end that failed, whoever made them."""

from pathlib import Path

import pytest
from tests.support.call_bench import Bench, used

from conduit.v1.charge_pb2 import USAGE_SOURCE_ESTIMATE
from conduit.v1.error_reason_pb2 import ErrorReason
from conduit_kernel.errors import (
    DeadlineExceeded,
    InvalidRequest,
    ServiceUnavailable,
    UpstreamTimeout,
)
from conduit_router.calls.attempt_ends import end_failed


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a bench."""
    return Bench(tmp_path)


def blamed(bench: Bench) -> list[str]:
    """Return the failures that Health hears of."""
    return [ErrorReason.Name(each.reason) for each in bench.outcomes.drain() if each.reason]


def test_a_failure_counts_against_what_it_is_about(bench: Bench) -> None:
    """And says how long was waited."""
    silence = UpstreamTimeout("silence")
    with bench.admit() as scope:
        attempt = bench.begun(scope)
        bench.now += 0.5
        assert end_failed(scope, attempt, silence) is silence
    assert silence.metadata["waited_ms"] == "500"
    assert blamed(bench) == [f"ERROR_REASON_{silence.reason}"]


def test_the_callers_own_limit_is_nobodys_failure(bench: Bench) -> None:
    """Whatever had not answered by then."""
    with bench.admit(seconds=2) as scope:
        attempt = bench.begun(scope)
        attempt.is_sent = True
        bench.now += 2
        ended = end_failed(scope, attempt, UpstreamTimeout("silence"))
    assert isinstance(ended, DeadlineExceeded)
    assert [each.usage_source for each in bench.records()[0]] == [USAGE_SOURCE_ESTIMATE]
    assert blamed(bench) == []


@pytest.mark.parametrize("error", [ServiceUnavailable("full"), RuntimeError("ours")])
def test_what_is_ours_blames_nobody(bench: Bench, error: Exception) -> None:
    """It ends the attempt, and that is all."""
    with bench.admit() as scope:
        assert end_failed(scope, bench.begun(scope), error) is error
        assert len(scope.ended) == 1
    assert blamed(bench) == []


def test_what_no_dialect_can_say_was_no_attempt(bench: Bench) -> None:
    """It is remembered, but neither charged nor counted."""
    with bench.admit() as scope:
        end_failed(scope, bench.begun(scope), InvalidRequest("cannot say it"))
        assert (scope.ended, len(scope.trail)) == ((), 1)
    assert bench.records() == ([], {})


def test_a_candidate_that_cannot_be_asked_was_no_attempt(bench: Bench) -> None:
    """It is not charged, not counted, and does not use up an attempt."""
    with bench.admit() as scope:
        first = bench.begun(scope)
        end_failed(scope, first, InvalidRequest("it cannot say this"))
        scope.plan.rejected()
        second = bench.begun(scope)
        second.consumption = used()
        summary = scope.succeed(second)
    assert (summary.attempts, summary.fallbacks, summary.served_by.provider_id) == (1, 0, 2)
    _, tallies = bench.records()
    assert tallies.keys() == {2}
