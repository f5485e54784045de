"""The breaker, with moments that the tests give."""

import random

import pytest

from conduit_kernel.breaker import MAX_CALLERS, RAMP_START, Breaker
from conduit_kernel.breaker_policy import DEFAULT_POLICY, BreakerPolicy
from conduit_kernel.circuit import OpenCircuit

THRESHOLD, OPEN_SECONDS = DEFAULT_POLICY.failure_threshold, DEFAULT_POLICY.open_seconds


def fail(breaker: Breaker, caller: int, times: int = 1, now: float = 0.0) -> None:
    """Let a caller's attempts fail at once."""
    for _ in range(times):
        breaker.failed(caller, now, now)


def opened(now: float = 0.0, callers: int = 1) -> Breaker:
    """Return a breaker that has just opened for everybody, as so many callers could not connect."""
    breaker = Breaker()
    for number in range(THRESHOLD):
        breaker.failed(1 + number % callers, now, now, is_impersonal=True)
    assert breaker.shared is not None
    return breaker


def standing(breaker: Breaker, caller: int, now: float) -> OpenCircuit | None:
    """Return until when a caller is not let through."""
    circuit = breaker.circuit(caller)
    return None if circuit is None else circuit.standing(now, DEFAULT_POLICY)


def begin(breaker: Breaker, now: float, *, caller: int = 1, is_last: bool = False) -> bool:
    """Begin an attempt where a circuit is open; tell whether it may be made."""
    circuit = breaker.circuit(caller)
    assert circuit is not None
    if not circuit.admits(now, DEFAULT_POLICY, caller, is_last=is_last):
        return False
    circuit.probe(now, caller)
    return True


def test_five_failures_in_a_row_open_it_for_their_caller() -> None:
    """Four are borne; one caller's own are no reason to turn others away."""
    breaker = Breaker()
    fail(breaker, 1, THRESHOLD - 1)
    assert breaker.circuit(1) is None
    fail(breaker, 1)
    assert breaker.circuit(1) is not None
    assert breaker.circuit(2) is None


def test_a_success_of_anybody_starts_the_count_anew() -> None:
    """Only failures in a row count."""
    breaker = Breaker()
    fail(breaker, 1, THRESHOLD - 1)
    breaker.succeeded(2, 0.0, 0.0)
    fail(breaker, 1)
    assert breaker.circuit(1) is None


def test_failures_of_several_callers_open_it_for_everybody() -> None:
    """As many as it takes without those of the caller who failed most."""
    breaker = Breaker()
    fail(breaker, 1, THRESHOLD - 1)
    fail(breaker, 2, THRESHOLD - 1)
    assert breaker.circuit(3) is None
    fail(breaker, 3)
    assert breaker.circuit(4) is not None


def test_what_two_callers_fail_at_is_not_shut_for_others() -> None:
    """They may conspire; once a third one fails it is shut for everybody."""
    breaker = Breaker()
    for caller in (1, 2):
        fail(breaker, caller, THRESHOLD)
    assert breaker.shared is not None
    assert not breaker.shared.is_for_all
    assert breaker.circuit(1) is breaker.circuit(2) is breaker.shared
    assert breaker.circuit(3) is None
    breaker.succeeded(3, 0.0, 0.0)
    assert breaker.circuit(1) is not None
    fail(breaker, 3)
    assert breaker.shared.is_for_all
    assert breaker.circuit(4) is not None


def test_a_third_caller_opens_it_for_everybody_only_where_more_speaks_against_it() -> None:
    """What may lie elsewhere is counted, and says no more than before it opened for the two."""
    breaker = Breaker()
    for caller in (1, 2):
        fail(breaker, caller, THRESHOLD)
    breaker.succeeded(3, 0.0, 0.0)
    breaker.failed(3, 0.0, 0.0, may_open=False)
    assert breaker.circuit(3) is breaker.circuit(4) is None
    assert not breaker.works(0.0)
    fail(breaker, 3)
    assert breaker.circuit(4) is not None


def test_whoever_probed_in_vain_lets_the_others_probe_first() -> None:
    """So that nobody's requests alone keep a circuit open; one who is alone waits no longer."""
    breaker = opened(callers=2)
    assert begin(breaker, OPEN_SECONDS, caller=1)
    fail(breaker, 1, now=OPEN_SECONDS)
    again = 2 * OPEN_SECONDS
    assert not begin(breaker, again, caller=1)
    assert begin(breaker, again, caller=2)
    alone = opened()
    assert begin(alone, OPEN_SECONDS, caller=1)
    fail(alone, 1, now=OPEN_SECONDS)
    assert begin(alone, again, caller=1)


def test_what_no_request_can_bring_about_counts_for_everybody() -> None:
    """A refused connection is the same for all, whoever met it."""
    breaker = Breaker()
    for _ in range(THRESHOLD):
        breaker.failed(1, 0.0, 0.0, is_impersonal=True)
    assert breaker.circuit(2) is not None


def test_half_of_many_attempts_opens_it_though_others_succeed() -> None:
    """Never five in a row, but one of two over the window."""
    breaker, now = Breaker(), 0.0
    while breaker.shared is None and now < DEFAULT_POLICY.window_seconds:
        caller = int(now * 10) % 4
        fail(breaker, caller, 1, now)
        breaker.succeeded(caller, now, now)
        now += 0.1
    assert breaker.shared is not None
    assert now >= DEFAULT_POLICY.min_attempts / 2 * 0.1


def test_failures_that_are_long_past_count_in_no_ratio() -> None:
    """The window moves on."""
    breaker = Breaker()
    for caller in range(2, DEFAULT_POLICY.min_attempts * 2):
        fail(breaker, caller)
        breaker.succeeded(1, 0.0, 0.0)
        breaker.succeeded(1, 0.0, 0.0)
    later = DEFAULT_POLICY.window_seconds * 2
    for caller in range(2, DEFAULT_POLICY.min_attempts):
        fail(breaker, caller, 1, later)
        breaker.succeeded(1, later, later)
        breaker.succeeded(1, later, later)
    assert breaker.shared is None


def test_a_probe_that_succeeds_closes_it_and_traffic_comes_back_over_a_ramp() -> None:
    """Not the whole herd at once."""
    breaker = opened()
    assert begin(breaker, OPEN_SECONDS)
    breaker.succeeded(1, OPEN_SECONDS, OPEN_SECONDS)
    assert breaker.circuit(1) is None
    shares = [breaker.share(OPEN_SECONDS + each) for each in (0.0, 2.5, 5.0)]
    assert shares == [RAMP_START, 0.5, 1.0]


def test_a_probe_that_fails_opens_it_again_for_the_whole_time() -> None:
    """One failure is enough now; the time counts from the probe's beginning."""
    breaker = opened()
    assert begin(breaker, OPEN_SECONDS)
    breaker.failed(1, OPEN_SECONDS + 1, OPEN_SECONDS)
    assert standing(breaker, 1, 2 * OPEN_SECONDS - 1) is not None
    assert standing(breaker, 1, 2 * OPEN_SECONDS) is None


def test_attempts_from_before_it_opened_neither_close_nor_prolong_it() -> None:
    """They tell how things were."""
    breaker = opened(10.0)
    breaker.failed(1, 30.0, 9.0)
    assert standing(breaker, 1, 30.0) == OpenCircuit(10.0 + OPEN_SECONDS, 11.0)
    breaker.succeeded(1, 30.0, 9.0)
    assert breaker.shared is not None


def test_a_probe_that_told_nothing_makes_room_for_another() -> None:
    """Its caller left, or its answer has begun well and goes on."""
    breaker = opened()
    assert begin(breaker, OPEN_SECONDS)
    circuit = breaker.circuit(1)
    assert circuit is not None
    circuit.release(OPEN_SECONDS)
    assert begin(breaker, OPEN_SECONDS + 0.1)
    breaker.succeeded(1, OPEN_SECONDS + 9, OPEN_SECONDS)
    assert breaker.circuit(1) is None


def test_a_callers_own_circuit_closes_by_its_own_probe() -> None:
    """The others never knew of it."""
    breaker = Breaker()
    fail(breaker, 1, THRESHOLD)
    assert begin(breaker, OPEN_SECONDS)
    breaker.succeeded(1, OPEN_SECONDS, OPEN_SECONDS)
    assert breaker.circuit(1) is None
    assert breaker.share(OPEN_SECONDS) == 1.0


def test_a_callers_own_circuit_that_closed_counts_anew() -> None:
    """What opened it is not counted once more, so that the next failure alone opens nothing."""
    breaker = Breaker()
    for _ in range(DEFAULT_POLICY.min_attempts // 2):
        breaker.succeeded(1, 0.0, 0.0)
        fail(breaker, 1)
    assert breaker.circuit(1) is not None
    assert begin(breaker, 1.0, is_last=True)
    breaker.succeeded(1, 1.0, 1.0)
    fail(breaker, 1, now=2.0)
    assert breaker.circuit(1) is None


def test_a_failure_that_was_the_requests_is_taken_back() -> None:
    """As if it had not been."""
    breaker = Breaker()
    fail(breaker, 1, THRESHOLD - 1)
    breaker.excuse(1, 0.0, 1)
    fail(breaker, 1)
    assert breaker.circuit(1) is None
    fail(breaker, 1)
    assert breaker.circuit(1) is not None


def test_a_success_vouches_once_for_what_answers() -> None:
    """As long as nothing failed after it but the request in question, and not for ever."""
    breaker = Breaker()
    assert not breaker.works(0.0)
    breaker.succeeded(1, 0.0, 0.0)
    assert breaker.works(0.0)
    fail(breaker, 2)
    assert not breaker.works(0.0)
    assert breaker.works(0.0, besides=1)
    assert not breaker.works(DEFAULT_POLICY.window_seconds, besides=1)
    breaker.excuse(2, 0.0, 1)
    assert not breaker.works(0.0)


def test_nothing_is_kept_of_what_is_long_over() -> None:
    """So that calls need not look at it."""
    breaker = Breaker()
    fail(breaker, 1)
    assert not breaker.is_idle(1.0)
    assert breaker.is_idle(DEFAULT_POLICY.window_seconds * 2)
    assert not opened().is_idle(1e6)


def test_more_callers_than_can_be_told_apart_are_forgotten() -> None:
    """First those who failed least: what is kept is bounded."""
    breaker = Breaker()

    def fail_unjudged(caller: int, times: int) -> None:
        for _ in range(times):
            breaker.failed(caller, 0.0, 0.0, may_open=False)

    fail_unjudged(0, THRESHOLD)
    fail_unjudged(1, 1)
    for caller in range(2, MAX_CALLERS * 2):
        fail_unjudged(caller, 2)
    fail_unjudged(1, THRESHOLD - 2)
    for caller in (0, 1):
        breaker.failed(caller, 0.0, 0.0)
    assert breaker.shared is not None


def test_word_of_somebody_else_opens_it() -> None:
    """For everybody, until then."""
    breaker = Breaker()
    breaker.adopt(5.0, until=17.0)
    assert standing(breaker, 1, 5.5) == OpenCircuit(17.0, 6.0)
    assert standing(breaker, 1, 17.0) is None


def test_one_callers_share_of_failures_and_a_failure_of_anothers_open_it_for_nobody_else() -> None:
    """Whoever failed last is not taken for the one who failed most."""
    breaker = Breaker()
    for number in range(DEFAULT_POLICY.min_attempts):
        fail(breaker, 1, now=number / 10)
        if number % 4 == 0:  # before five in a row
            breaker.succeeded(2, number / 10, number / 10)
    assert breaker.circuit(1) is not None
    fail(breaker, 2, now=3.0)
    assert breaker.circuit(2) is None
    assert breaker.shared is None


@pytest.mark.parametrize("seed", range(200))
def test_one_caller_never_opens_it_for_others_that_are_answered(seed: int) -> None:
    """Whatever one does and when, nobody whose requests are answered is turned away.

    Nor whose requests fail now and then, and are answered when they are sent again.
    """
    draw = random.Random(seed)  # noqa: S311 # chooses a course of events
    breaker, now = Breaker(), 0.0
    hostile, others = 1, (2, 3, 4)
    for _ in range(400):
        now += draw.choice((0.0, 0.01, 0.01, 0.5, 3.0, 20.0))
        if draw.random() < 0.7:
            circuit = breaker.circuit(hostile)
            if circuit is not None and not circuit.admits(now, DEFAULT_POLICY, is_last=True):
                continue
            if draw.random() < 0.3:
                breaker.succeeded(hostile, now, now)
            else:
                breaker.failed(hostile, now, now)
        else:
            caller = draw.choice(others)
            assert breaker.circuit(caller) is None
            if draw.random() < 0.3:
                breaker.failed(caller, now, now)
                assert breaker.circuit(caller) is None
            breaker.succeeded(caller, now, now)


@pytest.mark.parametrize("seed", range(100))
def test_its_state_is_always_one_that_there_is(seed: int) -> None:
    """Random courses: one probe at a time, steps and open times within their bounds."""
    draw = random.Random(seed)  # noqa: S311 # chooses a course of events
    policy = BreakerPolicy(failure_threshold=3, open_seconds=10.0, half_open_seconds=5.0)
    breaker, now, flying = Breaker(policy), 0.0, list[tuple[int, float]]()
    for _ in range(300):
        now += draw.random() * 2
        caller = draw.randrange(4)
        circuit = breaker.circuit(caller)
        is_last = draw.random() < 0.5
        if circuit is None or circuit.admits(now, policy, is_last=is_last):
            if circuit is not None:
                circuit.probe(now)
                assert not circuit.admits(now, policy, is_last=is_last)
            flying.append((caller, now))
        if flying and draw.random() < 0.8:
            asked, began = flying.pop(draw.randrange(len(flying)))
            if draw.random() < 0.6:
                breaker.failed(asked, now, began, is_impersonal=draw.random() < 0.2)
            else:
                breaker.succeeded(asked, now, began)
        for each in breaker.circuits():
            assert each.opened_at < each.last_until <= each.until <= now + policy.open_seconds
        assert 0.0 < breaker.share(now) <= 1.0
