"""Calls that are answered whole."""

from collections.abc import Callable
from typing import Any

from conduit.v1.call_pb2 import CallOptions
from conduit.v1.charge_pb2 import USAGE_SOURCE_ESTIMATE, USAGE_SOURCE_PROVIDER
from conduit_kernel.auth import Principal
from conduit_kernel.errors import ConduitError
from conduit_kernel.http import Headers
from conduit_providers.calls import Answer, Call, Form
from conduit_providers.operation import AnyAnsweredOperation
from conduit_providers.quantities import total
from conduit_router.calls.batching import Batch
from conduit_router.calls.call_report import fill_report
from conduit_router.calls.call_scope import CallScope, admit
from conduit_router.calls.runtime import CallRuntime
from conduit_router.calls.straight import ask_straight
from conduit_router.context import CallerContext, options_of
from conduit_router.routing.attempt_plan import Attempt, Consumption
from conduit_router.routing.table import ServedOperation
from conduit_router.served_by import CallSummary

AnyAnswer = Answer[Any]


class UnaryCalls:
    """Makes the calls of one RPC."""

    def __init__(
        self, runtime: CallRuntime, operation: AnyAnsweredOperation, response: Callable[[], Any]
    ) -> None:
        """Take the operation and the class of the RPC's response."""
        self._runtime = runtime
        self._operation = operation
        self._response = response

    async def __call__(self, request: Any, caller: CallerContext) -> Any:  # noqa: ANN401 # of each RPC its own
        """Answer a request, in its form."""
        form = self._operation.form_of(request)
        return await self.answer(form, options_of(request), caller)

    async def answer(
        self, form: Form[Any], options: CallOptions | None, caller: CallerContext
    ) -> Any:  # noqa: ANN401 # of each RPC its own
        """Answer a request that was read before."""
        operation, response = self._operation, self._response()
        with admit(self._runtime, operation, form, options, caller, stream=False) as scope:
            attempt, answer = await ask_straight(scope, _make, _drop)
            operation.write(response, answer, is_typed=scope.is_typed)
            attempt.consumption = _consumption(scope, attempt, answer)
            fill_report(response.report, scope.succeed(attempt))
            return response

    async def plain(
        self,
        body: bytes,
        principal: Principal,
        request_id: str,
        options: CallOptions | None = None,
    ) -> tuple[bytes, CallSummary]:
        """Answer a request of JSON in JSON, with no message around either.

        The principal is the holder of a virtual key.
        """
        operation, form = self._operation, self._operation.plain_form(body)
        caller = CallerContext(principal.virtual_key, request_id, principal.address)
        with admit(self._runtime, operation, form, options, caller, stream=False) as scope:
            attempt, answer = await ask_straight(scope, _make, _drop)
            attempt.consumption = _consumption(scope, attempt, answer)
            return answer.json_at_hand or answer.json, scope.succeed(attempt)


async def _make(scope: CallScope, attempt: Attempt) -> AnyAnswer:
    """Ask a candidate."""
    served = attempt.candidate.instance.served[scope.operation.name]
    call = scope.call(attempt)
    native = scope.operation.native_media(call, served.endpoint)
    if native is not None:
        call.fetched = await scope.runtime.media.fetch_for(scope, native)
    answer, headers = await _ask(scope, attempt, served, call)
    answer.to_form(is_typed=scope.is_typed)
    scope.note_success(attempt, headers)
    return answer


async def _ask(
    scope: CallScope, attempt: Attempt, served: ServedOperation, call: Call[Any]
) -> tuple[AnyAnswer, Headers]:
    """Return a candidate's answer and its headers; note how long it took."""
    runtime, upstream = scope.runtime, attempt.key.endpoint(scope.operation.name)
    spec, endpoint, clock = attempt.candidate.instance.spec, served.endpoint, runtime.clock
    if served.job_codec is not None:
        job = served.job_codec.whole(call, endpoint, upstream.target)
        attempt.is_sent, sent = True, clock()
        answer, headers = await runtime.jobs.run(job, upstream, spec, attempt.first_event)
        attempt.waited = clock() - sent
        return answer, headers
    operation = scope.operation
    parts = operation.split(call, endpoint) if operation.is_divisible else ()
    if len(parts) > 1:
        batch = Batch(served.codec, parts, endpoint, upstream, spec)
        attempt.is_sent, sent = True, clock()
        answers, headers = await _ask_all(scope, attempt, batch)
        attempt.waited = clock() - sent
        return scope.operation.join(answers), headers
    request = served.codec.to_upstream(call, endpoint, upstream.target)
    attempt.is_sent, sent = True, clock()
    raw, headers = await runtime.transport.ask(upstream, spec, request, scope.timeouts(attempt))
    attempt.waited = clock() - sent
    return served.codec.from_upstream(raw, call, endpoint), headers


async def _ask_all(
    scope: CallScope, attempt: Attempt, batch: Batch
) -> tuple[list[AnyAnswer], Headers]:
    """Return the answers to all parts of a call; those before a failure are charged for."""
    try:
        return await batch.ask(scope.runtime.transport, scope.timeouts(attempt))
    except ConduitError:
        if spent := batch.spent:
            attempt.consumption = Consumption(
                total(spent), USAGE_SOURCE_PROVIDER, is_complete=False
            )
        raise


def _drop(scope: CallScope, attempt: Attempt, answer: AnyAnswer) -> None:
    """Note what an answer used that nobody takes."""
    attempt.consumption = _consumption(scope, attempt, answer)


def _consumption(scope: CallScope, attempt: Attempt, answer: AnyAnswer) -> Consumption:
    if answer.usage is not None:
        return Consumption(answer.usage, USAGE_SOURCE_PROVIDER, is_complete=True)
    usage = scope.estimate(attempt, answer, 0)
    return Consumption(usage, USAGE_SOURCE_ESTIMATE, is_complete=True)
