"""Calls that are answered whole."""

from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any, Protocol, cast

from msgspec.structs import replace

from conduit.v1.call_pb2 import CallOptions
from conduit.v1.charge_pb2 import USAGE_SOURCE_ESTIMATE, USAGE_SOURCE_PROVIDER
from conduit_kernel.auth import Principal
from conduit_kernel.errors import ConduitError
from conduit_kernel.http import Headers
from conduit_providers.calls import Answer, Call, Form
from conduit_providers.codec import passes_media
from conduit_providers.operation import AnyAnsweredOperation
from conduit_providers.quantities import total
from conduit_router.calls.answer_media import answered_media
from conduit_router.calls.batching import Batch, Part, exchange
from conduit_router.calls.call_report import fill_report
from conduit_router.calls.call_scope import CallScope, admit
from conduit_router.calls.hooks import hooked_answer
from conduit_router.calls.reserving import reserve
from conduit_router.calls.runtime import CallRuntime
from conduit_router.calls.straight import ask_straight, may_read_on
from conduit_router.context import CallerContext, options_of
from conduit_router.routing.attempt_plan import Attempt, Consumption
from conduit_router.routing.table import ServedOperation
from conduit_router.served_by import CallSummary
from conduit_router.virtual_keys import called_by

AnyAnswer = Answer[Any]


class ModelBeside(Protocol):
    """An operation whose requests name the model beside their bodies."""

    def plain_form_of(self, body: bytes, model: str) -> Form[Any]:
        """Return the request of a body of JSON and a model."""
        ...


class UnaryCalls:
    """Makes the calls of one RPC."""

    def __init__(
        self, runtime: CallRuntime, operation: AnyAnsweredOperation, response: Callable[[], Any]
    ) -> None:
        """Take the operation and the class of the RPC's response."""
        self.runtime = runtime
        self.operation = operation
        self.new_response = response

    async def __call__(self, request: Any, caller: CallerContext) -> Any:  # noqa: ANN401 # of each RPC its own
        """Answer a request, in its form."""
        return await self.answer(self.form_of(request), options_of(request), caller)

    def form_of(self, request: Any) -> Form[Any]:  # noqa: ANN401 # as above
        """Return what a request asks for."""
        return self.operation.form_of(request)

    def plain_form(self, body: bytes) -> Form[Any]:
        """Return what a request of JSON asks for."""
        return self.operation.plain_form(body)

    async def answer(
        self, form: Form[Any], options: CallOptions | None, caller: CallerContext
    ) -> Any:  # noqa: ANN401 # of each RPC its own
        """Answer a request that was read before."""
        operation, response = self.operation, self.new_response()
        with admit(self.runtime, operation, form, options, caller, stream=False) as scope:
            if scope.hooks is not None:
                answer, summary = await hooked_answer(scope, _ask_providers)
                operation.write(response, answer, is_typed=scope.is_typed)
                fill_report(response.report, summary)
                return response
            if caller.caller.usage is not None:
                await reserve(scope)
            attempt, answer = await _asking(scope)
            operation.write(response, answer, is_typed=scope.is_typed)
            attempt.consumption = _consumption(scope, attempt, answer)
            fill_report(response.report, scope.succeed(attempt))
            return response

    async def json_of(
        self, form: Form[Any], options: CallOptions | None, caller: CallerContext
    ) -> tuple[bytes, CallSummary]:
        """Return the answer to a request that was read before, in JSON whatever its form."""
        with admit(self.runtime, self.operation, form, options, caller, stream=False) as scope:
            if scope.hooks is not None:
                answer, summary = await hooked_answer(scope, _ask_providers)
                return answer.json_at_hand or answer.json, summary
            if caller.caller.usage is not None:
                await reserve(scope)
            attempt, answer = await _asking(scope)
            attempt.consumption = _consumption(scope, attempt, answer)
            return answer.json_at_hand or answer.json, scope.succeed(attempt)

    async def plain(
        self,
        body: bytes,
        principal: Principal,
        request_id: str,
        options: CallOptions | None = None,
        model: str = "",
    ) -> tuple[bytes, CallSummary]:
        """Answer a request of JSON in JSON, with no message around either.

        The principal is the holder of a virtual key. `model` is what stands beside the body, of
        operations whose requests name it there.
        """
        operation = self.operation
        if model:
            form = cast("ModelBeside", operation).plain_form_of(body, model)
        else:
            form = operation.plain_form(body)
        caller = called_by(principal, principal.virtual_key, request_id)
        with admit(self.runtime, operation, form, options, caller, stream=False) as scope:
            if scope.hooks is not None:
                answer, summary = await hooked_answer(scope, _ask_providers)
                return answer.json_at_hand or answer.json, summary
            if caller.caller.usage is not None:
                await reserve(scope)
            attempt, answer = await _asking(scope)
            attempt.consumption = _consumption(scope, attempt, answer)
            return answer.json_at_hand or answer.json, scope.succeed(attempt)


def _asking(scope: CallScope) -> Coroutine[Any, Any, tuple[Attempt, AnyAnswer]]:
    """Ask candidates for an answer; those whose answers are waited for to the end, go on alone.

    But for what may be asked in parts, of which no more are sent.
    """
    asking = ask_straight(scope, _make, _drop)
    if may_read_on(scope.decision) and not scope.operation.is_divisible:
        return scope.runtime.aborted_streams.opened(scope, asking, partial(_LeftAnswer, scope))
    return asking


class _LeftAnswer:
    """An answer whose caller has left."""

    def __init__(self, scope: CallScope, answered: tuple[Attempt, AnyAnswer]) -> None:
        self._scope = scope
        self._attempt, self._answer = answered

    async def read_on(self) -> int:
        """Return 0: it is whole."""
        return 0

    def end_aborted(self) -> None:
        """Note what was used of an answer that the caller did not get."""
        used = _consumption(self._scope, self._attempt, self._answer)
        self._attempt.consumption = replace(used, is_complete=False)


async def _ask_providers(scope: CallScope) -> tuple[AnyAnswer, CallSummary]:
    """Return a candidate's answer, and what was done for it."""
    attempt, answer = await _asking(scope)
    attempt.consumption = _consumption(scope, attempt, answer)
    return answer, scope.succeed(attempt)


async def _make(scope: CallScope, attempt: Attempt) -> AnyAnswer:
    """Ask a candidate."""
    served = attempt.candidate.instance.served[scope.operation.served_as]
    call = scope.call(attempt)
    is_passed = passes_media(served.codec)
    native = None if is_passed else scope.operation.native_media(call, served.endpoint)
    if native is not None:
        call.fetched = await scope.runtime.media.fetch_for(scope, native)
    answer, headers = await _ask(scope, attempt, served, call)
    if scope.operation.has_linked_media:
        answer = await _inlined(scope, attempt, answer)
    answer.to_form(is_typed=scope.is_typed)
    scope.note_success(attempt, headers)
    return answer


async def _inlined(scope: CallScope, attempt: Attempt, answer: AnyAnswer) -> AnyAnswer:
    """Return an answer with what it has addresses of, where the caller asked for that itself."""
    urls = scope.operation.linked(scope.form, answer)
    if not urls:
        return answer
    try:
        media = await answered_media(scope, attempt, urls)
    except BaseException:
        # It was drawn, whoever has it.
        attempt.consumption = _consumption(scope, attempt, answer)
        raise
    return scope.operation.inlined(answer, media)


async def _ask(
    scope: CallScope, attempt: Attempt, served: ServedOperation, call: Call[Any]
) -> tuple[AnyAnswer, Headers]:
    """Return a candidate's answer and its headers; note how long it took."""
    runtime, upstream = scope.runtime, attempt.upstream(scope.operation.name)
    spec, endpoint, clock = attempt.candidate.instance.spec, served.endpoint, runtime.clock
    operation = scope.operation
    if served.is_job:
        call.seconds = attempt.first_event
    parts = operation.split(call, endpoint) if operation.is_divisible else (call,)
    if len(parts) > 1:
        translate = _job if served.is_job else _exchange
        batch = Batch(
            [translate(scope, attempt, served, part) for part in parts], upstream.provider_name
        )
        attempt.is_sent, sent = True, clock()
        answers, headers = await _ask_all(scope, attempt, batch, parts)
        attempt.waited = clock() - sent
        return operation.join(answers), headers
    if served.is_job:
        attempt.is_sent, sent = True, clock()
        answer, headers = await _job(scope, attempt, served, call)()
        attempt.waited = clock() - sent
        return answer, headers
    request = served.codec.to_upstream(call, endpoint, upstream.target)
    attempt.is_sent, sent = True, clock()
    raw, headers = await runtime.transport.ask(upstream, spec, request, scope.timeouts(attempt))
    attempt.waited = clock() - sent
    return served.codec.from_upstream(raw, call, endpoint), headers


def _exchange(scope: CallScope, attempt: Attempt, served: ServedOperation, call: Call[Any]) -> Part:
    """Return what asks for a part of a call. InvalidRequest if its dialect cannot say it."""
    upstream, spec = attempt.upstream(scope.operation.name), attempt.candidate.instance.spec
    transport, timeouts = scope.runtime.transport, scope.timeouts(attempt)
    return exchange(call, served, upstream, spec, transport=transport, timeouts=timeouts)


def _job(scope: CallScope, attempt: Attempt, served: ServedOperation, call: Call[Any]) -> Part:
    """Return what runs the job of a call, or of a part of it."""
    codec, spec = served.job_codec, attempt.candidate.instance.spec
    upstream = attempt.upstream(scope.operation.name)
    assert codec is not None  # noqa: S101 # asked for calls that are jobs alone

    async def run() -> tuple[AnyAnswer, Headers]:
        job = codec.whole(call, served.endpoint, upstream.target)
        return await scope.runtime.jobs.run(job, upstream, spec, attempt.first_event)

    return run


async def _ask_all(
    scope: CallScope, attempt: Attempt, batch: Batch, parts: Sequence[Call[Any]]
) -> tuple[list[AnyAnswer], Headers]:
    """Return the answers to all parts of a call; those before a failure are charged for."""
    try:
        return await batch.ask(scope.timeouts(attempt).total)
    except ConduitError:
        if batch.answered:
            attempt.consumption = _spent(scope, attempt, batch, parts)
        raise


def _spent(
    scope: CallScope, attempt: Attempt, batch: Batch, parts: Sequence[Call[Any]]
) -> Consumption:
    """Return what the parts used that were answered; about, where one of them was not counted."""
    served = attempt.candidate.instance.served[scope.operation.served_as]
    codec, facts = served.codec, served.endpoint.facts_of(attempt.candidate.model)
    used = [
        scope.operation.estimate(parts[place].request, answer, 0, codec, facts)
        if answer.usage is None
        else answer.usage
        for place, answer in batch.answered.items()
    ]
    is_counted = all(answer.usage is not None for answer in batch.answered.values())
    source = USAGE_SOURCE_PROVIDER if is_counted else USAGE_SOURCE_ESTIMATE
    return Consumption(total(used), source, is_complete=False)


def _drop(scope: CallScope, attempt: Attempt, answer: AnyAnswer) -> None:
    """Note what an answer used that nobody takes."""
    attempt.consumption = _consumption(scope, attempt, answer)


def _consumption(scope: CallScope, attempt: Attempt, answer: AnyAnswer) -> Consumption:
    if answer.usage is not None:
        return Consumption(answer.usage, USAGE_SOURCE_PROVIDER, is_complete=True)
    usage = scope.estimate(attempt, answer, 0)
    return Consumption(usage, USAGE_SOURCE_ESTIMATE, is_complete=True)
