"""The routing policy of an alias, compiled from its fallback chain; caps of virtual keys."""

import sys
from collections.abc import Iterable, Mapping
from math import inf
from typing import NamedTuple

import msgspec
from google.protobuf.duration_pb2 import Duration

from conduit.v1.fallback_chain_pb2 import FallbackChain
from conduit.v1.routing_policy_pb2 import (
    AFFINITY_KEY_NONE,
    AFFINITY_KEY_UNSPECIFIED,
    BALANCING_STRATEGY_UNSPECIFIED,
    BALANCING_STRATEGY_WEIGHTED,
    AffinityKey,
    BalancingStrategy,
    FailureClass,
    RetryPolicy,
    StreamFailover,
)
from conduit.v1.timeouts_pb2 import Timeouts
from conduit.v1.virtual_key_pb2 import VirtualKey


class AttemptTimeouts(NamedTuple):
    """The limits of an attempt at a candidate, in seconds; None means the default."""

    connect: float | None = None
    # Until the head of an answer, or the first event of a stream.
    first_event: float | None = None
    idle: float | None = None
    total: float | None = None


class Retries(NamedTuple):
    """Limits of retries after failures of a class, in seconds; None means the default."""

    attempts: int | None = None
    wait: float | None = None
    max_wait: float | None = None


class Hedging(NamedTuple):
    """The delay, in seconds, after which a second candidate is asked, and for how many calls."""

    # None means learnt.
    delay: float | None = None
    # A share of the calls.
    budget: float = 0.05


class CallerCaps(NamedTuple):
    """The most that calls of a virtual key may take, whatever their callers ask for."""

    attempts: int = sys.maxsize
    seconds: float = inf
    # The share of its chats that may be hedged.
    hedging: float = 1.0


class UsagePolicy(NamedTuple):
    """The budgets and limits that calls of a virtual key must not exceed."""

    # Whether a budget is hard.
    has_budget: bool = False
    # What may be spent while Billing cannot be asked, in nano-dollars.
    outage_allowance: int = 0
    # What may be used in a minute, and at a time; 0 for any number.
    requests: int = 0
    tokens: int = 0
    concurrent: int = 0
    # Whether candidates without a known price are not asked.
    refuses_unpriced: bool = False


NO_CAPS = CallerCaps()
NO_USAGE_POLICY = UsagePolicy()
RetriesByClass = Mapping[FailureClass.ValueType, Retries]
NO_RETRIES: RetriesByClass = {}


class RoutingPolicy(msgspec.Struct, frozen=True, gc=False):
    """The rules by which calls of an alias are spread, kept together, repeated and continued."""

    strategy: BalancingStrategy.ValueType = BALANCING_STRATEGY_WEIGHTED
    affinity: AffinityKey.ValueType = AFFINITY_KEY_NONE
    # None means the default.
    stream_failover: StreamFailover.ValueType | None = None
    # Seconds for which a call waits for a rate-limited first choice.
    prefer_primary_for: float = 0.0


NO_POLICY = RoutingPolicy()


def policy_of(chain: FallbackChain) -> RoutingPolicy | None:
    """Return what a chain says beside its steps, None if that is what is usual."""
    strategy, affinity = chain.strategy, chain.affinity
    if strategy == BALANCING_STRATEGY_UNSPECIFIED:
        strategy = BALANCING_STRATEGY_WEIGHTED
    if affinity == AFFINITY_KEY_UNSPECIFIED:
        affinity = AFFINITY_KEY_NONE
    policy = RoutingPolicy(
        strategy=strategy,
        affinity=affinity,
        stream_failover=chain.stream_failover or None,
        prefer_primary_for=_seconds(chain.prefer_primary_for) or 0.0,
    )
    return None if policy == NO_POLICY else policy


def retries_of(given: Iterable[RetryPolicy], others: RetriesByClass = NO_RETRIES) -> RetriesByClass:
    """Return retries by class, with those of others for the classes of which nothing is said."""
    own = {
        each.failure: Retries(
            each.attempts if each.HasField("attempts") else None,
            _seconds(each.wait),
            _seconds(each.max_wait),
        )
        for each in given
    }
    return {**others, **own} if own else others


def hedging_of(chain: FallbackChain) -> Hedging | None:
    """Return when a second candidate is asked; None for never."""
    if not chain.HasField("hedging"):
        return None
    own = chain.hedging
    budget = own.budget if own.HasField("budget") else Hedging().budget
    return Hedging(_seconds(own.delay), budget)


def caps_of(key: VirtualKey) -> CallerCaps | None:
    """Return the most that calls of a virtual key may take; None where it says nothing."""
    caps = CallerCaps(
        key.max_attempts or NO_CAPS.attempts,
        _seconds(key.timeout) or NO_CAPS.seconds,
        key.hedging_budget if key.HasField("hedging_budget") else NO_CAPS.hedging,
    )
    return None if caps == NO_CAPS else caps


def timeouts_of(own: Timeouts, others: AttemptTimeouts | None) -> AttemptTimeouts | None:
    """Return timeouts, with those of others where they say nothing; None if nobody says any."""
    found = (own.connect, own.first_token, own.idle, own.total)
    fallback = others or AttemptTimeouts()
    merged = AttemptTimeouts(
        *(_seconds(each) or other for each, other in zip(found, fallback, strict=True))
    )
    return None if merged == AttemptTimeouts() else merged


def within(asked: AttemptTimeouts, own: AttemptTimeouts) -> AttemptTimeouts:
    """Return what a caller asks for, capped by the operator's own, which also fill the gaps."""
    return AttemptTimeouts(*map(_lesser, asked, own))


def _lesser(one: float | None, other: float | None) -> float | None:
    return other if one is None else one if other is None else min(one, other)


def _seconds(duration: Duration) -> float | None:
    # The Registry takes none of zero, so that is what is unset.
    return duration.ToMicroseconds() / 1e6 or None
