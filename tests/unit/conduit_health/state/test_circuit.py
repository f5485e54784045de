"""The circuit, by the clock."""

from conduit.v1.provider_health_pb2 import (
    CIRCUIT_STATE_CLOSED,
    CIRCUIT_STATE_HALF_OPEN,
    CIRCUIT_STATE_OPEN,
)
from conduit_health.state.circuit import Circuit


def opened_at(at: float) -> Circuit:
    """Return a circuit that five failures opened."""
    circuit = Circuit()
    circuit.fail(at, 5)
    return circuit


def test_five_failures_in_a_row_open_it() -> None:
    """Four do not, and a success in between starts the count anew."""
    circuit = Circuit()
    circuit.fail(0, 4)
    assert circuit.state(0) == CIRCUIT_STATE_CLOSED
    circuit.succeed()
    circuit.fail(1, 4)
    assert circuit.state(1) == CIRCUIT_STATE_CLOSED
    circuit.fail(2, 1)
    assert circuit.state(2) == CIRCUIT_STATE_OPEN


def test_after_a_minute_it_is_half_open_until_somebody_knows() -> None:
    """A success then closes it, one failure opens it for another minute."""
    circuit = opened_at(100)
    assert circuit.state(159.9) == CIRCUIT_STATE_OPEN
    assert circuit.state(160) == CIRCUIT_STATE_HALF_OPEN
    circuit.fail(161, 1)
    assert circuit.state(162) == CIRCUIT_STATE_OPEN
    assert circuit.state(221) == CIRCUIT_STATE_HALF_OPEN
    circuit.succeed()
    assert circuit.state(221) == CIRCUIT_STATE_CLOSED


def test_failures_of_calls_under_way_do_not_keep_it_open_for_longer() -> None:
    """What fails while it is open was sent before, and moves nothing."""
    circuit = opened_at(100)
    circuit.fail(150, 3)
    assert circuit.state(160) == CIRCUIT_STATE_HALF_OPEN


def test_half_open_it_wants_one_try_in_thirty_seconds() -> None:
    """Closed and open it wants none."""
    circuit = opened_at(100)
    assert not Circuit().wants_try(100)
    assert not circuit.wants_try(159)
    assert circuit.wants_try(160)
    assert not circuit.wants_try(161)
    assert not circuit.wants_try(189)
    assert circuit.wants_try(190)
