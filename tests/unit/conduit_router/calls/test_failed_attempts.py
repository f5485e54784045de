"""What a failed attempt leaves behind: counts, and a charge for what a provider may have."""

from pathlib import Path

import pytest
from tests.support.call_bench import Bench, used

from conduit.v1.charge_pb2 import USAGE_SOURCE_ESTIMATE
from conduit_kernel.errors import StreamInterrupted, UpstreamError
from conduit_router.calls.failed_attempts import account_for_failure


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return a bench with two instances."""
    return Bench(tmp_path)


def test_a_cut_stream_is_told_to_health(bench: Bench) -> None:
    """Other failures are told of with their evidence, so not here."""
    with bench.admit(stream=True) as scope:
        attempt = bench.begun(scope)
        account_for_failure(scope, attempt, UpstreamError("it failed"), 1.0)
        assert bench.outcomes.drain() == []
        account_for_failure(scope, attempt, StreamInterrupted("cut"), 1.0)
        [outcome] = bench.outcomes.drain()
        assert (outcome.provider_id, outcome.key_id) == (1, "key_1")


def test_what_a_caller_limited_is_nobodys_failure(bench: Bench) -> None:
    """It reads slowly, perhaps."""
    with bench.admit(stream=True) as scope:
        attempt = bench.begun(scope)
        account_for_failure(scope, attempt, StreamInterrupted("late", limit="total"), 1.0)
        assert bench.outcomes.drain() == []


def test_what_was_sent_is_estimated_once(bench: Bench) -> None:
    """Where nobody waits for the provider's own count, unless it came before."""
    with bench.admit() as scope:
        attempt = bench.begun(scope)
        account_for_failure(scope, attempt, RuntimeError("ours"), 1.0)
        assert attempt.consumption is None
        attempt.is_sent = True
        account_for_failure(scope, attempt, RuntimeError("ours"), 1.0)
        assert attempt.consumption is not None
        assert attempt.consumption.source == USAGE_SOURCE_ESTIMATE
        attempt.consumption = known = used()
        account_for_failure(scope, attempt, RuntimeError("ours"), 1.0)
        assert attempt.consumption is known
