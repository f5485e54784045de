"""Why a request has no candidate: of several reasons, the one that helps its caller most."""

import pytest
from tests.support.snapshots import ALIAS

from conduit.v1 import decision_pb2 as pb
from conduit.v1.decision_pb2 import Rejection
from conduit_kernel.errors import (
    ConduitError,
    NoProviderAvailable,
    ProviderUnhealthy,
    UnsupportedCapability,
    UpstreamRateLimited,
)
from conduit_providers.operation import Requirements
from conduit_router.routing.decide import Decision
from conduit_router.routing.provider_state import HEALTHY, Cooldown, HealthView
from conduit_router.routing.refusals import no_candidate

COOLING_DOWN = pb.REJECTION_REASON_KEY_COOLING_DOWN
OPEN = pb.REJECTION_REASON_CIRCUIT_OPEN
LACKING = pb.REJECTION_REASON_CAPABILITY_MISSING
DISABLED = pb.REJECTION_REASON_PROVIDER_DISABLED


def refused(
    *reasons: pb.RejectionReason.ValueType, view: HealthView = HEALTHY, now: float = 0.0
) -> ConduitError:
    """Return the error of a decision that left instances out for these reasons."""
    rejections = [
        Rejection(
            provider_id=number,
            provider_name=f"p{number}",
            key_id=f"key_{number}",
            reason=reason,
            detail=f"detail {number}",
        )
        for number, reason in enumerate(reasons, 1)
    ]
    decision = Decision((), tuple(rejections), 0)
    return no_candidate(Requirements(ALIAS, "chat"), decision, view, now)


@pytest.mark.parametrize(
    ("reasons", "error"),
    [
        ((), NoProviderAvailable),
        ((DISABLED, LACKING), NoProviderAvailable),
        ((LACKING, LACKING), UnsupportedCapability),
        ((LACKING, OPEN), ProviderUnhealthy),
        ((OPEN, COOLING_DOWN), UpstreamRateLimited),
    ],
)
def test_what_passes_soonest_is_told_first(
    reasons: tuple[pb.RejectionReason.ValueType, ...], error: type[ConduitError]
) -> None:
    """A rest before a circuit; a lack only when nobody would be able, well or not."""
    failure = refused(*reasons)
    assert type(failure) is error
    assert failure.metadata["model"] == ALIAS


def test_the_pause_asked_for_is_that_of_the_models_own_keys() -> None:
    """The first of them to be back; keys of other models, that rest shorter, are no help."""
    benched = {
        "key_1": Cooldown(40.0, ""),
        "key_2": Cooldown(20.0, ""),
        "other": Cooldown(11.0, ""),
    }
    failure = refused(
        COOLING_DOWN, COOLING_DOWN, view=HealthView(frozenset(), benched, frozenset()), now=10.0
    )
    assert failure.metadata["retry_after_ms"] == "10000"


def test_a_rest_that_just_ended_asks_for_no_negative_pause() -> None:
    """Time passes between the decision and its explanation."""
    benched = {"key_1": Cooldown(9.0, "")}
    failure = refused(COOLING_DOWN, view=HealthView(frozenset(), benched, frozenset()), now=10.0)
    assert failure.metadata["retry_after_ms"] == "0"


def test_each_instance_gives_its_reason() -> None:
    """An operator who reads the error need not ask for an explanation."""
    assert str(refused(DISABLED, LACKING)).endswith("p1: detail 1; p2: detail 2")
