"""What the strategy of an alias goes by, call after call."""

from collections.abc import Sequence

import pytest
from tests.support.snapshots import ALIAS, compiled, first, provider, snapshot

from conduit.internal.v1.price_pb2 import Price, UnitPrice
from conduit.v1.charge_pb2 import UNIT_IMAGE, UNIT_INPUT_TOKEN, UNIT_OUTPUT_TOKEN
from conduit.v1.fallback_chain_pb2 import FallbackChain
from conduit.v1.routing_policy_pb2 import (
    AFFINITY_KEY_NONE,
    AFFINITY_KEY_SESSION,
    AFFINITY_KEY_VIRTUAL_KEY,
    BALANCING_STRATEGY_LEAST_BUSY,
    BALANCING_STRATEGY_LOWEST_COST,
    BALANCING_STRATEGY_LOWEST_LATENCY,
    BALANCING_STRATEGY_MOST_QUOTA,
    BALANCING_STRATEGY_ROUND_ROBIN,
    BALANCING_STRATEGY_WEIGHTED,
    AffinityKey,
    BalancingStrategy,
)
from conduit_kernel.errors import UpstreamError, UpstreamRefused
from conduit_providers.operation import Requirements
from conduit_router.accounting.prices import PriceList
from conduit_router.routing.attempt_plan import Attempt, Outrun
from conduit_router.routing.balancer import Balancer
from conduit_router.routing.balancing import EVEN
from conduit_router.routing.decide import decide
from conduit_router.routing.health_view import HEALTHY
from conduit_router.routing.load import FAILURE_SECONDS
from conduit_router.routing.table import RoutingTable

CHAT = Requirements(ALIAS, "chat")


class Bench:
    """A balancer with a table of three instances under one policy."""

    def __init__(
        self,
        strategy: BalancingStrategy.ValueType = BALANCING_STRATEGY_WEIGHTED,
        affinity: AffinityKey.ValueType = AFFINITY_KEY_NONE,
        *,
        is_enabled: bool = True,
    ) -> None:
        self.prices = PriceList()
        self.now = 100.0
        self.balancer = Balancer(lambda: self.now, lambda: self.now, self.prices)
        policy = FallbackChain(
            id=1, model_alias=ALIAS, is_enabled=is_enabled, strategy=strategy, affinity=affinity
        )
        self.table: RoutingTable = compiled(
            snapshot([provider(i) for i in (1, 2, 3)], chains=[policy])
        )
        self.balancer.apply(first(self.table))

    def order(self, seed: int = 1, session: str = "", virtual_key_id: int = 1) -> list[int]:
        """Return the instances that a call goes to, in order."""
        route = self.table.routes[ALIAS]
        balance = self.balancer.balance(route, session, virtual_key_id)
        decision = decide(route, CHAT, HEALTHY, seed, balance=balance)
        return [each.candidate.provider_id for each in decision.candidates]

    def firsts(self, seeds: int = 60) -> set[int]:
        """Return the instances that calls go to first, over many seeds."""
        return {self.order(seed)[0] for seed in range(seeds)}

    def attempt(self, number: int) -> Attempt:
        """Begin an attempt at an instance."""
        [candidate] = [c for c in self.table.routes[ALIAS].candidates if c.provider_id == number]
        attempt = Attempt(candidate, candidate.instance.keys[0], is_retry=False)
        self.balancer.begin(attempt)
        return attempt

    def answered(self, number: int, seconds: float) -> None:
        """Let an instance answer after a time."""
        attempt = self.attempt(number)
        attempt.waited = seconds
        self.balancer.end(attempt, None, seconds)


def test_calls_take_turns() -> None:
    """An explanation takes none, nor does a call that has one."""
    bench = Bench(BALANCING_STRATEGY_ROUND_ROBIN)
    assert [bench.order()[0] for _ in range(6)] == [1, 2, 3, 1, 2, 3]
    route = bench.table.routes[ALIAS]
    turn = bench.balancer.turn(ALIAS)
    turns = [bench.balancer.balance(route, "", 1, turn=turn).turn for _ in range(3)]
    assert turns == [6, 6, 6]
    assert bench.order()[0] == 1


def test_the_least_busy_goes_first() -> None:
    """As calls begin and end."""
    bench = Bench(BALANCING_STRATEGY_LEAST_BUSY)
    assert bench.firsts() == {1, 2, 3}
    one = bench.attempt(1)
    bench.attempt(2)
    assert bench.firsts() == {3}
    bench.attempt(3)
    bench.balancer.end(one, None, 0.1)
    assert bench.firsts() == {1}


def test_the_soonest_goes_first_once_all_are_measured() -> None:
    """Those that are not are asked before, one call each; a failure counts as slow."""
    bench = Bench(BALANCING_STRATEGY_LOWEST_LATENCY)
    bench.answered(1, 0.5)
    bench.answered(2, 0.25)
    assert bench.firsts() == {3}
    failing = bench.attempt(3)
    assert bench.firsts() == {2}
    bench.balancer.end(failing, UpstreamError("down"), 0.01)
    assert bench.firsts() == {2}
    assert bench.balancer.load.latency((3, "model-3")) == FAILURE_SECONDS
    refused = bench.attempt(2)
    bench.balancer.end(refused, UpstreamRefused("the caller's own fault"), 9.0)
    assert bench.firsts() == {2}


def test_the_first_token_counts_and_not_the_length_of_the_answer() -> None:
    """Or else whoever is asked for long answers would be slow."""
    bench = Bench(BALANCING_STRATEGY_LOWEST_LATENCY)
    for number, waited, lasted in ((1, 0.1, 60.0), (2, 0.5, 0.6), (3, 0.5, 0.6)):
        attempt = bench.attempt(number)
        attempt.waited = waited
        bench.balancer.end(attempt, None, lasted)
    assert bench.firsts() == {1}
    assert bench.balancer.load.latency((1, "model-1")) == 0.1


def test_who_was_outrun_is_at_least_as_slow_as_it_was_waited_for() -> None:
    """And as slow as it is known to be, where it was not waited for that long."""
    bench = Bench(BALANCING_STRATEGY_LOWEST_LATENCY)
    for seconds, latency in ((0.5, 0.5), (0.1, 0.5), (1.0, 0.65)):
        bench.balancer.end(bench.attempt(1), Outrun(), seconds)
        assert bench.balancer.load.latency((1, "model-1")) == pytest.approx(latency)
    answered = bench.attempt(1)
    answered.waited = 0.3
    bench.balancer.end(answered, Outrun(), 9.0)
    assert bench.balancer.load.latency((1, "model-1")) < 0.65


def test_the_cheapest_goes_first_and_an_unknown_price_last() -> None:
    """By a token read and one written."""
    bench = Bench(BALANCING_STRATEGY_LOWEST_COST)
    bench.prices.load([_price(1, (30, 60)), _price(3, (15, 70))])
    assert {tuple(bench.order(seed)) for seed in range(20)} == {(3, 1, 2)}


def test_what_else_is_priced_makes_no_model_dear() -> None:
    """Where tokens are paid for, what is read from a cache and the like counts for nothing."""
    bench = Bench(BALANCING_STRATEGY_LOWEST_COST)
    cheap = _price(2, (10, 10))
    cheap.unit_prices.append(UnitPrice(unit=UNIT_IMAGE, nano_usd_per_million=10**12))
    bench.prices.load([_price(1, (30, 60)), cheap])
    assert bench.firsts() == {2}


def test_the_most_quota_goes_first() -> None:
    """By the best of an instance's keys; those that tell nothing come before."""
    bench = Bench(BALANCING_STRATEGY_MOST_QUOTA)
    assert bench.balancer.reads_quotas
    names = bench.table.instances[1].spec.rate_limits
    for number, remaining in ((1, 10), (2, 90)):
        told = {names.requests_limit: "100", names.requests_remaining: str(remaining)}
        bench.balancer.load.note_quota(f"key_{number}", told, names)
    assert {tuple(bench.order(seed)) for seed in range(20)} == {(3, 2, 1)}


def test_sessions_stay_and_calls_without_one_are_spread() -> None:
    """A virtual key stands for its calls' session where the policy says so."""
    bench = Bench(BALANCING_STRATEGY_ROUND_ROBIN, AFFINITY_KEY_SESSION)
    places = [{bench.order(seed, f"s{i}")[0] for seed in range(5)} for i in range(30)]
    assert {len(each) for each in places} == {1}
    assert len(set[int]().union(*places)) == 3
    assert [bench.order()[0] for _ in range(3)] == [1, 2, 3]
    by_key = Bench(affinity=AFFINITY_KEY_VIRTUAL_KEY)
    assert {len({by_key.order(s, "", key)[0] for s in range(5)}) for key in range(9)} == {1}


def test_no_caller_chooses_where_the_sessions_of_another_go() -> None:
    """The same name is another session under another virtual key."""
    bench = Bench(affinity=AFFINITY_KEY_SESSION)
    assert len({bench.order(session="s", virtual_key_id=key)[0] for key in range(30)}) == 3


@pytest.mark.parametrize(
    ("strategy", "measures"),
    [
        (BALANCING_STRATEGY_WEIGHTED, False),
        (BALANCING_STRATEGY_ROUND_ROBIN, False),
        (BALANCING_STRATEGY_LOWEST_COST, False),
        (BALANCING_STRATEGY_LEAST_BUSY, True),
    ],
)
def test_nothing_is_measured_that_no_strategy_needs(
    strategy: BalancingStrategy.ValueType, *, measures: bool
) -> None:
    """Also no more, once no policy has it any longer."""
    bench = Bench(strategy)
    assert bench.balancer.is_measuring is measures
    other = Bench(is_enabled=False)
    assert other.table.routes[ALIAS].policy is None
    bench.balancer.apply(first(other.table))
    assert not bench.balancer.is_measuring
    assert bench.balancer.balance(other.table.routes[ALIAS], "s", 1) == EVEN


def _price(provider_id: int, per_million: Sequence[int]) -> Price:
    units = zip((UNIT_INPUT_TOKEN, UNIT_OUTPUT_TOKEN), per_million, strict=True)
    return Price(
        provider_id=provider_id,
        actual_model_name=f"model-{provider_id}",
        unit_prices=[UnitPrice(unit=unit, nano_usd_per_million=price) for unit, price in units],
    )
