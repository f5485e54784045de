"""What a failed attempt says of keys, models and instances: of the smallest thing it is about.

What a caller set or sent is no evidence against what others use, so failures that a request may
have brought about count by caller, and those that it meets at two candidates not at all where
other requests succeed.
"""

from collections import Counter
from collections.abc import Sequence

from conduit_kernel.errors import (
    InsufficientFunds,
    InvalidApiKey,
    Scope,
    UpstreamError,
    UpstreamModelNotFound,
    UpstreamRateLimited,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from conduit_router.calls.call_scope import CallScope
from conduit_router.calls.own_limits import is_own_limit
from conduit_router.routing.attempt_plan import Attempt
from conduit_router.routing.health_view import Asked, Subject
from conduit_router.routing.key_refusals import REFUSED_SECONDS

# How long a key, or a model of it, is benched after a failure of its own. A refused key is so
# only once a free check confirms it, if there is one.
COOLDOWN_SECONDS = {
    InvalidApiKey: REFUSED_SECONDS,
    InsufficientFunds: REFUSED_SECONDS,
    UpstreamRateLimited: 5.0,
    UpstreamModelNotFound: 60.0,
}
# However soon a provider says that it may be asked again.
MIN_SECONDS = 0.5
# Failures of these are about a model alone.
_OF_MODELS = (UpstreamRateLimited, UpstreamModelNotFound)
# How connecting fails, whatever is asked.
_CONNECTING = frozenset({"dns", "refused", "unreachable", "tls", "timeout", "forbidden"})
# What providers call a model that they do not have, and nothing else.
_MAY_BE_THE_REQUESTS = frozenset({"402", "403"})
_NO_MODEL = frozenset({"model_not_found", "deploymentnotfound"})


def take_evidence(scope: CallScope, attempt: Attempt, error: UpstreamError) -> None:
    """Count a failure against what it is about, and tell Health."""
    # Where it counts for nothing, whoever comes next finds out.
    scope.release(attempt)
    if is_own_limit(scope, attempt, error):
        return
    is_request = _is_requests(scope, attempt, error)
    if error.is_conclusive and not is_request:
        by = 0 if _is_connecting(error) else scope.caller.caller.virtual_key_id
        scope.runtime.outcomes.failed(attempt.candidate, attempt.key, error, by)
    if isinstance(error, UpstreamModelNotFound):
        _no_model(scope, attempt, error)
    elif error.scope is Scope.KEY:
        _key_failed(scope, attempt, error)
    elif error.scope is Scope.INSTANCE and error.is_providers_fault:
        _instance_failed(scope, attempt, error, is_request=is_request)


def _is_requests(scope: CallScope, attempt: Attempt, error: UpstreamError) -> bool:
    """Tell whether a failure is the request's: it failed elsewhere, and others succeed."""
    if error.scope is not Scope.INSTANCE or _is_connecting(error):
        return False
    state, here, suspects = scope.runtime.state, scope.asked(attempt), scope.plan.suspects
    if all(each.provider_id == here.provider_id for each in suspects):
        return False
    counted = _counted(here, suspects)
    return any(state.works(each, failures) for each, failures in counted.values())


def _counted(here: Asked, suspects: Sequence[Asked]) -> dict[Subject, tuple[Asked, int]]:
    """Return where a request failed, and how often that was counted there."""
    times = Counter(each.subjects[0] for each in suspects)
    return {each.subjects[0]: (each, times[each.subjects[0]]) for each in (*suspects, here)}


def _is_connecting(error: UpstreamError) -> bool:
    is_silent = isinstance(error, UpstreamUnreachable | UpstreamTimeout)
    return is_silent and error.metadata.get("kind") in _CONNECTING


def _instance_failed(
    scope: CallScope, attempt: Attempt, error: UpstreamError, *, is_request: bool
) -> None:
    state, asked, plan = scope.runtime.state, scope.asked(attempt), scope.plan
    if is_request:
        for each, failures in _counted(asked, plan.suspects).values():
            state.excuse(each, failures)
        plan.suspects = ()
    elif _is_connecting(error):
        state.failed(asked, is_impersonal=True)
    else:
        state.failed(asked)
        plan.suspects += (asked,)


def _no_model(scope: CallScope, attempt: Attempt, error: UpstreamError) -> None:
    code = error.metadata.get("upstream_code", "").lower()
    key_id = attempt.key.key_id if error.scope is Scope.KEY else ""
    if error.is_conclusive and code in _NO_MODEL:
        _rest(scope, attempt, error, key_id)
    else:
        # Some answer so of a file that the request names, too.
        scope.runtime.state.model_failed(scope.asked(attempt))


def _key_failed(scope: CallScope, attempt: Attempt, error: UpstreamError) -> None:
    if error.is_conclusive:
        error.metadata.setdefault("key_id", attempt.key.key_id)
        if isinstance(error, UpstreamRateLimited):
            _rest(scope, attempt, error, attempt.key.key_id)
        elif _is_in_use(scope, attempt):
            _refused(scope, attempt, error)
    elif error.metadata.get("status") in _MAY_BE_THE_REQUESTS:
        # It may be about what the request names, or asks for; nobody else's is refused for that.
        scope.runtime.state.key_failed(scope.asked(attempt))


def _is_in_use(scope: CallScope, attempt: Attempt) -> bool:
    """Tell whether a key has the value that an attempt was made with, and is enabled."""
    instance = scope.runtime.table.instances.get(attempt.candidate.provider_id)
    keys = () if instance is None else instance.keys
    value = attempt.key.key_id, attempt.key.rotated_at
    return any((key.key_id, key.rotated_at) == value for key in keys)


def _refused(scope: CallScope, attempt: Attempt, error: UpstreamError) -> None:
    has_check = "models" in attempt.candidate.instance.spec.endpoints
    if has_check and "retry_after_ms" not in error.metadata:
        scope.runtime.state.refuse_key(scope.asked(attempt), error.message, error.reason)
    else:
        _rest(scope, attempt, error, attempt.key.key_id)


def _rest(scope: CallScope, attempt: Attempt, error: UpstreamError, key_id: str) -> None:
    candidate, asked_for = attempt.candidate, error.metadata.get("retry_after_ms")
    model = candidate.model if isinstance(error, _OF_MODELS) else ""
    seconds = int(asked_for) / 1000 if asked_for else COOLDOWN_SECONDS.get(type(error), 30.0)
    seconds = max(MIN_SECONDS, seconds)
    subject = Subject(candidate.provider_id, model, key_id)
    scope.runtime.state.cool_down(subject, seconds, error.message, error.reason)
