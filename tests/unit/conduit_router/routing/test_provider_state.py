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
    """Return the state with the circuit of instance 1 just opened."""
    state = ProviderState(clock)
    for _ in range(FAILURE_THRESHOLD):
        state.failed(1)
    return state


def test_the_circuit_opens_at_the_threshold() -> None:
    """Four failures in a row are borne, the fifth opens."""
    state = ProviderState(Clock())
    for _ in range(FAILURE_THRESHOLD - 1):
        state.failed(1)
    assert not state.view().open_circuits
    state.failed(1)
    assert state.view().open_circuits == {1}


def test_a_success_in_between_starts_the_count_anew() -> None:
    """Only failures in a row count."""
    state = ProviderState(Clock())
    for _ in range(FAILURE_THRESHOLD - 1):
        state.failed(1)
    state.succeeded(1)
    state.failed(1)
    assert not state.view().open_circuits


def test_half_open_lets_one_call_through_not_the_herd() -> None:
    """After the open time one call probes; the others go elsewhere until it is back."""
    clock = Clock()
    state = opened(clock)
    clock.now += OPEN_SECONDS
    assert not state.view().open_circuits
    state.begin(1)
    assert state.view().open_circuits == {1}


def test_a_probe_that_succeeds_closes_the_circuit() -> None:
    """The instance is back."""
    clock = Clock()
    state = opened(clock)
    clock.now += OPEN_SECONDS
    state.begin(1)
    state.succeeded(1)
    assert not state.view().open_circuits


def test_a_probe_that_fails_opens_it_again_for_the_whole_time() -> None:
    """One failure is enough now."""
    clock = Clock()
    state = opened(clock)
    clock.now += OPEN_SECONDS
    state.begin(1)
    state.failed(1)
    clock.now += OPEN_SECONDS - 1
    assert state.view().open_circuits == {1}
    clock.now += 1
    assert not state.view().open_circuits


def test_a_lost_probe_does_not_block_for_ever() -> None:
    """After the half-open time another call may probe."""
    clock = Clock()
    state = opened(clock)
    clock.now += OPEN_SECONDS
    state.begin(1)
    clock.now += HALF_OPEN_SECONDS
    assert not state.view().open_circuits


def test_circuits_that_are_not_closed_are_told() -> None:
    """Open for a minute, then half-open until a call has found out."""
    clock = Clock()
    state = opened(clock)
    state.failed(2)
    assert state.circuits() == {1: CIRCUIT_STATE_OPEN}
    clock.now += OPEN_SECONDS
    state.begin(1)
    assert state.circuits() == {1: CIRCUIT_STATE_HALF_OPEN}
    state.succeeded(1)
    assert state.circuits() == {}


def test_a_rest_ends_by_itself() -> None:
    """A key is benched for as long as was said."""
    clock = Clock()
    state = ProviderState(clock)
    state.cool_down("key_1", 5.0, "rate limited")
    assert state.view().cooldowns["key_1"].reason == "rate limited"
    clock.now += 5.0
    assert not state.view().cooldowns


def test_the_retry_budget_runs_out_and_comes_back_with_successes() -> None:
    """Retries never add more than a share to the load of a failing instance."""
    state = ProviderState(Clock())
    assert [state.may_retry(1) for _ in range(int(RETRY_RESERVE) + 2)] == [True] * int(
        RETRY_RESERVE
    ) + [False] * 2
    for _ in range(5):
        state.succeeded(1)
    assert [state.may_retry(1), state.may_retry(1)] == [True, False]
