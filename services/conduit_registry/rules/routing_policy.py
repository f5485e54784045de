"""What makes a right routing policy: timeouts, retries, conditions and choices."""

from collections.abc import Collection, Iterable

from conduit.v1.cache_policy_pb2 import CACHE_SCOPE_VIRTUAL_KEY, CacheScope
from conduit.v1.cache_policy_pb2 import CachePolicy as CachePolicyMessage
from conduit.v1.cache_policy_pb2 import SemanticCache as SemanticCacheMessage
from conduit.v1.fallback_chain_pb2 import FallbackChainSpec
from conduit.v1.routing_policy_pb2 import (
    AFFINITY_KEY_NONE,
    BALANCING_STRATEGY_WEIGHTED,
    AffinityKey,
    BalancingStrategy,
    FailureClass,
    FallbackCondition,
    StreamFailover,
)
from conduit.v1.routing_policy_pb2 import Hedging as HedgingMessage
from conduit.v1.routing_policy_pb2 import RetryPolicy as RetryPolicyMessage
from conduit.v1.timeouts_pb2 import Timeouts as TimeoutsMessage
from conduit_kernel import limits
from conduit_kernel.errors import InvalidRequest
from conduit_registry.patches import ChainPatch
from conduit_registry.policy_values import CachePolicy, SemanticCache
from conduit_registry.rules.guardrails import guardrails
from conduit_registry.values import Hedging, RetryPolicy, Timeouts


def policy_fields(spec: FallbackChainSpec) -> ChainPatch:
    """Read what a chain's spec says of the policy beside its steps."""
    given: ChainPatch = {}
    if spec.HasField("strategy"):
        known = _choice(spec.strategy, BalancingStrategy.values(), "strategy")
        given["strategy"] = known or BALANCING_STRATEGY_WEIGHTED
    if spec.HasField("affinity"):
        known = _choice(spec.affinity, AffinityKey.values(), "affinity")
        given["affinity"] = known or AFFINITY_KEY_NONE
    if spec.HasField("stream_failover"):
        given["stream_failover"] = stream_failover(spec.stream_failover)
    if spec.retries:
        given["retries"] = retries(spec.retries, "retries")
    if spec.HasField("prefer_primary_for"):
        given["prefer_primary_for"] = limits.span_of(spec, "prefer_primary_for")
    if spec.HasField("hedging"):
        given["hedging"] = _hedging(spec.hedging)
    if spec.HasField("cache"):
        given["cache"] = _cache(spec.cache)
    if spec.guardrails:
        given["guardrails"] = guardrails(spec.guardrails)
    return given


def stream_failover(value: int) -> int | None:
    """Return what follows when a stream fails; None where that is left to others."""
    return _choice(value, StreamFailover.values(), "streamFailover") or None


def timeouts(given: TimeoutsMessage, field: str) -> Timeouts:
    """Return timeouts as microseconds."""
    return Timeouts(
        _limit(given, "connect", field),
        _limit(given, "first_token", field),
        _limit(given, "idle", field),
        _limit(given, "total", field),
    )


def conditions(given: Iterable[int], field: str) -> tuple[int, ...]:
    """Return conditions, each once."""
    known = FallbackCondition.values()
    return tuple(dict.fromkeys(_required_choice(value, known, field) for value in given))


def _limit(given: TimeoutsMessage, name: str, field: str) -> int | None:
    if not given.HasField(name):  # type: ignore[arg-type] # one of its fields
        return None
    return limits.span_of(given, name, field)


def retries(given: Iterable[RetryPolicyMessage], field: str) -> tuple[RetryPolicy, ...]:
    """Return limits of retries, each class of failures once."""
    found = tuple(_retry(each, f"{field}[{i}]") for i, each in enumerate(given))
    seen: set[int] = set()
    for i, each in enumerate(found):
        if each.failure in seen:
            message = f"{field} has a class of failures twice"
            raise InvalidRequest(message, field=f"{field}[{i}].failure")
        seen.add(each.failure)
    return found


def _retry(given: RetryPolicyMessage, field: str) -> RetryPolicy:
    failure = _required_choice(given.failure, FailureClass.values(), f"{field}.failure")
    attempts = wait = max_wait = None
    if given.HasField("attempts"):
        attempts = limits.number_of(given, "attempts", field)
    if given.HasField("wait"):
        wait = limits.span_of(given, "wait", field)
    if given.HasField("max_wait"):
        max_wait = limits.span_of(given, "max_wait", field)
    return RetryPolicy(failure, attempts, wait, max_wait)


def _hedging(given: HedgingMessage) -> Hedging:
    delay = budget = None
    if given.HasField("delay"):
        delay = limits.span_of(given, "delay", "hedging")
    if given.HasField("budget"):
        budget = limits.fraction_of(given, "budget", "hedging")
    return Hedging(delay, budget)


def _cache(given: CachePolicyMessage) -> CachePolicy:
    ttl = share = None
    if given.HasField("ttl"):
        ttl = limits.span_of(given, "ttl", "cache")
    if given.HasField("charged_share"):
        share = limits.fraction_of(given, "charged_share", "cache")
    scope = _choice(given.scope, CacheScope.values(), "cache.scope") or CACHE_SCOPE_VIRTUAL_KEY
    semantic = _semantic(given.semantic) if given.HasField("semantic") else None
    version = limits.text_of(given, "version", "cache")
    return CachePolicy(ttl, scope, share, version, semantic)


def _semantic(given: SemanticCacheMessage) -> SemanticCache:
    field = "cache.semantic"
    threshold = timeout = None
    if given.HasField("threshold"):
        threshold = limits.fraction_of(given, "threshold", field)
    if given.HasField("timeout"):
        timeout = limits.span_of(given, "timeout", field)
    return SemanticCache(limits.text_of(given, "embedding_model", field), threshold, timeout)


def _required_choice(value: int, known: Collection[int], field: str) -> int:
    if not _choice(value, known, field):
        raise InvalidRequest(f"{field} is missing", field=field)
    return value


def _choice(value: int, known: Collection[int], field: str) -> int:
    # Over gRPC any number may come.
    if value not in known:
        raise InvalidRequest(f"{field} has no value {value}", field=field)
    return value
