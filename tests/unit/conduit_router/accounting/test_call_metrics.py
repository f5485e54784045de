"""An operator sees who serves what, how well, how soon and for how much."""

from pathlib import Path

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry
from tests.support.call_bench import Bench, used
from tests.support.snapshots import ALIAS

from conduit_kernel.errors import UpstreamError, UpstreamRateLimited
from conduit_providers.operation import Requirements
from conduit_router.accounting import charging
from conduit_router.accounting.call_metrics import CallMetrics


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    """Return two instances of an alias."""
    return Bench(tmp_path)


def shown(bench: Bench) -> CollectorRegistry:
    """Return a registry of what was counted."""
    registry = CollectorRegistry()
    registry.register(CallMetrics(bench.recorder))
    return registry


def place(bench: Bench) -> dict[str, str]:
    """Return the labels of the first instance."""
    [first, *_] = bench.recorder.attempts.values()
    return {
        "provider": first.provider,
        "provider_type": first.provider_type,
        "model": first.model,
        "operation": first.operation,
    }


def test_a_stream_that_fell_back_is_in_all_figures(bench: Bench) -> None:
    """By alias for the call; by provider, model and key for its two attempts."""
    with bench.admit(stream=True) as scope:
        first = bench.begun(scope)
        bench.now += 2.0
        error = UpstreamRateLimited("slow down")
        scope.end_attempt(first, error)
        scope.plan.failed(error, may_retry=False)
        second = bench.begun(scope)
        second.waited = 0.2
        bench.now += 1.0
        second.consumption = used()
        scope.succeed(second)
    value = shown(bench).get_sample_value
    call = {"alias": ALIAS, "operation": "chat"}
    assert value("conduit_calls_total", {**call, "outcome": "OK"}) == 1
    assert value("conduit_call_fallbacks_total", call) == 1
    failed = place(bench)
    labels = {**failed, "key": "key_1"}
    refused = {**labels, "outcome": "PROVIDER_RATE_LIMITED"}
    assert value("conduit_attempts_total", refused) == 1
    assert value("conduit_attempt_seconds_sum", failed) == 2.0
    assert value("conduit_first_token_seconds_count", failed) is None
    other = bench.recorder.attempts[2, "key_2", "model-2", "chat"]
    served = {**failed, "provider": other.provider, "model": "model-2"}
    labels = {**served, "key": "key_2"}
    assert value("conduit_attempts_total", {**labels, "outcome": "OK"}) == 1
    assert value("conduit_usage_total", {**labels, "unit": "input_tokens"}) == 3
    assert value("conduit_usage_total", {**labels, "unit": "output_tokens"}) == 5
    # No price is known here.
    assert value("conduit_cost_usd_total", labels) == 0
    assert value("conduit_unpriced_charges_total", labels) == 1
    assert value("conduit_first_token_seconds_bucket", {**served, "le": "0.1"}) == 0
    assert value("conduit_first_token_seconds_bucket", {**served, "le": "0.25"}) == 1


def test_a_call_that_failed_counts_with_its_reason(bench: Bench) -> None:
    """So that an alert can be on an alias, whoever serves it."""
    with pytest.raises(UpstreamError), bench.admit():
        raise UpstreamError("broken")
    labels = {"alias": ALIAS, "operation": "chat", "outcome": "PROVIDER_ERROR"}
    assert shown(bench).get_sample_value("conduit_calls_total", labels) == 1


def test_series_are_bounded(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A configuration that changes without end fills no memory; what is too much counts as one."""
    monkeypatch.setattr(charging, "MAX_COUNTS", 2)
    with bench.admit() as scope:
        attempt = bench.begun(scope)
        scope.succeed(attempt)
    for number in range(5):
        changed = replace(attempt.candidate, model=f"m{number}")
        bench.recorder.count_attempt(
            replace(attempt, candidate=changed), Requirements(ALIAS, "chat"), 1.0
        )
        bench.recorder.count_call(f"alias-{number}", "chat")
    registry = shown(bench)
    others = {
        "provider": "(others)",
        "provider_type": "",
        "model": "(others)",
        "operation": "chat",
        "key": "",
        "outcome": "OK",
    }
    assert registry.get_sample_value("conduit_attempts_total", others) == 4
    labels = {"alias": "(others)", "operation": "chat", "outcome": "OK"}
    assert registry.get_sample_value("conduit_calls_total", labels) == 4
    assert len(bench.recorder.attempts) == len(bench.recorder.calls) == 3
