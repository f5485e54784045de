"""The circuits that routers tell each other of, by the clock."""

from google.protobuf.duration_pb2 import Duration

from conduit.internal.v1.outcome_pb2 import SharedCircuit
from conduit_health.state.circuit import REPORT_HOLDS_SECONDS
from conduit_health.state.shared_circuits import SharedCircuits


def circuit(provider_id: int, seconds: int = 60) -> SharedCircuit:
    """Return a circuit of a model at an instance."""
    return SharedCircuit(
        provider_id=provider_id,
        model="gpt",
        remaining=Duration(seconds=seconds),
        age=Duration(seconds=3),
    )


def test_a_router_hears_of_the_others_circuits_and_not_of_its_own() -> None:
    """With the time that is left by now, and the age that they have by now."""
    circuits = SharedCircuits()
    circuits.report("a", [circuit(1)], 100.0)
    assert circuits.for_router("a", 100.0) == []
    [told] = circuits.for_router("b", 112.5)
    assert (told.provider_id, told.model, told.remaining.ToMilliseconds()) == (1, "gpt", 47_500)
    assert told.age.ToMilliseconds() == 15_500
    [told] = circuits.for_router("b", 100.0 + REPORT_HOLDS_SECONDS)
    assert told.remaining.ToSeconds() == 30


def test_a_time_that_is_over_is_none_left() -> None:
    """Its router finds out just then how things are."""
    circuits = SharedCircuits()
    circuits.report("a", [circuit(1, 5)], 100.0)
    [told] = circuits.for_router("b", 110.0)
    assert told.remaining == Duration()


def test_a_report_tells_whether_circuits_opened_or_closed() -> None:
    """Mere passing of time is no news."""
    circuits = SharedCircuits()
    assert circuits.report("a", [circuit(1)], 0.0)
    assert not circuits.report("a", [circuit(1, 50)], 10.0)
    assert circuits.report("a", [circuit(1), circuit(2)], 11.0)
    assert circuits.report("a", [], 12.0)
    assert circuits.for_router("b", 12.0) == []


def test_a_router_that_fell_silent_is_forgotten() -> None:
    """Nobody knows what its circuits are."""
    circuits = SharedCircuits()
    circuits.report("a", [circuit(1)], 0.0)
    assert circuits.for_router("b", REPORT_HOLDS_SECONDS + 1.0) == []
