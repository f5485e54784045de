"""Policies and timeouts, from the contract's messages."""

from google.protobuf.duration_pb2 import Duration
from tests.support.snapshots import ALIAS, compiled, mapping, provider, snapshot

from conduit.v1.fallback_chain_pb2 import FallbackChain, FallbackProvider
from conduit.v1.routing_policy_pb2 import (
    AFFINITY_KEY_NONE,
    AFFINITY_KEY_SESSION,
    BALANCING_STRATEGY_LEAST_BUSY,
    BALANCING_STRATEGY_WEIGHTED,
    FALLBACK_CONDITION_CONTENT_POLICY,
    STREAM_FAILOVER_CONTINUE,
)
from conduit.v1.routing_policy_pb2 import Hedging as HedgingMessage
from conduit.v1.timeouts_pb2 import Timeouts
from conduit.v1.virtual_key_pb2 import VirtualKey
from conduit_router.routing.policy import (
    NO_CAPS,
    AttemptTimeouts,
    Hedging,
    caps_of,
    hedging_of,
    policy_of,
)
from conduit_router.routing.table import Route


def seconds(number: float) -> Duration:
    """Return a duration."""
    return Duration(seconds=int(number), nanos=int(number % 1 * 1e9))


def route(*steps: FallbackProvider, is_enabled: bool = True) -> Route:
    """Return the route of two mapped instances, of which the first has timeouts, under a chain."""
    own = Timeouts(connect=seconds(2), first_token=seconds(20))
    chain = FallbackChain(
        id=1,
        model_alias=ALIAS,
        is_enabled=is_enabled,
        providers=steps,
        strategy=BALANCING_STRATEGY_LEAST_BUSY,
    )
    source = snapshot(
        [provider(1), provider(2)],
        mappings=[mapping(1, 1, timeouts=own), mapping(2, 2)],
        chains=[chain],
    )
    return compiled(source).routes[ALIAS]


def test_a_chain_that_says_nothing_but_its_steps_is_no_policy() -> None:
    """So its calls are as plain as those of an alias without one."""
    usual = FallbackChain(strategy=BALANCING_STRATEGY_WEIGHTED, affinity=AFFINITY_KEY_NONE)
    assert policy_of(usual) is None
    assert policy_of(FallbackChain()) is None


def test_a_policy_says_everything_that_its_chain_does() -> None:
    """Times in seconds; what is unset stays so."""
    policy = policy_of(
        FallbackChain(
            affinity=AFFINITY_KEY_SESSION,
            stream_failover=STREAM_FAILOVER_CONTINUE,
            prefer_primary_for=seconds(1.5),
        )
    )
    assert policy is not None
    assert (policy.strategy, policy.affinity) == (BALANCING_STRATEGY_WEIGHTED, AFFINITY_KEY_SESSION)
    assert policy.stream_failover == STREAM_FAILOVER_CONTINUE
    assert policy.prefer_primary_for == 1.5


def test_a_policy_without_steps_leaves_the_alias_to_its_mappings() -> None:
    """With their own timeouts; a disabled one is none."""
    made = route()
    assert made.policy is not None
    assert [(c.timeout, c.timeouts) for c in made.candidates] == [
        (20.0, AttemptTimeouts(2.0, 20.0)),
        (None, None),
    ]
    assert route(is_enabled=False).policy is None


def test_the_timeouts_of_a_step_win_over_those_of_its_mapping() -> None:
    """Each by itself; the old spelling of the time until the first byte wins, too."""
    made = route(
        FallbackProvider(provider_id=1, timeouts=Timeouts(connect=seconds(1), idle=seconds(9))),
        FallbackProvider(provider_id=1, timeout=seconds(5), actual_model_name="other"),
    )
    assert [(c.timeout, c.timeouts) for c in made.candidates] == [
        (20.0, AttemptTimeouts(1.0, 20.0, 9.0)),
        (5.0, AttemptTimeouts(2.0, 20.0)),
    ]


def test_conditions_are_the_step_s() -> None:
    """A step without any is for all failures that are not the request's own."""
    made = route(
        FallbackProvider(provider_id=1),
        FallbackProvider(provider_id=2, conditions=[FALLBACK_CONDITION_CONTENT_POLICY]),
    )
    assert [c.conditions for c in made.candidates] == [
        frozenset(),
        {FALLBACK_CONDITION_CONTENT_POLICY},
    ]


def test_a_virtual_key_has_the_caps_that_it_says() -> None:
    """None where it says nothing; no hedging at all is something."""
    assert caps_of(VirtualKey(id=1)) is None
    assert caps_of(VirtualKey(max_attempts=2)) == NO_CAPS._replace(attempts=2)
    half = Duration(nanos=500_000_000)
    assert caps_of(VirtualKey(timeout=half)) == NO_CAPS._replace(seconds=0.5)
    assert caps_of(VirtualKey(hedging_budget=0.0)) == NO_CAPS._replace(hedging=0.0)


def test_hedging_is_off_unless_a_policy_has_it() -> None:
    """An empty one has a learnt delay and the usual budget."""
    assert hedging_of(FallbackChain()) is None
    assert hedging_of(FallbackChain(hedging=HedgingMessage())) == Hedging(None, 0.05)
    said = HedgingMessage(delay=seconds(1.5), budget=0.5)
    assert hedging_of(FallbackChain(hedging=said)) == Hedging(1.5, 0.5)
    assert [candidate.hedging for candidate in route().candidates] == [None, None]
