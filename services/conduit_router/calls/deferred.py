"""Calls of which another makes the exchange with the provider: translated now, answered later."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec

from conduit.v1.call_pb2 import CallOptions
from conduit.v1.charge_pb2 import USAGE_SOURCE_ESTIMATE, USAGE_SOURCE_PROVIDER
from conduit_kernel.errors import ConduitError, InvalidRequest
from conduit_providers.calls import Answer, Form
from conduit_providers.failures import error_from
from conduit_providers.quantities import Quantities, processed_in_batch
from conduit_providers.wire import HttpRequest, HttpResponse
from conduit_router.calls.call_scope import CallScope, admit
from conduit_router.calls.choice import tagged
from conduit_router.calls.priced_candidates import keep_priced
from conduit_router.calls.unary import UnaryCalls
from conduit_router.context import CallerContext, limits_of
from conduit_router.routing.attempt_plan import Attempt, AttemptPlan, Consumption
from conduit_router.routing.decide import CandidateKeys, Decision
from conduit_router.routing.table import Candidate, UpstreamKey
from conduit_router.spending.purse import Reserved
from conduit_router.upstream.transport import OK


class Deferral(NamedTuple):
    """A candidate with the key that is to answer a call."""

    candidate: Candidate
    key: UpstreamKey


class DeferredRequest(NamedTuple):
    """A call's request to its provider, as somebody else is to send it."""

    to: Deferral
    request: HttpRequest
    # The most that it costs, in nano-dollars; 0 where no budget is hard.
    most_cost: int


class DeferredAnswer(NamedTuple):
    """The answer to a deferred call, and how it is charged."""

    by: Deferral
    response: HttpResponse
    charge_id: str
    paid_from: Reserved | None


class DeferralTerms(NamedTuple):
    """The conditions for whoever may answer a call later."""

    # Whether a candidate may, with a key, and given its request.
    fits: Callable[[Candidate, UpstreamKey, HttpRequest], bool]
    # The ids of the keys that go before others.
    preferred: Sequence[str] = ()


def deferred(
    calls: UnaryCalls,
    form: Form[Any],
    options: CallOptions | None,
    caller: CallerContext,
    terms: DeferralTerms,
) -> DeferredRequest | None:
    """Return the request of a call to the first of its candidates that fits; None without one.

    Calls with hooks, in parts, as jobs, or with media to be fetched have none. A ConduitError where
    the call may not be made at all.
    """
    scope = admit(calls.runtime, calls.operation, form, options, caller, stream=False)
    if scope.hooks is not None or calls.operation.has_linked_media:
        return None
    usage = caller.caller.usage
    if usage is not None and usage.refuses_unpriced:
        keep_priced(scope)
    for chosen in scope.decision.candidates:
        preferred = (each for each in chosen.keys if each.key_id in terms.preferred)
        key = next(preferred, chosen.keys[0])
        request = _request(scope, Attempt(chosen.candidate, key, is_retry=False))
        if request is not None and terms.fits(chosen.candidate, key, request):
            if usage is not None and usage.has_budget:
                scope.note_need(scope.decision)
            return DeferredRequest(Deferral(chosen.candidate, key), request, scope.needed)
    return None


def _request(scope: CallScope, attempt: Attempt) -> HttpRequest | None:
    """Return the one request that asks a candidate; None if it takes more, or cannot say it."""
    operation = scope.operation
    served = attempt.candidate.instance.served[operation.served_as]
    if served.is_job or served.job_codec is not None:
        return None
    call = scope.call(attempt)
    if operation.native_media(call, served.endpoint) is not None:
        return None
    if operation.is_divisible and len(operation.split(call, served.endpoint)) > 1:
        return None
    target = attempt.key.endpoint(operation.name).target
    try:
        found: HttpRequest = served.codec.to_upstream(call, served.endpoint, target)
    except InvalidRequest:
        return None
    return found


def answered(
    calls: UnaryCalls,
    form: Form[Any],
    options: CallOptions | None,
    caller: CallerContext,
    given: DeferredAnswer,
) -> Any:  # noqa: ANN401 # of each RPC its own
    """Return the RPC's response to a call that was deferred, and charge for it.

    UpstreamError, by class, where the provider failed. The call is none of the attempts by which
    providers' health is known: nobody knows when it was made.
    """
    scope = _scope(calls, form, options, caller, given.by)
    with scope:
        attempt = Attempt(*given.by, is_retry=False, began=scope.started)
        try:
            answer = _read(scope, attempt, given.response)
        except ConduitError as error:
            attempt.key.redactor.clean(error)
            scope.note_failure(attempt, error)
            raise
        _charge(scope, attempt, answer, given)
        response = calls.new_response()
        calls.operation.write(response, answer, is_typed=False)
    return response


def _scope(
    calls: UnaryCalls,
    form: Form[Any],
    options: CallOptions | None,
    caller: CallerContext,
    by: Deferral,
) -> CallScope:
    """Return the scope of a call that was admitted before, and is answered by a candidate."""
    runtime = calls.runtime
    requirements = calls.operation.requirements(form.json, stream=False)
    requirements = requirements if options is None else tagged(requirements, options)
    decision = Decision((CandidateKeys(by.candidate, (by.key,)),), (), 0)
    limits, started = limits_of(options, runtime.caps, caller.caller.caps), runtime.clock()
    plan = AttemptPlan(decision, 1, attempts=1)
    return CallScope(
        runtime,
        calls.operation,
        form,
        *(requirements, caller, options, limits, plan, decision),
        runtime.table.revision,
        started,
        started + limits.total,
        is_typed=False,
    )


def _read(scope: CallScope, attempt: Attempt, response: HttpResponse) -> Answer[Any]:
    served = attempt.candidate.instance.served[scope.operation.served_as]
    call, target = scope.call(attempt), attempt.key.endpoint(scope.operation.name).target
    if response.status not in OK:
        raise error_from(response, attempt.candidate.instance.spec, target)
    answer: Answer[Any] = served.codec.from_upstream(response, call, served.endpoint)
    return answer.to_form(is_typed=False)


def _charge(scope: CallScope, attempt: Attempt, answer: Answer[Any], given: DeferredAnswer) -> None:
    """Charge an answer as one that was made in a batch, once by its id."""
    usage, source = answer.usage, USAGE_SOURCE_PROVIDER
    if usage is None:
        usage, source = scope.estimate(attempt, answer, 0), USAGE_SOURCE_ESTIMATE
    recorder, name = scope.runtime.recorder, scope.operation.name
    attempt.consumption = Consumption(_in_batch(usage), source, is_complete=True)
    attempt.cost = recorder.charge(
        scope.caller,
        scope.requirements,
        attempt,
        attempt.consumption,
        0.0,
        counts=recorder.counts_of(attempt, name),
        paid_from=given.paid_from,
        charge_id=given.charge_id,
    )
    scope.ended += (attempt,)
    scope.succeeded, scope.succeeded_at = attempt, scope.runtime.clock()


def _in_batch(usage: Quantities) -> Quantities:
    return msgspec.structs.replace(usage, qualifiers=processed_in_batch(usage.qualifiers))
