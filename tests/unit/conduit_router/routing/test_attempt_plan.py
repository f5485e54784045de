"""What follows a failure, step by step, without a network."""

from tests.support.snapshots import ALIAS, compiled, key, provider, snapshot

from conduit_kernel.circuit import OpenCircuit
from conduit_kernel.errors import (
    InvalidApiKey,
    UpstreamError,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamTimeout,
)
from conduit_providers.operation import Requirements
from conduit_router.routing.attempt_plan import AttemptPlan
from conduit_router.routing.decide import decide
from conduit_router.routing.health_view import HEALTHY, HealthView, Subject


def plan(providers: int = 2, keys: int = 2, attempts: int = 10) -> AttemptPlan:
    """Return the way of a call through instances with keys, lowest ids first."""
    source = snapshot(
        [provider(i, priority=i) for i in range(1, providers + 1)],
        keys=[key(i * 10 + k, i) for i in range(1, providers + 1) for k in range(keys)],
    )
    return AttemptPlan(
        decide(compiled(source).routes[ALIAS], Requirements(ALIAS, "chat"), HEALTHY, 0), attempts
    )


def test_nobody_whose_circuit_is_open_is_asked_beside_another() -> None:
    """Who is shut but for the last resort is no second for a slow first."""
    route = compiled(snapshot([provider(i, priority=i) for i in (1, 2)])).routes[ALIAS]
    open_one = HealthView({Subject(2): OpenCircuit(until=100.0, last_until=0.0)}, at=50.0)
    for health, beside in ((HEALTHY, 2), (open_one, None)):
        way = AttemptPlan(decide(route, Requirements(ALIAS, "chat"), health, 0), 10)
        assert way.next() is not None
        hedge = way.hedge()
        assert (hedge and hedge.candidate.provider_id) == beside


def walk(
    way: AttemptPlan, *errors: UpstreamError, may_retry: bool = True
) -> list[tuple[int, str, bool]]:
    """Fail with each error in turn; return instance, key and whether it is a retry, per attempt."""
    seen = []
    for error in errors:
        attempt = way.next()
        if attempt is None:
            break
        seen.append((attempt.candidate.provider_id, attempt.key.key_id, attempt.is_retry))
        way.failed(error, may_retry=may_retry and way.repetition(error) > 0)
    return seen


def test_a_refused_key_is_followed_by_its_sibling_at_once() -> None:
    """401 concerns the key: the next key of the instance, then the next instance."""
    seen = walk(plan(), *[InvalidApiKey("no")] * 5)
    assert [(p, r) for p, _, r in seen] == [(1, False), (1, False), (2, False), (2, False)]
    assert len({k for _, k, _ in seen}) == 4


def test_a_transient_failure_gets_one_quick_retry() -> None:
    """503 is tried once more on the instance, then goes to the next one."""
    seen = walk(plan(keys=1), *[UpstreamError("503")] * 5)
    assert [(p, r) for p, _, r in seen] == [(1, False), (1, True), (2, False), (2, True)]


def test_no_budget_no_retry() -> None:
    """An instance whose retries are used up is left at once."""
    seen = walk(plan(keys=1), *[UpstreamError("503")] * 5, may_retry=False)
    assert [(p, r) for p, _, r in seen] == [(1, False), (2, False)]


def test_a_silent_instance_is_not_waited_for_twice() -> None:
    """A timeout goes to the next candidate."""
    seen = walk(plan(keys=1), *[UpstreamTimeout("silence")] * 3)
    assert [p for p, _, _ in seen] == [1, 2]


def test_a_refused_request_is_tried_nowhere_else() -> None:
    """400 would be 400 everywhere."""
    assert len(walk(plan(), *[UpstreamRefused("bad")] * 3)) == 1


def test_attempts_are_bounded() -> None:
    """Never more attempts than allowed, however many candidates there are."""
    way = plan(providers=5, keys=3, attempts=4)
    assert len(walk(way, *[UpstreamRateLimited("slow down")] * 20)) == 4
    assert way.attempts == 4


def test_a_retry_takes_no_candidates_chance() -> None:
    """Of three, the last is asked although the first two fail in a way that may pass."""
    seen = walk(plan(providers=3, keys=1, attempts=4), *[UpstreamError("503")] * 9)
    assert [(p, r) for p, _, r in seen] == [(1, False), (1, True), (2, False), (3, False)]


def test_refused_keys_take_no_candidates_chance() -> None:
    """With four keys that are all refused, the next instance is asked all the same."""
    seen = walk(plan(providers=2, keys=4, attempts=4), *[InvalidApiKey("no")] * 9)
    assert [p for p, _, _ in seen] == [1, 1, 1, 2]


def test_a_callers_limit_is_kept() -> None:
    """With fewer attempts than candidates, the first ones are asked, each once."""
    seen = walk(plan(providers=3, keys=2, attempts=2), *[UpstreamError("503")] * 9)
    assert [(p, r) for p, _, r in seen] == [(1, False), (2, False)]


def test_fallbacks_count_instances_given_up() -> None:
    """Keys of one instance are no fallbacks."""
    way = plan()
    walk(way, InvalidApiKey("no"), InvalidApiKey("no"), InvalidApiKey("no"))
    assert way.fallbacks == 1


def test_starting_over_keeps_the_count() -> None:
    """After a pause that the provider asked for, the first candidate is asked again."""
    way = plan(providers=1, keys=1, attempts=2)
    walk(way, UpstreamRateLimited("wait"))
    assert way.next() is None
    assert way.may_go_on
    way.restart(way.decision)
    assert way.next() is not None
    way.failed(UpstreamRateLimited("wait"), may_retry=False)
    assert not way.may_go_on


def test_an_answer_that_broke_off_is_gone_on_with_elsewhere_and_once_where_it_began() -> None:
    """The first candidate has another chance where no other is left, but not for ever."""
    way, seen = plan(keys=1), []
    while (attempt := way.next()) is not None:
        seen.append((attempt.candidate.provider_id, way.interrupted()))
    assert seen == [(1, False), (2, True), (1, False), (2, False)]
    assert way.fallbacks >= 1


def test_an_answer_of_the_only_candidate_is_gone_on_with_there() -> None:
    """Once."""
    way, seen = plan(providers=1, keys=1), 0
    while way.next() is not None:
        seen += 1
        way.interrupted()
    assert seen == 2


def test_a_request_that_is_sent_once_more_is_an_attempt() -> None:
    """As far as there are any left."""
    way = plan(attempts=2)
    way.next()
    assert way.once_more()
    assert not way.once_more()
    assert way.attempts == 2


def test_a_second_candidate_beside_the_first_uses_its_own_turn_or_none() -> None:
    """Where the first one wins, the second's turn is still to come; there is none beyond limits."""
    way = plan(providers=3, keys=1)
    way.next()
    second = way.hedge()
    assert second is not None
    assert way.once_more()
    assert (second.candidate.provider_id, way.attempts, way.fallbacks) == (2, 2, 0)
    way.interrupted()
    following = way.next()
    assert following is not None
    assert following.candidate.provider_id == 2
    for alone in (plan(providers=1, keys=1), plan(providers=2, keys=1, attempts=1)):
        alone.next()
        assert alone.hedge() is None


def test_a_candidate_that_is_overtaken_has_had_its_turn() -> None:
    """And so has the one beside it: the third follows; of a retry nothing is left."""
    way = plan(providers=3, keys=1)
    walk(way, UpstreamError("503"))
    retry, second = way.next(), way.hedge()
    assert retry is not None
    assert second is not None
    assert (retry.is_retry, second.is_retry) == (True, False)
    way.once_more()
    way.overtaken()
    assert (way.attempts, way.fallbacks) == (3, 1)
    way.failed(UpstreamError("503"), may_retry=False)
    third = way.next()
    assert third is not None
    assert (third.candidate.provider_id, third.is_retry) == (3, False)
