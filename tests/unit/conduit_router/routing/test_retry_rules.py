"""The class of a failure, and the pause before its repetition."""

import pytest
from google.protobuf.duration_pb2 import Duration
from tests.support.snapshots import ALIAS, compiled, provider, snapshot

from conduit.v1.fallback_chain_pb2 import FallbackChain, FallbackProvider
from conduit.v1.routing_policy_pb2 import (
    FAILURE_CLASS_OVERLOADED,
    FAILURE_CLASS_RATE_LIMITED,
    FAILURE_CLASS_SERVER_ERROR,
    FAILURE_CLASS_TIMEOUT,
    FAILURE_CLASS_UNREACHABLE,
    FailureClass,
    RetryPolicy,
)
from conduit_kernel.errors import (
    ContextTooLong,
    InsufficientFunds,
    InvalidApiKey,
    LoopDetected,
    UpstreamError,
    UpstreamModelNotFound,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from conduit_router.routing.policy import Retries
from conduit_router.routing.retry_rules import (
    USUAL,
    class_of,
    pause_before,
    rule_of,
    usual_attempts,
)
from conduit_router.routing.table import Route

OVERLOADED = UpstreamError("busy", status="503")


def highest(_: float, most: float) -> float:
    """Draw the most."""
    return most


def lowest(least: float, _: float) -> float:
    """Draw the least."""
    return least


@pytest.mark.parametrize(
    ("error", "kind", "attempts"),
    [
        (UpstreamRateLimited("slow", status="429"), FAILURE_CLASS_RATE_LIMITED, 1),
        (OVERLOADED, FAILURE_CLASS_OVERLOADED, 2),
        (UpstreamError("busy", status="529"), FAILURE_CLASS_OVERLOADED, 2),
        (UpstreamError("oops", status="500"), FAILURE_CLASS_SERVER_ERROR, 2),
        (UpstreamError("nonsense", kind="malformed"), FAILURE_CLASS_SERVER_ERROR, 2),
        (UpstreamUnreachable("refused", kind="refused"), FAILURE_CLASS_UNREACHABLE, 2),
        (UpstreamTimeout("silence"), FAILURE_CLASS_TIMEOUT, 1),
        (InvalidApiKey("no"), None, 1),
        (InsufficientFunds("no"), None, 1),
        (UpstreamModelNotFound("no"), None, 1),
        (LoopDetected("round"), None, 1),
        (ContextTooLong("long"), None, 1),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_failures_that_may_pass_have_a_class(
    error: UpstreamError, kind: FailureClass.ValueType | None, attempts: int
) -> None:
    """After the others nobody is asked again, whatever a policy says."""
    assert class_of(error) == kind
    assert usual_attempts(error) == attempts


@pytest.mark.parametrize(
    ("rule", "error", "pauses"),
    [
        (USUAL, OVERLOADED, [(0.02, 0.15)] * 2),
        (USUAL, UpstreamRateLimited("slow"), [(0.5, 1.0)] * 2),
        (Retries(wait=1.0), OVERLOADED, [(0.0, 1.0), (0.0, 2.0), (0.0, 4.0), (0.0, 8.0)]),
        (Retries(wait=1.0), UpstreamRateLimited("slow"), [(0.5, 1.0), (0.5, 2.0)]),
        (Retries(wait=1.0, max_wait=3.0), OVERLOADED, [(0.0, 1.0), (0.0, 2.0), (0.0, 3.0)]),
        (Retries(wait=60.0), OVERLOADED, [(0.0, 10.0)]),
        (USUAL, UpstreamError("busy", retry_after_ms="2000"), [(2.02, 2.15)]),
        (USUAL, UpstreamRateLimited("slow", retry_after_ms="0"), [(0.5, 1.0)]),
        (Retries(max_wait=2.0), UpstreamError("busy", retry_after_ms="2000"), [(2.0, 2.0)]),
        (Retries(max_wait=1.9), UpstreamError("busy", retry_after_ms="2000"), []),
        (USUAL, UpstreamRateLimited("slow", retry_after_ms="10001"), []),
    ],
)
def test_pauses_are_drawn_up_to_a_bound_that_doubles(
    rule: Retries, error: UpstreamError, pauses: list[tuple[float, float]]
) -> None:
    """On top of what the provider asks for; what is longer than the longest is not waited for."""
    for repetition, (least, most) in enumerate(pauses, 1):
        assert pause_before(rule, error, repetition, lowest) == pytest.approx(least)
        assert pause_before(rule, error, repetition, highest) == pytest.approx(most)
    if not pauses:
        assert pause_before(rule, error, 1, lowest) is None


def test_pauses_of_many_repetitions_stay_finite() -> None:
    """Up to the sixteenth attempt, the last that a policy may have."""
    assert pause_before(Retries(wait=60.0), OVERLOADED, 15, highest) == 10.0


def seconds(number: int) -> Duration:
    """Return a duration."""
    return Duration(seconds=number)


def route(*steps: FallbackProvider) -> Route:
    """Return the route of two instances under a chain with retries."""
    chain = FallbackChain(
        id=1,
        model_alias=ALIAS,
        is_enabled=True,
        providers=steps,
        retries=[
            RetryPolicy(failure=FAILURE_CLASS_OVERLOADED, attempts=3, wait=seconds(2)),
            RetryPolicy(failure=FAILURE_CLASS_TIMEOUT, attempts=2),
        ],
    )
    return compiled(snapshot([provider(1), provider(2)], chains=[chain])).routes[ALIAS]


def test_a_step_s_rule_wins_over_its_chain_s_and_the_chain_s_over_the_usual() -> None:
    """Each for its class alone; an alias without steps has its policy's."""
    own = RetryPolicy(failure=FAILURE_CLASS_OVERLOADED, attempts=1)
    first, second = route(
        FallbackProvider(provider_id=1, retries=[own]), FallbackProvider(provider_id=2)
    ).candidates
    assert rule_of(first, OVERLOADED) == Retries(attempts=1)
    assert rule_of(first, UpstreamTimeout("late")) == Retries(attempts=2)
    assert rule_of(second, OVERLOADED) == Retries(attempts=3, wait=2.0)
    assert rule_of(second, UpstreamRateLimited("slow")) is USUAL
    assert rule_of(second, InvalidApiKey("no")) is USUAL
    assert [rule_of(each, OVERLOADED).attempts for each in route().candidates] == [3, 3]
