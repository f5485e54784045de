"""Who goes first among equals: by seed, turn, score or what calls have in common."""

from collections import Counter
from itertools import pairwise
from math import inf

import pytest
from tests.support.snapshots import ALIAS, compiled, key, provider, snapshot

from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.v1.fallback_chain_pb2 import FallbackChain, FallbackProvider
from conduit.v1.routing_policy_pb2 import (
    BALANCING_STRATEGY_LEAST_BUSY,
    BALANCING_STRATEGY_MOST_QUOTA,
    BALANCING_STRATEGY_ROUND_ROBIN,
)
from conduit_providers.operation import Requirements
from conduit_router.routing.balancing import EVEN, Balance, affinity_of
from conduit_router.routing.decide import CandidateKeys, decide
from conduit_router.routing.health_view import HEALTHY, HealthView

CHAT = Requirements(ALIAS, "chat")
SEEDS = 4000


class Orders:
    """The candidates of one configuration, under any balance."""

    def __init__(self, source: Snapshot) -> None:
        self._route = compiled(source).routes[ALIAS]

    def entries(
        self, balance: Balance = EVEN, seed: int = 1, view: HealthView = HEALTHY
    ) -> tuple[CandidateKeys, ...]:
        """Return the candidates as they are to be tried."""
        return decide(self._route, CHAT, view, seed, balance=balance).candidates

    def order(
        self, balance: Balance = EVEN, seed: int = 1, view: HealthView = HEALTHY
    ) -> list[int]:
        """Return their instances."""
        return [each.candidate.provider_id for each in self.entries(balance, seed, view)]

    def first(self, balance: Balance = EVEN, seed: int = 1) -> int:
        """Return the first one's instance."""
        return self.order(balance, seed)[0]


def seventy_thirty() -> Orders:
    """Return two instances with weights of 70 and 30, and a third of a lower tier."""
    return Orders(
        snapshot([provider(1, weight=70), provider(2, weight=30), provider(3, priority=2)])
    )


def test_seventy_thirty_at_priority_one_is_that_over_many_seeds() -> None:
    """Within what chance allows, by chi-square at one in a thousand; the lower tier comes last."""
    orders = seventy_thirty()
    found = [orders.order(seed=seed) for seed in range(SEEDS)]
    counts = Counter(order[0] for order in found)
    expected = {1: 0.7 * SEEDS, 2: 0.3 * SEEDS}
    chi_square = sum((counts[i] - expected[i]) ** 2 / expected[i] for i in expected)
    # One degree of freedom.
    assert chi_square < 10.83
    assert {order[-1] for order in found} == {3}


@pytest.mark.parametrize("weights", [(1, 1, 1), (7, 3), (70, 30), (5, 1, 1), (2, 3, 1, 1)])
def test_in_turn_each_has_exactly_its_share_of_a_round(weights: tuple[int, ...]) -> None:
    """Whatever the seeds are; and none goes on while another's turn is due."""
    orders = Orders(snapshot([provider(i, weight=w) for i, w in enumerate(weights, 1)]))
    total = sum(weights)
    turns = [
        orders.first(Balance(BALANCING_STRATEGY_ROUND_ROBIN, turn=turn), seed=turn * 7)
        for turn in range(2 * total)
    ]
    assert turns[:total] == turns[total:]
    assert Counter(turns[:total]) == dict(enumerate(weights, 1))
    if len(set(weights)) == 1:
        assert all(one != other for one, other in pairwise(turns))


def test_turns_go_on_among_those_that_are_left() -> None:
    """An unhealthy one comes last, and the others alternate."""
    orders = Orders(snapshot([provider(i) for i in (1, 2, 3)]))
    view = HealthView(unhealthy=frozenset({2}))
    found = [
        orders.order(Balance(BALANCING_STRATEGY_ROUND_ROBIN, turn=turn), view=view)
        for turn in range(4)
    ]
    assert found == [[1, 3, 2], [3, 1, 2]] * 2


def test_the_best_score_goes_first_and_equal_ones_share_by_weight() -> None:
    """Within its tier; what has no score is best."""
    orders = seventy_thirty()
    scores = {(1, "model-1"): 2.0, (2, "model-2"): 1.0, (3, "model-3"): 0.0}
    best = Balance(BALANCING_STRATEGY_LEAST_BUSY, scores=scores)
    assert orders.order(best) == [2, 1, 3]
    unknown = Balance(BALANCING_STRATEGY_LEAST_BUSY, scores={(2, "model-2"): 0.0, (3, "m"): 0.0})
    assert orders.order(unknown) == [1, 2, 3]
    equal = Balance(BALANCING_STRATEGY_LEAST_BUSY, scores=dict.fromkeys(scores, inf))
    counts = Counter(orders.first(equal, seed) for seed in range(SEEDS))
    assert counts[1] / SEEDS == pytest.approx(0.7, abs=0.03)


def test_the_key_with_the_best_score_goes_first() -> None:
    """Also where another one would have been its instance's first by the seed."""
    orders = Orders(snapshot([provider(1)], keys=[key(i, 1) for i in (1, 2, 3)]))
    balance = Balance(
        BALANCING_STRATEGY_MOST_QUOTA, key_scores={"key_1": 0.5, "key_2": 0.1, "key_3": 0.9}
    )
    for seed in range(10):
        [entry] = orders.entries(balance, seed)
        assert [each.key_id for each in entry.keys] == ["key_2", "key_1", "key_3"]


def test_calls_that_belong_together_go_to_the_same_key_of_the_same_instance() -> None:
    """Whatever their seeds; many such groups share the instances by weight."""
    orders = Orders(
        snapshot(
            [provider(1, weight=70), provider(2, weight=30)],
            keys=[key(1, 1), key(2, 1), key(3, 2), key(4, 2)],
        )
    )

    def place(session: int, seed: int) -> tuple[int, str]:
        first = orders.entries(Balance(affinity=affinity_of(1, str(session))), seed)[0]
        return first.candidate.provider_id, first.keys[0].key_id

    places = [{place(session, seed) for seed in range(3)} for session in range(SEEDS // 2)]
    assert {len(each) for each in places} == {1}
    counts = Counter(each.pop()[0] for each in places)
    assert counts[1] / (SEEDS // 2) == pytest.approx(0.7, abs=0.04)


def test_a_session_moves_only_where_its_own_instance_goes() -> None:
    """The sessions of the others stay: their caches are warm."""
    before = Orders(snapshot([provider(i) for i in (1, 2, 3)]))
    after = Orders(snapshot([provider(i) for i in (1, 3)]))
    for session in range(300):
        balance = Balance(affinity=affinity_of(1, str(session)))
        order = before.order(balance)
        assert after.order(balance) == [each for each in order if each != 2]


def test_two_models_of_one_instance_share_as_two_instances_do() -> None:
    """Each has a lot of its own."""
    chain = FallbackChain(
        id=1,
        model_alias=ALIAS,
        is_enabled=True,
        providers=[
            FallbackProvider(provider_id=1),
            FallbackProvider(provider_id=1, actual_model_name="other"),
        ],
    )
    orders = Orders(snapshot([provider(1)], chains=[chain]))
    models = Counter(orders.entries(seed=seed)[0].candidate.model for seed in range(SEEDS))
    assert models["other"] / SEEDS == pytest.approx(0.5, abs=0.03)
