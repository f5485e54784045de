"""The breaker, the rests and the retry budget, on a clock that the test sets."""

from conduit.v1.provider_health_pb2 import CIRCUIT_STATE_HALF_OPEN, CIRCUIT_STATE_OPEN
from conduit_router.routing.provider_state import (
    FAILURE_THRESHOLD,
    HALF_OPEN_SECONDS,
    OPEN_SECONDS,
    RETRY_RESERVE,
    ProviderState,
)


class Clock:
    """A clock that goes when told."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def opened(clock: Clock) -> ProviderState:
    """Return vitals with the circuit of instance 1 just opened."""
    vitals = ProviderState(clock)
    for _ in range(FAILURE_THRESHOLD):
        vitals.failed(1)
    return vitals


def test_the_circuit_opens_at_the_threshold() -> None:
    """Four failures in a row are borne, the fifth opens."""
    vitals = ProviderState(Clock())
    for _ in range(FAILURE_THRESHOLD - 1):
        vitals.failed(1)
    assert not vitals.view().open_circuits
    vitals.failed(1)
    assert vitals.view().open_circuits == {1}


def test_a_success_in_between_starts_the_count_anew() -> None:
    """Only failures in a row count."""
    vitals = ProviderState(Clock())
    for _ in range(FAILURE_THRESHOLD - 1):
        vitals.failed(1)
    vitals.succeeded(1)
    vitals.failed(1)
    assert not vitals.view().open_circuits


def test_half_open_lets_one_call_through_not_the_herd() -> None:
    """After the open time one call probes; the others go elsewhere until it is back."""
    clock = Clock()
    vitals = opened(clock)
    clock.now += OPEN_SECONDS
    assert not vitals.view().open_circuits
    vitals.begin(1)
    assert vitals.view().open_circuits == {1}


def test_a_probe_that_succeeds_closes_the_circuit() -> None:
    """The instance is back."""
    clock = Clock()
    vitals = opened(clock)
    clock.now += OPEN_SECONDS
    vitals.begin(1)
    vitals.succeeded(1)
    assert not vitals.view().open_circuits


def test_a_probe_that_fails_opens_it_again_for_the_whole_time() -> None:
    """One failure is enough now."""
    clock = Clock()
    vitals = opened(clock)
    clock.now += OPEN_SECONDS
    vitals.begin(1)
    vitals.failed(1)
    clock.now += OPEN_SECONDS - 1
    assert vitals.view().open_circuits == {1}
    clock.now += 1
    assert not vitals.view().open_circuits


def test_a_lost_probe_does_not_block_for_ever() -> None:
    """After the half-open time another call may probe."""
    clock = Clock()
    vitals = opened(clock)
    clock.now += OPEN_SECONDS
    vitals.begin(1)
    clock.now += HALF_OPEN_SECONDS
    assert not vitals.view().open_circuits


def test_circuits_that_are_not_closed_are_told() -> None:
    """Open for a minute, then half-open until a call has found out."""
    clock = Clock()
    vitals = opened(clock)
    vitals.failed(2)
    assert vitals.circuits() == {1: CIRCUIT_STATE_OPEN}
    clock.now += OPEN_SECONDS
    vitals.begin(1)
    assert vitals.circuits() == {1: CIRCUIT_STATE_HALF_OPEN}
    vitals.succeeded(1)
    assert vitals.circuits() == {}


def test_a_rest_ends_by_itself() -> None:
    """A key is benched for as long as was said."""
    clock = Clock()
    vitals = ProviderState(clock)
    vitals.cool_down("key_1", 5.0, "rate limited")
    assert vitals.view().cooldowns["key_1"].reason == "rate limited"
    clock.now += 5.0
    assert not vitals.view().cooldowns


def test_the_retry_budget_runs_out_and_comes_back_with_successes() -> None:
    """Retries never add more than a share to the load of a failing instance."""
    vitals = ProviderState(Clock())
    assert [vitals.may_retry(1) for _ in range(int(RETRY_RESERVE) + 2)] == [True] * int(
        RETRY_RESERVE
    ) + [False] * 2
    for _ in range(5):
        vitals.succeeded(1)
    assert [vitals.may_retry(1), vitals.may_retry(1)] == [True, False]
