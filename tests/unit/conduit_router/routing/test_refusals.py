"""Why a request has no candidate: of several reasons, the one that helps its caller most."""

import pytest
from tests.support.snapshots import ALIAS, compiled, provider, snapshot

from conduit.v1 import decision_pb2 as pb
from conduit.v1.decision_pb2 import Rejection
from conduit_kernel.errors import (
    AccountUnavailable,
    ConduitError,
    InsufficientFunds,
    InvalidApiKey,
    NoProviderAvailable,
    ProviderUnhealthy,
    UnsupportedCapability,
    UpstreamModelNotFound,
    UpstreamRateLimited,
)
from conduit_providers.operation import Requirements
from conduit_router.routing.decide import Decision, Resting, decide
from conduit_router.routing.health_view import HEALTHY, Cooldown, HealthView, Subject
from conduit_router.routing.refusals import no_candidate, wait_for, wait_for_primary

FOREIGN = pb.REJECTION_REASON_OTHER_ACCOUNT
LACKING = pb.REJECTION_REASON_CAPABILITY_MISSING
DISABLED = pb.REJECTION_REASON_PROVIDER_DISABLED
LIMITED, OPEN = UpstreamRateLimited.reason, ProviderUnhealthy.reason
NOW = 10.0


def decided(*reasons: pb.RejectionReason.ValueType, resting: tuple[Resting, ...] = ()) -> Decision:
    """Return a decision that left instances out for these reasons."""
    rejections = [
        Rejection(provider_id=i, provider_name=f"p{i}", reason=reason, detail=f"detail {i}")
        for i, reason in enumerate(reasons, 1)
    ]
    return Decision((), tuple(rejections), 0, resting, HealthView(at=NOW))


def refused(decision: Decision) -> ConduitError:
    """Return the error of a decision."""
    return no_candidate(Requirements(ALIAS, "chat"), decision)


def resting(reason: str, until: float = 40.0) -> Resting:
    """Return what rests for a reason."""
    return Resting((9, "m"), until, reason, f"for {reason}", "p9", "key_9")


@pytest.mark.parametrize(
    ("reasons", "error"),
    [
        ((), NoProviderAvailable),
        ((DISABLED, LACKING), NoProviderAvailable),
        ((LACKING, LACKING), UnsupportedCapability),
        ((FOREIGN, LACKING), AccountUnavailable),
    ],
)
def test_a_lack_is_told_where_nobody_would_be_able(
    reasons: tuple[pb.RejectionReason.ValueType, ...], error: type[ConduitError]
) -> None:
    """Else all reasons are."""
    failure = refused(decided(*reasons))
    assert type(failure) is error
    assert failure.metadata["model"] == ALIAS
    assert all(f"detail {number}" in failure.message for number in range(1, len(reasons) + 1))


def test_callers_learn_no_names_of_instances_that_serve_them_not() -> None:
    """Why, they do; several for the same reason are one."""
    failure = refused(decided(DISABLED, FOREIGN, DISABLED))
    assert "p1" not in failure.message
    assert failure.message.endswith(": detail 1; detail 2; detail 3")
    unreadable, wrong = pb.REJECTION_REASON_KEY_UNREADABLE, pb.REJECTION_REASON_MISCONFIGURED
    failure = refused(decided(unreadable, wrong, wrong))
    assert failure.message.endswith(": it is misconfigured; its key cannot be read")


@pytest.mark.parametrize(
    ("first", "then", "error"),
    [
        (LIMITED, OPEN, UpstreamRateLimited),
        (OPEN, LIMITED, ProviderUnhealthy),
        (InvalidApiKey.reason, LIMITED, UpstreamRateLimited),
        (InsufficientFunds.reason, OPEN, ProviderUnhealthy),
    ],
)
def test_what_passes_first_is_told_with_its_true_wait(
    first: str, then: str, error: type[ConduitError]
) -> None:
    """And before what does not pass by itself, however soon that is looked at again."""
    failure = refused(decided(LACKING, resting=(resting(first, 15.0), resting(then, 30.0))))
    assert type(failure) is error
    wait = 5.0 if failure.reason == first else 20.0
    assert failure.metadata["retry_after_ms"] == str(int(wait * 1000))
    assert failure.metadata["provider"] == "p9"


@pytest.mark.parametrize("error", [InvalidApiKey, InsufficientFunds, UpstreamModelNotFound])
def test_what_does_not_pass_is_told_as_it_is_and_with_no_wait(error: type[ConduitError]) -> None:
    """A key that is refused is no rate limit: trying again is vain."""
    failure = refused(decided(resting=(resting(error.reason),)))
    assert type(failure) is error
    assert failure.message == f"for {error.reason}"
    assert failure.metadata == {"provider": "p9", "model": ALIAS, "key_id": "key_9"}


def test_a_rest_that_just_ended_asks_for_no_negative_pause() -> None:
    """Time passes between the decision and its explanation."""
    assert refused(decided(resting=(resting(LIMITED, 9.0),))).metadata["retry_after_ms"] == "0"


def test_limits_alone_are_waited_for() -> None:
    """The first that is over; an open circuit is told at once."""
    several = resting(LIMITED, 13.0), resting(OPEN, 12.0), resting(InvalidApiKey.reason, 11.0)
    assert wait_for(decided(resting=several)) == 3.0
    assert wait_for(decided(resting=several[1:])) is None
    assert wait_for(decided(LACKING)) is None


def test_the_first_choice_is_told_by_its_id_and_its_model() -> None:
    """Another one of the same name rests for its own reasons, and longer or shorter."""
    source = snapshot([provider(i, name="Main", priority=i) for i in (1, 2)])
    route = compiled(source).routes[ALIAS]
    limited = Cooldown(NOW + 3.0, "slow down")
    sooner = Cooldown(NOW + 1.0, "slow down")
    refused_key = Cooldown(NOW + 9.0, "no such key", InvalidApiKey.reason)
    for other in (sooner, refused_key):
        cooldowns = {Subject(1, "model-1"): limited, Subject(2, "model-2"): other}
        health = HEALTHY._replace(at=NOW, cooldowns=cooldowns)
        decision = decide(route, Requirements(ALIAS, "chat"), health, 0)
        assert wait_for_primary(route, decision) == 3.0
    only_other = HEALTHY._replace(at=NOW, cooldowns={Subject(2, "model-2"): sooner})
    decision = decide(route, Requirements(ALIAS, "chat"), only_other, 0)
    assert wait_for_primary(route, decision) is None
