"""What routers report of their circuits, by the clock."""

from conduit.v1.provider_health_pb2 import (
    CIRCUIT_STATE_CLOSED,
    CIRCUIT_STATE_HALF_OPEN,
    CIRCUIT_STATE_OPEN,
)
from conduit_health.state.circuit import REPORT_HOLDS_SECONDS, RouterCircuits


def test_the_most_open_circuit_of_an_instance_is_shown() -> None:
    """One router that lets nothing through is worth knowing of; others may not have called."""
    circuits = RouterCircuits()
    assert circuits.state(1, 0) == CIRCUIT_STATE_CLOSED
    circuits.report("a", {1: CIRCUIT_STATE_HALF_OPEN}, 0)
    assert circuits.state(1, 0) == CIRCUIT_STATE_HALF_OPEN
    circuits.report("b", {1: CIRCUIT_STATE_OPEN, 2: CIRCUIT_STATE_HALF_OPEN}, 0)
    assert circuits.state(1, 0) == CIRCUIT_STATE_OPEN
    assert circuits.state(2, 0) == CIRCUIT_STATE_HALF_OPEN
    assert circuits.state(3, 0) == CIRCUIT_STATE_CLOSED


def test_a_report_takes_the_place_of_the_routers_last() -> None:
    """What it does not name any more is closed."""
    circuits = RouterCircuits()
    circuits.report("a", {1: CIRCUIT_STATE_OPEN}, 0)
    circuits.report("a", {2: CIRCUIT_STATE_OPEN}, 1)
    assert circuits.state(1, 1) == CIRCUIT_STATE_CLOSED
    circuits.report("a", {}, 2)
    assert circuits.state(2, 2) == CIRCUIT_STATE_CLOSED


def test_a_router_that_falls_silent_is_forgotten() -> None:
    """It ended, or cannot be heard: nobody knows what its circuits are."""
    circuits = RouterCircuits()
    circuits.report("silent", {1: CIRCUIT_STATE_OPEN}, 0)
    circuits.report("alive", {1: CIRCUIT_STATE_HALF_OPEN}, 10)
    assert circuits.state(1, REPORT_HOLDS_SECONDS) == CIRCUIT_STATE_OPEN
    assert circuits.state(1, REPORT_HOLDS_SECONDS + 1) == CIRCUIT_STATE_HALF_OPEN
