"""What failures count for, on a clock that the test sets."""

import pytest
from tests.support.clock import Clock
from tests.support.outages import ask, open_for_all

from conduit.v1.provider_health_pb2 import CIRCUIT_STATE_HALF_OPEN, CIRCUIT_STATE_OPEN
from conduit_kernel.breaker_policy import DEFAULT_POLICY
from conduit_router.routing.health_view import HEALTHY, Subject
from conduit_router.routing.key_refusals import MODEL_SECONDS, UNCONFIRMED_SECONDS, KeyCheck
from conduit_router.routing.provider_state import ProviderState
from conduit_router.routing.retry_budgets import RETRY_RESERVE

THRESHOLD, OPEN_SECONDS = DEFAULT_POLICY.failure_threshold, DEFAULT_POLICY.open_seconds


def fail(state: ProviderState, callers: range, model: str = "gpt", key_id: str = "key_1") -> None:
    """Let one attempt of each caller fail at instance 1."""
    for caller in callers:
        state.failed(ask(model=model, key_id=key_id, by=caller))


def circuits(state: ProviderState, caller: int = 99) -> set[Subject]:
    """Return what is open for a caller."""
    return set(state.view(caller).open_circuits)


def test_a_failing_model_leaves_the_others_of_its_instance_in_use() -> None:
    """The circuit is that of the model at the instance, and of nothing else."""
    state = ProviderState(Clock())
    fail(state, range(THRESHOLD + 1))
    assert circuits(state) == {Subject(1, "gpt")}
    view = state.view(99)
    assert view.circuit(1, "gpt") is not None
    assert (view.circuit(1, "other"), view.circuit(2, "gpt")) == (None, None)


def test_several_models_that_fail_alike_are_the_instance() -> None:
    """Without a success in between."""
    state = ProviderState(Clock())
    fail(state, range(2))
    fail(state, range(2, THRESHOLD + 1), "other")
    assert circuits(state) == {Subject(1)}


def test_an_instance_of_which_one_model_works_is_not_open() -> None:
    """A success of any of its models is one of its own."""
    state = ProviderState(Clock())
    for caller in range(THRESHOLD * 2):
        state.failed(ask(by=caller, model=("gpt", "other")[caller % 2]))
        state.succeeded(ask(by=caller, model="third"))
    assert Subject(1) not in circuits(state)


def test_an_instance_that_cannot_be_connected_to_is_open_for_all_models_and_callers() -> None:
    """No request brings that about, so one caller's attempts are enough."""
    state = ProviderState(Clock())
    for _ in range(THRESHOLD):
        state.failed(ask(), is_impersonal=True)
    assert circuits(state) == {Subject(1)}


def test_an_instance_that_is_shut_for_two_is_not_shut_for_others_by_one_model() -> None:
    """A third caller's failure at one model is that model's, as it was before."""
    state = ProviderState(Clock())
    for caller in (1, 2):
        for model in ("gpt", "other"):
            for _ in range(THRESHOLD):
                state.failed(ask(by=caller, model=model))
    assert Subject(1) in circuits(state, 1)
    state.succeeded(ask(by=3, model="third"))
    fail(state, range(3, 4), "fourth")
    assert Subject(1) in circuits(state, 1)
    assert Subject(1) not in circuits(state)


def test_one_callers_failures_turn_that_caller_away_alone() -> None:
    """Others have their own experience of the model."""
    state = ProviderState(Clock())
    fail(state, range(1, 2), "gpt")
    for _ in range(THRESHOLD):
        state.failed(ask(by=1))
    assert circuits(state, 1) == {Subject(1, "gpt")}
    assert circuits(state, 2) == set()


def test_a_key_that_fails_where_its_sibling_works_is_left_out_alone() -> None:
    """Such as one with an address of its own."""
    state = ProviderState(Clock())
    for caller in range(THRESHOLD + 2):
        state.failed(ask(by=caller))
        state.succeeded(ask(by=caller, key_id="key_2"))
    assert circuits(state) == {Subject(1, "", "key_1")}


def test_a_key_without_a_sibling_that_works_is_not_to_blame() -> None:
    """It is the model, or the instance."""
    state = ProviderState(Clock())
    fail(state, range(THRESHOLD), key_id="key_1")
    fail(state, range(THRESHOLD), key_id="key_2")
    assert circuits(state) == {Subject(1, "gpt")}


def test_a_model_that_is_missing_says_nothing_of_its_instance() -> None:
    """However many are."""
    state = ProviderState(Clock())
    for caller in range(THRESHOLD + 1):
        for model in ("one", "two"):
            state.model_failed(ask(by=caller, model=model))
    assert circuits(state) == {Subject(1, "one"), Subject(1, "two")}


def test_half_open_lets_one_call_through_not_the_herd() -> None:
    """After the open time one call probes; the others go elsewhere until it is back."""
    clock = Clock()
    state = ProviderState(clock)
    open_for_all(state, 1)
    clock.now += OPEN_SECONDS
    assert circuits(state) == set()
    assert state.begin(ask(at=clock.now))
    assert circuits(state) == {Subject(1)}
    assert not state.begin(ask(by=2, at=clock.now))
    assert not state.begin(ask(by=2, at=clock.now), is_last=True)


def test_a_probe_that_succeeds_closes_the_circuit_and_traffic_returns_gradually() -> None:
    """The instance is back."""
    clock = Clock()
    state = ProviderState(clock)
    open_for_all(state, 1)
    clock.now += OPEN_SECONDS
    probe = ask(at=clock.now)
    assert state.begin(probe)
    state.succeeded(probe)
    assert circuits(state) == set()
    assert 0 < state.view(1).share(1, "gpt") < 1
    clock.now += DEFAULT_POLICY.ramp_seconds
    assert state.view(1).share(1, "gpt") == 1


def test_an_attempt_begins_at_all_that_it_is_about_or_at_nothing() -> None:
    """A key's circuit that stays open takes the instance's probe from nobody."""
    clock = Clock()
    state = ProviderState(clock)
    state.succeeded(ask(key_id="key_2"))
    open_for_all(state, 1)
    state.succeeded(ask(key_id="key_2", at=-1.0))
    clock.now += OPEN_SECONDS / 2
    for caller in range(THRESHOLD + 1):
        state.key_failed(ask(by=caller, at=clock.now))
    clock.now += OPEN_SECONDS / 2
    assert not state.begin(ask(at=clock.now))
    assert state.begin(ask(key_id="key_2", at=clock.now))


def test_circuits_that_are_not_closed_are_told() -> None:
    """Open for a minute, then half-open until a call has found out."""
    clock = Clock()
    state = ProviderState(clock)
    open_for_all(state, 1)
    assert state.circuits() == {1: CIRCUIT_STATE_OPEN}
    clock.now += OPEN_SECONDS
    probe = ask(at=clock.now)
    assert state.begin(probe)
    assert state.circuits() == {1: CIRCUIT_STATE_HALF_OPEN}
    state.succeeded(probe)
    assert state.circuits() == {}


def test_what_an_operator_changed_is_tried_anew() -> None:
    """Its circuits and those of its keys."""
    state = ProviderState(Clock())
    open_for_all(state, 1)
    open_for_all(state, 2)
    state.forget(frozenset({1}), frozenset())
    assert circuits(state) == {Subject(2)}


def test_an_instance_that_health_finds_unhealthy_is_tried_in_a_while() -> None:
    """One call each open time goes there first; others go elsewhere until it succeeds."""
    clock = Clock()
    state = ProviderState(clock)
    state.set_unhealthy(frozenset({1}))
    assert state.view(1).unhealthy == {1}
    clock.now += OPEN_SECONDS
    state.set_unhealthy(frozenset({1, 2}))
    assert state.view(1).unhealthy == {2}
    assert state.begin(ask(at=clock.now))
    assert state.view(1).unhealthy == {1, 2}
    state.succeeded(ask(at=clock.now))
    assert state.view(1).unhealthy == {2}


def test_what_is_over_is_forgotten_and_calls_look_at_nothing() -> None:
    """A failure now and then does not keep the state from being quiet."""
    clock = Clock()
    state = ProviderState(clock)
    state.failed(ask())
    assert not state.is_quiet
    state.view(1)
    assert not state.is_quiet
    clock.now += DEFAULT_POLICY.window_seconds * 2
    assert state.view(1) == HEALTHY
    assert state.is_quiet


def test_a_rest_ends_by_itself() -> None:
    """A key is benched for as long as was said."""
    clock = Clock()
    state = ProviderState(clock)
    state.cool_down(Subject(1, "gpt", "key_1"), 5.0, "slow down", "PROVIDER_RATE_LIMITED")
    rest = state.view(1).cooldown(1, "gpt", "key_1")
    assert rest is not None
    assert rest.message == "slow down"
    clock.now += 5.0
    assert state.view(1) == HEALTHY


def test_the_retry_budget_runs_out_and_comes_back_with_successes() -> None:
    """Retries never add more than a share to the load of a failing instance."""
    state = ProviderState(Clock())
    assert [state.may_retry(ask()) for _ in range(int(RETRY_RESERVE) + 1)][-1] is False
    for _ in range(5):
        state.succeeded(ask())
    assert [state.may_retry(ask()), state.may_retry(ask())] == [True, False]


@pytest.mark.parametrize("asked_elsewhere", [True, False])
def test_other_requests_success_shows_whose_a_failure_is(asked_elsewhere: bool) -> None:  # noqa: FBT001 # a case
    """Only at the very model of the instance."""
    state = ProviderState(Clock())
    state.failed(ask())
    state.succeeded(ask(by=2, model="other" if asked_elsewhere else "gpt"))
    assert state.works(ask()) is not asked_elsewhere


def test_one_callers_own_circuit_is_nobody_elses() -> None:
    """Other routers do not hear of it."""
    state = ProviderState(Clock())
    for _ in range(THRESHOLD):
        state.failed(ask(by=1))
    assert circuits(state, 1)
    assert state.shared_circuits() == []


KEY, MODEL_OF_KEY = Subject(1, "", "key_1"), Subject(1, "gpt", "key_1")


def refuse(state: ProviderState) -> None:
    """Let the provider refuse the key."""
    state.refuse_key(ask(), "Invalid API key", "INVALID_API_KEY")


def test_a_good_check_frees_a_key_for_all_but_the_model_that_was_refused() -> None:
    """It is not the key's: only one model's, whose rest is as long as that of any model."""
    clock = Clock()
    state = ProviderState(clock)
    refuse(state)
    began = clock.now
    assert state.view(1).cooldowns[KEY].until == began + UNCONFIRMED_SECONDS
    clock.now += 2.0
    state.take_checks([KeyCheck(1, "key_1", clock.now - 0.5)])
    assert {at: each.until for at, each in state.view(1).cooldowns.items()} == {
        MODEL_OF_KEY: began + MODEL_SECONDS
    }


def test_an_older_good_check_never_ends_a_newer_rest() -> None:
    """However late it is heard of."""
    clock = Clock()
    state = ProviderState(clock)
    began = clock.now
    clock.now += 1.0
    refuse(state)
    state.take_checks([KeyCheck(1, "key_1", began)])
    state.take_checks([KeyCheck(1, "key_1", clock.now)])
    assert set(state.view(1).cooldowns) == {KEY}


def test_a_bad_check_lets_a_key_rest_for_long_in_routers_that_never_used_it() -> None:
    """As long from the check on, however late that is heard of; then a call finds out."""
    clock = Clock()
    state = ProviderState(clock)
    began = clock.now
    clock.now += 5.0
    bad = KeyCheck(1, "key_1", began, "INVALID_API_KEY", "refused")
    state.take_checks([bad])
    assert not state.is_quiet
    assert state.view(1).cooldowns[KEY].until == began + 300.0
    clock.now += 300.0
    state.take_checks([bad, KeyCheck(2, "key_2", began, "INVALID_API_KEY", "refused")])
    assert state.view(1) == HEALTHY


def test_a_test_that_a_key_passes_ends_all_that_keeps_it_from_use() -> None:
    """Its own circuit as well."""
    clock = Clock()
    state = ProviderState(clock)
    refuse(state)
    for caller in range(THRESHOLD + 1):
        state.key_failed(ask(by=caller))
    assert circuits(state) == {KEY}
    clock.now += 1.0
    state.take_checks([KeyCheck(1, "key_1", clock.now, is_test=True)])
    assert (state.view(1).cooldowns, circuits(state)) == ({}, set())


def test_a_replaced_key_does_not_answer_for_its_former_value() -> None:
    """What was found of that before is void, whenever it is heard of."""
    clock = Clock()
    state = ProviderState(clock)
    refuse(state)
    state.take_checks([KeyCheck(1, "key_1", clock.now, "INVALID_API_KEY", "refused")])
    clock.now += 5.0
    state.forget(frozenset(), frozenset({"key_1"}))
    state.take_checks([KeyCheck(1, "key_1", clock.now - 1, "INVALID_API_KEY", "refused")])
    assert state.view(1) == HEALTHY
