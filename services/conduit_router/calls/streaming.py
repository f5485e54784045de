"""Calls that are answered piece by piece."""

from collections.abc import AsyncGenerator, Callable
from types import TracebackType
from typing import Any, Self

import structlog

from conduit.v1.call_pb2 import CallOptions
from conduit.v1.charge_pb2 import (
    USAGE_SOURCE_EARLY_EVENT,
    USAGE_SOURCE_ESTIMATE,
    USAGE_SOURCE_PROVIDER,
)
from conduit_kernel.auth import Principal
from conduit_kernel.errors import UpstreamError
from conduit_kernel.http import AnswerMisuse, CallerGone, HttpError, Stream, TotalTimeout
from conduit_providers.operation import AnyStreamedOperation
from conduit_router.calls.attempts import out_of_time, run_attempts
from conduit_router.calls.call_scope import CallScope, admit
from conduit_router.calls.message_writer import MessageWriter
from conduit_router.calls.runtime import CallRuntime
from conduit_router.calls.upstream_stream import UpstreamStream, first_events
from conduit_router.context import CallerContext, options_of
from conduit_router.routing.attempt_plan import Attempt, Consumption
from conduit_router.served_by import CallSummary
from conduit_router.upstream.transport import LazyHeaders

Opened = tuple[UpstreamStream, Any]
# Failures on the caller's side, which say nothing of the provider.
_CALLERS = (CallerGone, AnswerMisuse)


class StreamingCalls:
    """Makes the calls of one RPC.

    Until the first piece a failed attempt is followed by the next one; after it the stream ends
    with StreamInterrupted. What was used is charged, however it ends.
    """

    def __init__(
        self, runtime: CallRuntime, operation: AnyStreamedOperation, response: Callable[[], Any]
    ) -> None:
        """Take the operation and the class of the RPC's response."""
        self._runtime = runtime
        self._operation = operation
        self._response = response

    async def __call__(self, request: Any, caller: CallerContext) -> AsyncGenerator[Any, None]:  # noqa: ANN401 # of each RPC its own
        """Yield an answer's pieces as messages, in the form of the request, and then its end."""
        operation = self._operation
        form, options = operation.form_of(request), options_of(request)
        is_typed = form.json_at_hand is None
        with admit(self._runtime, operation, form, options, caller, stream=True) as scope:
            attempt, (upstream, events) = await run_attempts(scope, _open)
            with _Relay(scope, attempt, upstream) as relay:
                writer = MessageWriter(operation, self._response, is_typed=is_typed)
                writer.start(scope.summary(attempt))
                while events is not None:
                    yield writer.piece(events)
                    events = await upstream.next()
                yield writer.end(upstream.usage, relay.succeed())
                await upstream.settle()

    async def plain(
        self,
        body: bytes,
        principal: Principal,
        request_id: str,
        start: Callable[[CallSummary], Stream],
        options: CallOptions | None = None,
    ) -> None:
        """Write the same as server-sent events, for a request of JSON.

        The principal is the holder of a virtual key. `start` is called once the first piece is
        there, and returns what the events go to.
        """
        operation, form = self._operation, self._operation.plain_form(body)
        caller = CallerContext(principal.virtual_key, request_id, principal.address)
        with admit(self._runtime, operation, form, options, caller, stream=True) as scope:
            attempt, (upstream, events) = await run_attempts(scope, _open)
            with _Relay(scope, attempt, upstream) as relay:
                stream = start(scope.summary(attempt))
                write, following = stream.write, upstream.next
                while events is not None:
                    if write(events.sse):
                        await stream.drain()
                    events = await following()
                relay.succeed()
                stream.finish(operation.end_of_events)
                await upstream.settle()


class _Relay:
    """Ends an attempt's stream, from its first piece on; enter it, and `succeed`."""

    __slots__ = ("_attempt", "_scope", "_upstream")

    def __init__(self, scope: CallScope, attempt: Attempt, upstream: UpstreamStream) -> None:
        self._scope = scope
        self._attempt = attempt
        self._upstream = upstream

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Note what was used; raise what a failure of the provider's means."""
        self._upstream.close()
        if self._attempt.consumption is None:
            self._attempt.consumption = _consumption(self._scope, self._attempt, self._upstream)
        if isinstance(error, TotalTimeout):
            raise out_of_time(self._scope, self._attempt) from error
        if isinstance(error, UpstreamError | HttpError) and not isinstance(error, _CALLERS):
            self._upstream.interrupted(error)

    def succeed(self) -> CallSummary:
        """End the attempt, whose answer is complete; say what was done and what it cost."""
        scope, attempt, upstream = self._scope, self._attempt, self._upstream
        attempt.consumption = _consumption(scope, attempt, upstream)
        if upstream.skipped:
            _log_skipped(scope, attempt, upstream.skipped)
        scope.runtime.outcomes.succeeded(
            attempt.candidate, attempt.key, attempt.waited * 1000, upstream.headers
        )
        return scope.succeed(attempt)


async def _open(scope: CallScope, attempt: Attempt) -> Opened:
    """Ask a candidate; return its stream and the first events."""
    name = scope.operation.name
    instance, runtime = attempt.candidate.instance, scope.runtime
    served, upstream = instance.served[name], attempt.key.endpoint(name)
    endpoint, spec = served.endpoint, instance.spec
    call = scope.call(attempt)
    native = scope.operation.native_media(call, endpoint)
    if native is not None:
        call.fetched = await scope.fetch_media(native)
    if served.job_codec is not None:
        job = served.job_codec.stream(call, endpoint, upstream.target)
        attempt.is_sent, sent = True, runtime.clock()
        timeouts = scope.timeouts(attempt)
        response, running = await runtime.jobs.open(job, upstream, spec, timeouts)
        stream = UpstreamStream(upstream, response, running.decoder, job=running)
    else:
        request = served.codec.to_upstream(call, endpoint, upstream.target)
        attempt.is_sent, sent = True, runtime.clock()
        response = await runtime.transport.open(upstream, spec, request, scope.timeouts(attempt))
        call.answer_headers = LazyHeaders(response.headers)
        stream = UpstreamStream(upstream, response, served.codec.decoder(call, endpoint))
    # The head came; the first piece has what is left of the time.
    first = await first_events(stream, sent + attempt.first_event - runtime.clock())
    if first is not None:
        try:
            first.to_form(is_typed=scope.is_typed)
        except UpstreamError as error:
            stream.unopened(error)
    attempt.waited = runtime.clock() - sent
    scope.answered(attempt, response.headers)
    return stream, first


def _log_skipped(scope: CallScope, attempt: Attempt, events: int) -> None:
    structlog.get_logger("calls").warning(
        "malformed_events_skipped",
        events=events,
        provider_id=attempt.candidate.provider_id,
        model=attempt.candidate.model,
        request_id=scope.caller.request_id,
    )


def _consumption(scope: CallScope, attempt: Attempt, stream: UpstreamStream) -> Consumption:
    if stream.usage is None:
        usage = scope.estimate(attempt, None, stream.emitted)
        return Consumption(usage, USAGE_SOURCE_ESTIMATE, stream.is_complete)
    source = USAGE_SOURCE_PROVIDER if stream.is_complete else USAGE_SOURCE_EARLY_EVENT
    return Consumption(stream.usage, source, stream.is_complete)
