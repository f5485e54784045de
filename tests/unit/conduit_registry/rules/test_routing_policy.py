"""What makes a right routing policy."""

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

from conduit.v1.cache_policy_pb2 import (
    CACHE_SCOPE_GROUP,
    CACHE_SCOPE_VIRTUAL_KEY,
    CachePolicy,
    SemanticCache,
)
from conduit.v1.fallback_chain_pb2 import FallbackChainSpec
from conduit.v1.routing_policy_pb2 import (
    AFFINITY_KEY_NONE,
    AFFINITY_KEY_SESSION,
    BALANCING_STRATEGY_MOST_QUOTA,
    BALANCING_STRATEGY_WEIGHTED,
    FAILURE_CLASS_OVERLOADED,
    FAILURE_CLASS_TIMEOUT,
    FALLBACK_CONDITION_CONTENT_POLICY,
    FALLBACK_CONDITION_CONTEXT_TOO_LONG,
    STREAM_FAILOVER_RESTART,
    Hedging,
    RetryPolicy,
)
from conduit.v1.timeouts_pb2 import Timeouts
from conduit_kernel.errors import InvalidRequest
from conduit_registry.policy_values import CachePolicy as CacheValue
from conduit_registry.policy_values import SemanticCache as SemanticValue
from conduit_registry.rules.routing_policy import (
    conditions,
    policy_fields,
    stream_failover,
    timeouts,
)
from conduit_registry.values import Hedging as HedgingValue
from conduit_registry.values import RetryPolicy as Retries
from conduit_registry.values import Timeouts as Limits

SECOND = Duration(seconds=1)
ONCE = RetryPolicy(failure=FAILURE_CLASS_TIMEOUT)


def timed_out(**limits: object) -> RetryPolicy:
    """Return what holds after timeouts."""
    given: dict[str, Any] = limits
    return RetryPolicy(failure=FAILURE_CLASS_TIMEOUT, **given)


def alike(**terms: Any) -> CachePolicy:  # noqa: ANN401 # of each field its own
    """Return a policy by which much the same has one answer."""
    return CachePolicy(semantic=SemanticCache(**({"embedding_model": "v"} | terms)))


def test_only_what_a_spec_gives_is_read() -> None:
    """An enum that is given as unspecified has its default."""
    assert policy_fields(FallbackChainSpec(model_alias="a")) == {}
    unspecified = FallbackChainSpec(strategy=0, affinity=0, stream_failover=0)  # type: ignore[arg-type] # unspecified
    assert policy_fields(unspecified) == {
        "strategy": BALANCING_STRATEGY_WEIGHTED,
        "affinity": AFFINITY_KEY_NONE,
        "stream_failover": None,
    }
    spec = FallbackChainSpec(
        strategy=BALANCING_STRATEGY_MOST_QUOTA,
        affinity=AFFINITY_KEY_SESSION,
        stream_failover=STREAM_FAILOVER_RESTART,
        retries=[ONCE, RetryPolicy(failure=FAILURE_CLASS_OVERLOADED, attempts=16, max_wait=SECOND)],
        prefer_primary_for=Duration(seconds=60),
        hedging=Hedging(delay=SECOND, budget=1.0),
        cache=CachePolicy(ttl=SECOND, scope=CACHE_SCOPE_GROUP, charged_share=1.0, version=" 2 "),
    )
    assert policy_fields(spec) == {
        "strategy": BALANCING_STRATEGY_MOST_QUOTA,
        "affinity": AFFINITY_KEY_SESSION,
        "stream_failover": STREAM_FAILOVER_RESTART,
        "retries": (
            Retries(FAILURE_CLASS_TIMEOUT),
            Retries(FAILURE_CLASS_OVERLOADED, attempts=16, max_wait=1_000_000),
        ),
        "prefer_primary_for": 60_000_000,
        "hedging": HedgingValue(1_000_000, 1.0),
        "cache": CacheValue(1_000_000, CACHE_SCOPE_GROUP, 1.0, "2"),
    }
    vectors = SemanticCache(embedding_model="v", threshold=0.5, timeout=Duration(seconds=10))
    [read] = policy_fields(FallbackChainSpec(cache=CachePolicy(semantic=vectors))).values()
    assert read == CacheValue(semantic=SemanticValue("v", 0.5, 10_000_000))
    learnt = FallbackChainSpec(hedging=Hedging())
    assert policy_fields(learnt) == {"hedging": HedgingValue(None, None)}
    kept = FallbackChainSpec(cache=CachePolicy())
    assert policy_fields(kept) == {"cache": CacheValue(None, CACHE_SCOPE_VIRTUAL_KEY, None, "")}


@pytest.mark.parametrize(
    ("policy", "field"),
    [
        ({"strategy": 99}, "strategy"),
        ({"affinity": -1}, "affinity"),
        ({"stream_failover": 4}, "streamFailover"),
        ({"prefer_primary_for": Duration(seconds=61)}, "preferPrimaryFor"),
        ({"prefer_primary_for": Duration()}, "preferPrimaryFor"),
        ({"hedging": Hedging(delay=Duration())}, "hedging.delay"),
        ({"hedging": Hedging(delay=Duration(seconds=601))}, "hedging.delay"),
        ({"hedging": Hedging(budget=0.0)}, "hedging.budget"),
        ({"hedging": Hedging(budget=-0.1)}, "hedging.budget"),
        ({"hedging": Hedging(budget=1.1)}, "hedging.budget"),
        ({"hedging": Hedging(budget=float("nan"))}, "hedging.budget"),
        ({"hedging": Hedging(budget=float("inf"))}, "hedging.budget"),
        ({"cache": CachePolicy(ttl=Duration())}, "cache.ttl"),
        ({"cache": CachePolicy(ttl=Duration(seconds=2_592_001))}, "cache.ttl"),
        ({"cache": CachePolicy(charged_share=-0.1)}, "cache.chargedShare"),
        ({"cache": CachePolicy(charged_share=float("nan"))}, "cache.chargedShare"),
        ({"cache": CachePolicy(charged_share=1.1)}, "cache.chargedShare"),
        ({"cache": CachePolicy(scope=9)}, "cache.scope"),  # type: ignore[arg-type] # of a newer client
        ({"cache": CachePolicy(version="v" * 101)}, "cache.version"),
        ({"cache": alike(embedding_model="")}, "cache.semantic.embeddingModel"),
        ({"cache": alike(embedding_model="v" * 201)}, "cache.semantic.embeddingModel"),
        ({"cache": alike(threshold=0.49)}, "cache.semantic.threshold"),
        ({"cache": alike(threshold=float("nan"))}, "cache.semantic.threshold"),
        ({"cache": alike(threshold=1.01)}, "cache.semantic.threshold"),
        ({"cache": alike(timeout=Duration())}, "cache.semantic.timeout"),
        ({"cache": alike(timeout=Duration(seconds=11))}, "cache.semantic.timeout"),
        ({"retries": [RetryPolicy()]}, "retries[0].failure"),
        ({"retries": [RetryPolicy(failure=99)]}, "retries[0].failure"),  # type: ignore[arg-type] # of a newer client
        ({"retries": [ONCE, ONCE]}, "retries[1].failure"),
        (
            {"retries": [timed_out(attempts=17)]},
            "retries[0].attempts",
        ),
        (
            {"retries": [timed_out(attempts=0)]},
            "retries[0].attempts",
        ),
        (
            {"retries": [timed_out(wait=Duration(seconds=61))]},
            "retries[0].wait",
        ),
        (
            {"retries": [timed_out(max_wait=Duration())]},
            "retries[0].maxWait",
        ),
    ],
)
def test_a_policy_that_cannot_be_is_refused(policy: dict[str, Any], field: str) -> None:
    """Numbers that are no value of an enum, a class of failures twice, waits without measure."""
    with pytest.raises(InvalidRequest) as caught:
        policy_fields(FallbackChainSpec(**policy))
    assert caught.value.metadata["field"] == field


def test_timeouts_are_microseconds_and_unset_ones_none() -> None:
    """Each has its own place in errors."""
    given = Timeouts(first_token=SECOND, total=Duration(seconds=600))
    assert timeouts(given, "timeouts") == Limits(first_token=1_000_000, total=600_000_000)
    assert timeouts(Timeouts(), "timeouts") == Limits()
    for name, said in (
        ("connect", "connect"),
        ("first_token", "firstToken"),
        ("idle", "idle"),
        ("total", "total"),
    ):
        wrong = Timeouts()
        getattr(wrong, name).seconds = 601
        with pytest.raises(InvalidRequest) as caught:
            timeouts(wrong, "timeouts")
        assert caught.value.metadata["field"] == f"timeouts.{said}"


def test_conditions_are_known_and_each_there_once() -> None:
    """In their order; an unspecified one is none."""
    given = [FALLBACK_CONDITION_CONTENT_POLICY, FALLBACK_CONDITION_CONTEXT_TOO_LONG]
    assert conditions([*given, given[0]], "conditions") == tuple(given)
    for wrong in (0, 99, -1):
        with pytest.raises(InvalidRequest) as caught:
            conditions([given[0], wrong], "conditions")
        assert caught.value.metadata["field"] == "conditions"


def test_an_unspecified_word_on_streams_leaves_it_to_others() -> None:
    """Which is not a word of its own."""
    assert stream_failover(0) is None
    assert stream_failover(STREAM_FAILOVER_RESTART) == STREAM_FAILOVER_RESTART
