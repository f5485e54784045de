"""Says of each call what the strategy of its alias goes by."""

from collections.abc import Callable, Mapping
from math import inf

from conduit.v1.routing_policy_pb2 import (
    AFFINITY_KEY_NONE,
    AFFINITY_KEY_VIRTUAL_KEY,
    BALANCING_STRATEGY_LEAST_BUSY,
    BALANCING_STRATEGY_LOWEST_COST,
    BALANCING_STRATEGY_LOWEST_LATENCY,
    BALANCING_STRATEGY_MOST_QUOTA,
    BALANCING_STRATEGY_ROUND_ROBIN,
    BalancingStrategy,
)
from conduit_kernel.errors import Scope, UpstreamError
from conduit_providers.quantities import INPUT, OUTPUT
from conduit_router.accounting.prices import PriceList
from conduit_router.routing.attempt_plan import Attempt, Outrun
from conduit_router.routing.balancing import EVEN, Balance, affinity_of
from conduit_router.routing.load import FAILURE_SECONDS, Load
from conduit_router.routing.policy import RoutingPolicy
from conduit_router.routing.table import Candidate, Route, TableChange, UpstreamKey

_MEASURED = frozenset(
    {
        BALANCING_STRATEGY_LEAST_BUSY,
        BALANCING_STRATEGY_LOWEST_LATENCY,
        BALANCING_STRATEGY_MOST_QUOTA,
    }
)


class Balancer:
    """Keeps what strategies go by: turns, calls under way, latencies, quotas, prices."""

    def __init__(
        self, clock: Callable[[], float], wall_clock: Callable[[], float], prices: PriceList
    ) -> None:
        self.load = Load(clock, wall_clock)
        # Whether attempts are to be noted, and answers' headers: only where a strategy needs it.
        self.is_measuring = False
        self.reads_quotas = False
        self._prices = prices
        self._turns: dict[str, int] = {}
        # Of aliases that have a policy.
        self._strategies: dict[str, BalancingStrategy.ValueType] = {}

    def apply(self, change: TableChange) -> None:
        """Take the policies of a new table."""
        for alias in change.aliases:
            route = change.after.routes.get(alias)
            if route is None or route.policy is None:
                self._strategies.pop(alias, None)
                self._turns.pop(alias, None)
            else:
                self._strategies[alias] = route.policy.strategy
        in_use = _MEASURED.intersection(self._strategies.values())
        self.is_measuring = bool(in_use)
        self.reads_quotas = BALANCING_STRATEGY_MOST_QUOTA in in_use
        if not in_use:
            self.load.forget()

    def turn(self, alias: str) -> int:
        """Return whose turn it is by round robin, which stays so."""
        return self._turns.get(alias, 0)

    def balance(
        self, route: Route, session: str, virtual_key_id: int, *, turn: int | None = None
    ) -> Balance:
        """Return what decides among the candidates of a route for a call of a session.

        By round robin it takes its turn, unless it has one.
        """
        policy = route.policy
        if policy is None:
            return EVEN
        affinity = _affinity(policy, session, virtual_key_id)
        if affinity is not None:
            return Balance(policy.strategy, affinity=affinity)
        match policy.strategy:
            case strategy if strategy == BALANCING_STRATEGY_ROUND_ROBIN:
                if turn is None:
                    turn = self.turn(route.alias)
                    self._turns[route.alias] = turn + 1
                return Balance(strategy, turn=turn)
            case strategy if strategy == BALANCING_STRATEGY_MOST_QUOTA:
                return self._by_quota(route)
            case strategy:
                score = self._scorer(strategy)
                if score is None:
                    return Balance(strategy)
                scores = {(each.provider_id, each.model): score(each) for each in route.candidates}
                return Balance(strategy, scores=scores)

    def begin(self, attempt: Attempt) -> None:
        """Note that an attempt begins."""
        attempt.is_measured = True
        self.load.begin((attempt.candidate.provider_id, attempt.candidate.model))

    def end(self, attempt: Attempt, error: BaseException | None, seconds: float) -> None:
        """Note that an attempt ended, and after how long."""
        attempt.is_measured = False
        took: float | None = None
        if error is None:
            took = attempt.waited
        elif isinstance(error, Outrun):
            # It would have taken longer still, and so it does where that is known.
            known = self.load.latency((attempt.candidate.provider_id, attempt.candidate.model))
            took = attempt.waited or (None if seconds < known < inf else seconds)
        elif isinstance(error, UpstreamError) and error.scope is Scope.INSTANCE:
            took = max(seconds, FAILURE_SECONDS)
        self.load.end((attempt.candidate.provider_id, attempt.candidate.model), took)

    def abandon(self, attempt: Attempt) -> None:
        """Note that an attempt was none."""
        attempt.is_measured = False
        self.load.end((attempt.candidate.provider_id, attempt.candidate.model), None)

    def _by_quota(self, route: Route) -> Balance:
        key_scores = {
            key.key_id: self.load.usage(key.key_id)
            for candidate in route.candidates
            for key in candidate.instance.keys
        }
        scores = {
            (candidate.provider_id, candidate.model): _best(candidate.instance.keys, key_scores)
            for candidate in route.candidates
        }
        return Balance(BALANCING_STRATEGY_MOST_QUOTA, scores=scores, key_scores=key_scores)

    def _scorer(self, strategy: BalancingStrategy.ValueType) -> Callable[[Candidate], float] | None:
        if strategy == BALANCING_STRATEGY_LEAST_BUSY:
            return lambda candidate: self.load.busyness(candidate.provider_id, candidate.weight)
        if strategy == BALANCING_STRATEGY_LOWEST_LATENCY:
            return lambda candidate: self.load.latency((candidate.provider_id, candidate.model))
        if strategy == BALANCING_STRATEGY_LOWEST_COST:
            return self._cost
        return None

    def _cost(self, candidate: Candidate) -> float:
        units = self._prices.card(candidate.provider_id, candidate.model).units
        if not units:
            return inf
        # A token read and one written, where tokens are what is paid for.
        by_token = [units[unit] for unit in (INPUT, OUTPUT) if unit in units]
        return float(sum(by_token or units.values()))


def _affinity(policy: RoutingPolicy, session: str, virtual_key_id: int) -> int | None:
    if policy.affinity == AFFINITY_KEY_NONE:
        return None
    if session:
        # With the key, so that no caller chooses where another's sessions go.
        return affinity_of(virtual_key_id, session)
    return affinity_of(virtual_key_id) if policy.affinity == AFFINITY_KEY_VIRTUAL_KEY else None


def _best(keys: tuple[UpstreamKey, ...], scores: Mapping[str, float]) -> float:
    return min((scores[key.key_id] for key in keys), default=inf)
