"""Calls that are answered piece by piece."""

from collections.abc import AsyncGenerator, Callable
from typing import Any

from conduit.v1.call_pb2 import CallOptions
from conduit.v1.charge_pb2 import (
    USAGE_SOURCE_EARLY_EVENT,
    USAGE_SOURCE_ESTIMATE,
    USAGE_SOURCE_PROVIDER,
)
from conduit_kernel.errors import UpstreamError
from conduit_kernel.http import HttpError, TotalTimeout
from conduit_providers.calls import Form
from conduit_providers.operation import AnyStreamedOperation
from conduit_router.calls.attempts import out_of_time, run_attempts
from conduit_router.calls.call_scope import CallScope, admit
from conduit_router.calls.runtime import CallRuntime
from conduit_router.calls.stream_writers import MessageWriter, PlainWriter
from conduit_router.calls.upstream_stream import UpstreamStream, first_events
from conduit_router.context import CallerContext, options_of
from conduit_router.routing.attempt_plan import Attempt, Consumption
from conduit_router.upstream.transport import LazyHeaders

Opened = tuple[UpstreamStream, Any]


class StreamingCalls:
    """Makes the calls of one RPC."""

    def __init__(
        self, runtime: CallRuntime, operation: AnyStreamedOperation, response: Callable[[], Any]
    ) -> None:
        """Take the operation and the class of the RPC's response."""
        self._runtime = runtime
        self._operation = operation
        self._response = response

    def __call__(self, request: Any, caller: CallerContext) -> AsyncGenerator[Any, None]:  # noqa: ANN401 # of each RPC its own
        """Yield an answer's pieces as messages, in the form of the request, and then its end."""
        form = self._operation.form_of(request)
        is_typed = form.json_at_hand is None
        writer = MessageWriter(self._operation, self._response, is_typed=is_typed)
        return self._relay(form, options_of(request), caller, writer)

    def plain(self, body: bytes, caller: CallerContext) -> AsyncGenerator[Any, None]:
        """Yield the same for a request of JSON without options, with no messages around it.

        First `(CallSummary, bytes)`, then the bytes of server-sent events.
        """
        form = self._operation.plain_form(body)
        return self._relay(form, None, caller, PlainWriter(self._operation))

    async def _relay(
        self,
        form: Form[Any],
        options: CallOptions | None,
        caller: CallerContext,
        writer: MessageWriter | PlainWriter,
    ) -> AsyncGenerator[Any, None]:
        """Yield what a writer makes of an answer's pieces as they come, and then of its end.

        Until the first piece a failed attempt is followed by the next one; after it the stream
        ends with StreamInterrupted. What was used is charged, however it ends.
        """
        with admit(self._runtime, self._operation, form, options, caller, stream=True) as scope:
            attempt, (stream, events) = await run_attempts(scope, _open)
            try:
                writer.start(scope.summary(attempt))
                while events is not None:
                    yield writer.piece(events)
                    events = await stream.next()
                attempt.consumption = _consumption(scope, attempt, stream)
                _note_success(scope, attempt, stream)
                yield writer.end(stream.usage, scope.succeed(attempt))
                await stream.settle()
            except (UpstreamError, HttpError) as error:
                if isinstance(error, TotalTimeout):
                    raise out_of_time(scope, attempt) from error
                stream.interrupted(error)
            finally:
                stream.close()
                if attempt.consumption is None:
                    attempt.consumption = _consumption(scope, attempt, stream)


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
    attempt.waited = runtime.clock() - sent
    scope.answered(attempt, response.headers)
    return stream, first


def _note_success(scope: CallScope, attempt: Attempt, stream: UpstreamStream) -> None:
    scope.runtime.outcomes.succeeded(
        attempt.candidate, attempt.key, attempt.waited * 1000, stream.headers
    )


def _consumption(scope: CallScope, attempt: Attempt, stream: UpstreamStream) -> Consumption:
    if stream.usage is None:
        usage = scope.estimate(attempt, None, stream.emitted)
        return Consumption(usage, USAGE_SOURCE_ESTIMATE, stream.is_complete)
    source = USAGE_SOURCE_PROVIDER if stream.is_complete else USAGE_SOURCE_EARLY_EVENT
    return Consumption(stream.usage, source, stream.is_complete)
