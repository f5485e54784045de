"""The errors of requests without a candidate, with the reasons."""

from conduit.v1 import decision_pb2
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
from conduit_router.routing.decide import Decision, Resting
from conduit_router.routing.maintenance import of_instances
from conduit_router.routing.table import Route

# What passes by itself; the other rests end when somebody mends what is wrong.
_LIMITED = frozenset({UpstreamRateLimited.reason})
_PASSING = _LIMITED | {ProviderUnhealthy.reason}
# What has names, paths and addresses of the operator's in it, which operators are told.
_OURS: dict[int, str] = {
    decision_pb2.REJECTION_REASON_KEY_UNREADABLE: "its key cannot be read",
    decision_pb2.REJECTION_REASON_MISCONFIGURED: "it is misconfigured",
}
_LASTING: dict[str, type[ConduitError]] = {
    cls.reason: cls for cls in (InvalidApiKey, InsufficientFunds, UpstreamModelNotFound)
}


def no_candidate(requirements: Requirements, decision: Decision) -> ConduitError:
    """Return the error that says best why nothing can be tried.

    What passes by itself before what does not, and of that what passes first.
    """
    model, next_one = requirements.model, _soonest(decision, _PASSING)
    if next_one is not None:
        return _passing(model, next_one, decision.at)
    if decision.resting:
        why = decision.resting[0]
        cls = _LASTING.get(why.reason, NoProviderAvailable)
        known = {"key_id": why.key_id} if why.key_id else {}
        return cls(why.message, provider=why.provider_name, model=model, **known)
    reasons = {r.reason for r in decision.rejections}
    if reasons == {decision_pb2.REJECTION_REASON_CAPABILITY_MISSING}:
        lacking = "; ".join(sorted({r.detail for r in decision.rejections}))
        return UnsupportedCapability(
            f"No provider of the model {model!r} can do this: {lacking}", model=model
        )
    # Before what is wrong with others: it passes, and those who are told can be patient.
    for each in decision.rejections:
        if each.reason == decision_pb2.REJECTION_REASON_MAINTENANCE:
            return of_instances(each.detail)
    # Without names: callers learn those of instances alone that their calls go to.
    why_not = "; ".join(sorted({_OURS.get(r.reason, r.detail) for r in decision.rejections}))
    if decision_pb2.REJECTION_REASON_OTHER_ACCOUNT in reasons:
        message = f"No key of the account asked for can serve the model {model!r}: {why_not}"
        return AccountUnavailable(message, model=model)
    return NoProviderAvailable(
        f"No provider is available for the model {model!r}: {why_not}", model=model
    )


def wait_for(decision: Decision) -> float | None:
    """Return the seconds until the first rest for a limit is over; None if nothing rests for one.

    Whoever finds a circuit open is told so at once instead.
    """
    limited = _soonest(decision, _LIMITED)
    return None if limited is None else max(0.0, limited.until - decision.at)


def wait_for_primary(route: Route, decision: Decision) -> float | None:
    """Return the seconds until the first choice of an alias may be asked; None if that is no limit.

    Also None where it may be asked now.
    """
    primary = next((each for each in route.candidates if not each.conditions), None)
    if primary is None or any(each.candidate is primary for each in decision.candidates):
        return None
    place = primary.provider_id, primary.model
    own = [each for each in decision.resting if each.place == place]
    if not own or any(each.reason not in _LIMITED for each in own):
        return None
    return max(0.0, min(each.until for each in own) - decision.at)


def _soonest(decision: Decision, reasons: frozenset[str]) -> Resting | None:
    passing = [each for each in decision.resting if each.reason in reasons]
    return min(passing, key=lambda each: each.until, default=None)


def _passing(model: str, why: Resting, now: float) -> ConduitError:
    known = {
        "provider": why.provider_name,
        "model": model,
        "retry_after_ms": str(max(0, int((why.until - now) * 1000))),
    }
    if why.reason == ProviderUnhealthy.reason:
        message = f"Provider {why.provider_name} is currently unhealthy"
        return ProviderUnhealthy(message, **known)
    message = f"All keys for the model {model!r} are cooling down after failures"
    return UpstreamRateLimited(message, **known)
