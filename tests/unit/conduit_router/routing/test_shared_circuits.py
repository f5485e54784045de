"""What routers tell each other of their circuits, on a clock that the test sets."""

from tests.support.clock import Clock
from tests.support.outages import ask, open_for_all

from conduit_kernel.breaker_policy import DEFAULT_POLICY
from conduit_router.routing.health_view import Subject
from conduit_router.routing.provider_state import ProviderState
from conduit_router.routing.shared_circuits import ADOPTED_SECONDS, SharedCircuit

OPEN_SECONDS = DEFAULT_POLICY.open_seconds
GPT = Subject(1, "gpt")


def told(remaining: float, *, age: float = 0.0) -> SharedCircuit:
    """Return the word of another router of a model."""
    return SharedCircuit(GPT, remaining, age)


def circuits(state: ProviderState) -> set[Subject]:
    """Return what is open for a caller who did nothing."""
    return set(state.view(99).open_circuits)


def subjects(state: ProviderState) -> list[Subject]:
    """Return what a router tells the others of."""
    return [each.subject for each in state.shared_circuits()]


def test_a_circuit_that_was_heard_of_is_probed_later_than_by_its_owner() -> None:
    """One attempt reaches the provider in an open time, however many routers there are."""
    clock = Clock()
    state = ProviderState(clock)
    state.adopt([told(20.0)])
    clock.now += 20.0
    assert circuits(state) == {GPT}
    state.adopt([told(0.0, age=20.0)])
    clock.now += ADOPTED_SECONDS - 0.1
    assert not state.begin(ask(at=clock.now))
    clock.now += 0.1
    assert state.begin(ask(at=clock.now))


def test_a_circuit_that_its_owner_closed_lets_traffic_come_back() -> None:
    """Gradually, as after a probe of its own."""
    state = ProviderState(Clock())
    state.adopt([told(20.0)])
    state.adopt([])
    assert circuits(state) == set()
    assert state.view(1).share(1, "gpt") < 1


def test_a_router_that_is_not_asked_any_more_keeps_nobody_from_a_provider() -> None:
    """Found by an outage of four minutes with two workers, one of which had no calls: for ever."""
    clock = Clock()
    state = ProviderState(clock)
    state.adopt([told(20.0)])
    clock.now += 20.0
    for _ in range(int(ADOPTED_SECONDS)):
        state.adopt([told(0.0, age=clock.now)])
        clock.now += 1.0
    probe = ask(at=clock.now)
    assert state.begin(probe)
    state.succeeded(probe)
    state.adopt([told(0.0, age=clock.now)])
    assert circuits(state) == set()


def test_a_good_probe_counts_more_than_the_word_of_who_opened_a_circuit_before() -> None:
    """But not more than of who opens it anew."""
    clock = Clock()
    state = ProviderState(clock)
    state.adopt([told(20.0)])
    clock.now += 2.0
    probe = ask(at=clock.now)
    assert state.begin(probe, is_last=True)
    state.succeeded(probe)
    share = state.view(1).share(1, "gpt")
    clock.now += 1.0
    state.adopt([told(17.5, age=2.5)])
    assert circuits(state) == set()
    assert state.view(1).share(1, "gpt") >= share
    state.adopt([told(17.5, age=2.5), told(0.5, age=0.5)])
    assert circuits(state) == {GPT}


def test_who_probes_says_for_how_long() -> None:
    """A silent provider holds a probe up for longer than others wait for word of it."""
    clock = Clock()
    first, second = ProviderState(clock), ProviderState(clock)
    open_for_all(first, 1)
    second.adopt(first.shared_circuits())
    clock.now = OPEN_SECONDS
    assert first.shared_circuits() == [SharedCircuit(Subject(1), 0.0, OPEN_SECONDS)]
    assert first.begin(ask(at=clock.now))
    second.adopt(first.shared_circuits())
    clock.now += DEFAULT_POLICY.half_open_seconds - 1.0
    assert not second.begin(ask(at=clock.now))


def test_a_circuit_is_told_by_those_who_opened_it_alone() -> None:
    """Two routers that repeat each other's word would keep it open for ever."""
    clock = Clock()
    state = ProviderState(clock)
    state.adopt([told(20.0)])
    open_for_all(state, 2)
    assert subjects(state) == [Subject(2)]
    clock.now += 30.0
    probe = ask(at=clock.now)
    assert state.begin(probe)
    clock.now += 1.0
    state.failed(probe)
    assert SharedCircuit(GPT, OPEN_SECONDS - 1.0, 0.0) in state.shared_circuits()
    state.adopt([])
    assert GPT in circuits(state)


def test_of_two_routers_that_opened_a_circuit_one_probes() -> None:
    """The one whose time is over first; the other waits for its word."""
    clock = Clock()
    first, second = ProviderState(clock), ProviderState(clock)
    open_for_all(first, 1)
    clock.now += 1.0
    open_for_all(second, 1, at=1.0)
    first.adopt(second.shared_circuits())
    second.adopt(first.shared_circuits())
    assert (subjects(first), subjects(second)) == ([Subject(1)], [])
    clock.now = OPEN_SECONDS
    assert not second.begin(ask(at=clock.now))
    assert first.begin(ask(at=clock.now))
    first.succeeded(ask(at=clock.now))
    second.adopt(first.shared_circuits())
    assert circuits(second) == set()


def test_a_router_without_calls_hides_nobody_elses_circuit() -> None:
    """Of several that tell of the same one each counts, in whatever order they come."""
    for others in ([told(0.0, age=90.0), told(20.0)], [told(20.0), told(0.0, age=90.0)]):
        state = ProviderState(Clock())
        state.adopt(others)
        assert circuits(state) == {GPT}
