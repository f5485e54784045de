"""An open circuit, with moments that the tests give."""

from conduit_kernel.breaker_policy import DEFAULT_POLICY
from conduit_kernel.circuit import FIRST_STEP_SECONDS, Circuit, OpenCircuit

OPEN_SECONDS = DEFAULT_POLICY.open_seconds


def begin(circuit: Circuit, now: float, *, caller: int = 1, is_last: bool = False) -> bool:
    """Begin an attempt; tell whether it may be made."""
    if not circuit.admits(now, DEFAULT_POLICY, caller, is_last=is_last):
        return False
    circuit.probe(now, caller)
    return True


def test_it_lets_nobody_through_for_its_time() -> None:
    """Calls that have somebody else wait for the whole time, those that have nobody for a step."""
    circuit = Circuit(0.0, DEFAULT_POLICY)
    shut = OpenCircuit(OPEN_SECONDS, FIRST_STEP_SECONDS)
    assert circuit.standing(0.5, DEFAULT_POLICY, 7) == shut
    assert not begin(circuit, OPEN_SECONDS - 0.1)
    assert not begin(circuit, 0.9, is_last=True)


def test_one_call_alone_finds_out_how_things_are() -> None:
    """The others are not let through until it is back, or given up."""
    circuit = Circuit(0.0, DEFAULT_POLICY)
    assert circuit.standing(OPEN_SECONDS, DEFAULT_POLICY, 1) is None
    assert begin(circuit, OPEN_SECONDS)
    given_up = OPEN_SECONDS + DEFAULT_POLICY.half_open_seconds
    shut = OpenCircuit(given_up, given_up)
    assert circuit.standing(OPEN_SECONDS, DEFAULT_POLICY, 2) == shut
    assert not begin(circuit, OPEN_SECONDS + 1)
    assert not begin(circuit, OPEN_SECONDS + 1, is_last=True)
    assert begin(circuit, given_up)


def test_a_silent_probe_prolongs_the_open_time_by_nothing() -> None:
    """The next one begins an open time after it began."""
    circuit = Circuit(0.0, DEFAULT_POLICY)
    assert begin(circuit, OPEN_SECONDS)
    circuit.reopen(OPEN_SECONDS + 30.0, DEFAULT_POLICY, OPEN_SECONDS, 1)
    assert not begin(circuit, 2 * OPEN_SECONDS - 1.0)
    assert begin(circuit, 2 * OPEN_SECONDS)


def test_a_probe_that_told_nothing_is_not_its_callers_again_at_once() -> None:
    """Another caller's turn comes before."""
    circuit = Circuit(0.0, DEFAULT_POLICY, users=(1, 2))
    assert begin(circuit, OPEN_SECONDS, caller=1)
    circuit.release(OPEN_SECONDS)
    circuit.let_others_first(1, OPEN_SECONDS + 30.0)
    assert not begin(circuit, OPEN_SECONDS, caller=1)
    assert begin(circuit, OPEN_SECONDS, caller=2)


def test_steps_for_the_last_one_double_up_to_the_open_time() -> None:
    """1, 2, 4, ... seconds, so that an only provider that is back is used soon."""
    circuit, now, steps = Circuit(0.0, DEFAULT_POLICY), 0.0, list[float]()
    for _ in range(9):
        steps.append(circuit.last_until - now)
        now = circuit.last_until
        assert begin(circuit, now, is_last=True)
        circuit.reopen(now, DEFAULT_POLICY, now, 1)
    assert steps == [1, 2, 4, 8, 16, 32, 60, 60, 60]


def test_a_failure_of_ones_own_is_no_word_of_somebody_else_any_more() -> None:
    """Who has seen it fail tells the others."""
    circuit = Circuit(0.0, DEFAULT_POLICY, shut_for=frozenset({1}))
    circuit.adopt(17.0)
    assert (circuit.is_for_all, circuit.is_adopted, circuit.until) == (True, True, 17.0)
    circuit.reopen(20.0, DEFAULT_POLICY, 19.0, 1)
    assert not circuit.is_adopted
