"""Who may serve a request that another could not: too long, refused by policy, or unsayable."""

from conduit.v1.routing_policy_pb2 import (
    FALLBACK_CONDITION_CONTENT_POLICY,
    FALLBACK_CONDITION_CONTEXT_TOO_LONG,
    FALLBACK_CONDITION_UNSUPPORTED_PARAMETER,
    FallbackCondition,
)
from conduit_kernel.errors import (
    ConduitError,
    ContentPolicy,
    ContextTooLong,
    UnsupportedParameter,
    UpstreamRefused,
)
from conduit_providers.quantities import INPUT
from conduit_router.calls.call_scope import CallScope
from conduit_router.routing.attempt_plan import Attempt
from conduit_router.routing.decide import CandidateKeys
from conduit_router.routing.table import Candidate

# OpenAI's codes of parameters that a model does not take, which others have taken over.
_PARAMETER_CODES = frozenset(
    {"unsupported_parameter", "unsupported_value", "unknown_parameter", "invalid_parameter"}
)


def turn_to_eligible(scope: CallScope, attempt: Attempt, error: ConduitError) -> None:
    """Go on to those who may serve a request that failed by its own fault, if there are any."""
    condition = _condition_of(error)
    if condition is None:
        return
    plan = scope.plan
    eligible = [each for each in plan.untried() if _is_eligible(scope, attempt, condition, each)]
    # The steps of the alias's own chain by their order, then the caller's fallbacks by theirs.
    eligible.sort(key=lambda each: (bool(each.alias), 0 if each.alias else each.candidate.priority))
    if eligible:
        plan.turn_to(eligible)


def _condition_of(error: ConduitError) -> FallbackCondition.ValueType | None:
    if isinstance(error, ContextTooLong):
        return FALLBACK_CONDITION_CONTEXT_TOO_LONG
    if isinstance(error, ContentPolicy):
        return FALLBACK_CONDITION_CONTENT_POLICY
    code = error.metadata.get("upstream_code", "").lower()
    is_refused = isinstance(error, UpstreamRefused) and code in _PARAMETER_CODES
    if is_refused or isinstance(error, UnsupportedParameter):
        return FALLBACK_CONDITION_UNSUPPORTED_PARAMETER
    return None


def _is_eligible(
    scope: CallScope, attempt: Attempt, condition: FallbackCondition.ValueType, other: CandidateKeys
) -> bool:
    candidate = other.candidate
    is_named = bool(other.alias) or condition in candidate.conditions
    if condition == FALLBACK_CONDITION_CONTEXT_TOO_LONG:
        return _is_large_enough(scope, attempt.candidate, candidate, is_named=is_named)
    return is_named


def _is_large_enough(
    scope: CallScope, former: Candidate, other: Candidate, *, is_named: bool
) -> bool:
    """Tell whether a model may take a request that was too long for another one.

    One that is named may unless it is known not to; others must be known to.
    """
    window, former_window = _window(scope, other), _window(scope, former)
    if not window:
        return is_named
    if not former_window:
        return is_named and window >= _estimated_tokens(scope, other)
    return window > former_window and window >= _estimated_tokens(scope, other)


def _window(scope: CallScope, candidate: Candidate) -> int:
    prices = scope.runtime.recorder.prices
    return prices.card(candidate.provider_id, candidate.model).context_window


def _estimated_tokens(scope: CallScope, candidate: Candidate) -> int:
    served = candidate.instance.served[scope.operation.served_as]
    facts = served.endpoint.facts_of(candidate.model)
    return scope.operation.estimate(scope.form, None, 0, served.codec, facts).count(INPUT)
