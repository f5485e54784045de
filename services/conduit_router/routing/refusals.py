"""The errors of requests without a candidate, with the reasons."""

from conduit.v1 import decision_pb2
from conduit_kernel.errors import (
    ConduitError,
    NoProviderAvailable,
    ProviderUnhealthy,
    UnsupportedCapability,
    UpstreamRateLimited,
)
from conduit_providers.operation import Requirements
from conduit_router.routing.decide import Decision
from conduit_router.routing.provider_state import HealthView


def no_candidate(
    requirements: Requirements, decision: Decision, view: HealthView, now: float
) -> ConduitError:
    """Return the error that says best why nothing can be tried."""
    reasons = {r.reason for r in decision.rejections}
    names = {r.reason: r.provider_name for r in decision.rejections}
    model = requirements.model
    if decision_pb2.REJECTION_REASON_KEY_COOLING_DOWN in reasons:
        cooling = {r.key_id for r in decision.rejections} & view.cooldowns.keys()
        waits = [view.cooldowns[key_id].until - now for key_id in cooling]
        return UpstreamRateLimited(
            f"All keys for the model {model!r} are cooling down after failures",
            provider=names[decision_pb2.REJECTION_REASON_KEY_COOLING_DOWN],
            model=model,
            retry_after_ms=str(max(0, int(min(waits, default=1.0) * 1000))),
        )
    if decision_pb2.REJECTION_REASON_CIRCUIT_OPEN in reasons:
        name = names[decision_pb2.REJECTION_REASON_CIRCUIT_OPEN]
        return ProviderUnhealthy(
            f"Provider {name} is currently unhealthy", provider=name, model=model
        )
    if reasons == {decision_pb2.REJECTION_REASON_CAPABILITY_MISSING}:
        lacking = "; ".join(sorted({r.detail for r in decision.rejections}))
        return UnsupportedCapability(
            f"No provider of the model {model!r} can do this: {lacking}", model=model
        )
    return NoProviderAvailable(
        f"No provider is available for the model {model!r}: "
        + "; ".join(sorted({f"{r.provider_name}: {r.detail}" for r in decision.rejections})),
        model=model,
    )
