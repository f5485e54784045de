"""An attempt's streamed answer on its way to the caller: opened, relayed, ended once."""

import asyncio
from types import TracebackType
from typing import Any, Self

import structlog
from msgspec.structs import replace

from conduit.v1.charge_pb2 import (
    USAGE_SOURCE_EARLY_EVENT,
    USAGE_SOURCE_ESTIMATE,
    USAGE_SOURCE_PROVIDER,
)
from conduit_kernel.errors import StreamInterrupted, UpstreamError
from conduit_kernel.http import AnswerMisuse, CallerGone, HttpError, TotalTimeout
from conduit_providers.calls import Form
from conduit_providers.quantities import with_written
from conduit_router.calls.answer_media import answered_media
from conduit_router.calls.attempt_ends import out_of_time
from conduit_router.calls.call_scope import CallScope
from conduit_router.calls.upstream_stream import UpstreamStream, first_events
from conduit_router.routing.attempt_plan import Attempt, Consumption
from conduit_router.served_by import CallSummary
from conduit_router.upstream.transport import LazyHeaders

# A stream and its first events.
Opened = tuple[UpstreamStream, Any]
# Failures on the caller's side, which say nothing of the provider.
_CALLERS = (CallerGone, AnswerMisuse)
# How a call ends whose caller leaves.
_LEFT = (CallerGone, GeneratorExit, asyncio.CancelledError)
# Events that tell who speaks, or that it has ended, are handed out as well.
_WORDLESS = 2


class Relay:
    """The stream of an attempt, from its first piece on; enter it, and `succeed`."""

    __slots__ = ("_attempt", "_scope", "upstream")

    def __init__(self, scope: CallScope, attempt: Attempt, upstream: UpstreamStream) -> None:
        self._scope = scope
        self._attempt = attempt
        self.upstream = upstream

    def __enter__(self) -> Self:
        """Return the relay."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Note the usage; raise the error that a failure of the provider means.

        What is read on, though its caller has left, ends later.
        """
        if isinstance(error, _LEFT) and self._is_read_on():
            return
        self._close()
        try:
            if isinstance(error, TotalTimeout) and self._scope.left() <= 0:
                raise out_of_time(self._scope, self._attempt) from error
            if isinstance(error, UpstreamError | HttpError) and not isinstance(error, _CALLERS):
                self.upstream.interrupted(error)
        finally:
            # An error that refers to this frame, which refers to it, would keep the request's body.
            del error, traceback

    def succeed(self) -> CallSummary:
        """End the attempt, whose answer is complete; return what was done and what it cost."""
        scope, attempt, upstream = self._scope, self._attempt, self.upstream
        attempt.consumption = consumption(scope, attempt, upstream)
        if upstream.skipped:
            _log_skipped(scope, attempt, upstream.skipped)
        scope.runtime.outcomes.succeeded(
            attempt.candidate, attempt.key, attempt.waited * 1000, upstream.headers
        )
        return scope.succeed(attempt)

    async def read_on(self) -> int:
        """Return how many bytes came next, 0 at the end. UpstreamError or HttpError if it fails."""
        events = await self.upstream.next()
        if events is None:
            await self.upstream.settle()
            return 0
        size: int = events.size
        return max(1, size)

    def end_aborted(self) -> None:
        """Close it, and note what was used of an answer that the caller did not get."""
        self._close()
        used = self._attempt.consumption
        if used is not None and used.is_complete:
            self._attempt.consumption = replace(used, is_complete=False)

    def _is_read_on(self) -> bool:
        scope, attempt = self._scope, self._attempt
        if self.upstream.is_complete:
            return False
        return scope.runtime.aborted_streams.take(scope, attempt, self)

    def give_up(self, why: BaseException) -> None:
        """End the attempt, so that another may go on: `take_over`."""
        self._close()
        self._scope.end_attempt(self._attempt, why)

    def take_over(self, attempt: Attempt, upstream: UpstreamStream) -> None:
        """Go on with the stream of another attempt."""
        self._attempt, self.upstream = attempt, upstream

    def _close(self) -> None:
        self.upstream.close()
        if self._attempt.consumption is None:
            self._attempt.consumption = consumption(self._scope, self._attempt, self.upstream)


async def open_stream(scope: CallScope, attempt: Attempt, form: Form[Any] | None = None) -> Opened:
    """Ask a candidate; return its stream and the first events.

    `form` is the request where it is not the caller's own.
    """
    operation = scope.operation
    instance, runtime = attempt.candidate.instance, scope.runtime
    served = instance.served[operation.served_as]
    upstream = attempt.upstream(operation.name)
    endpoint, spec = served.endpoint, instance.spec
    call = scope.call(attempt)
    if form is not None:
        call.request = form
    native = scope.operation.native_media(call, endpoint)
    if native is not None:
        call.fetched = await scope.runtime.media.fetch_for(scope, native)
    timeouts = scope.timeouts(attempt)
    if served.job_codec is not None:
        call.seconds = scope.left()
        job = served.job_codec.stream(call, endpoint, upstream.target)
        attempt.is_sent, sent = True, runtime.clock()
        response, running = await runtime.jobs.open(job, upstream, spec, timeouts)
        decoder = running.decoder
        stream = UpstreamStream(upstream, response, decoder, idle=timeouts.idle, job=running)
    else:
        request = served.codec.to_upstream(call, endpoint, upstream.target)
        attempt.is_sent, sent = True, runtime.clock()
        response = await runtime.transport.open(upstream, spec, request, timeouts)
        call.answer_headers = LazyHeaders(response.headers)
        decoder = served.codec.decoder(call, endpoint)
        stream = UpstreamStream(upstream, response, decoder, idle=timeouts.idle)
    return await begin_stream(scope, attempt, stream, sent)


async def begin_stream(
    scope: CallScope, attempt: Attempt, stream: UpstreamStream, sent: float
) -> Opened:
    """Return a stream whose head has come, and its first events.

    `sent` is when the request went out, by the router's clock.
    """
    runtime = scope.runtime
    try:
        # The head came; the first piece has what is left of the time.
        first = await first_events(stream, sent + attempt.first_event - runtime.clock())
    except BaseException:
        if stream.usage is not None:
            # Of a prompt that was read, though nothing was said.
            attempt.consumption = consumption(scope, attempt, stream)
        raise
    if first is not None:
        if scope.operation.has_linked_media:
            first = await _inlined(scope, attempt, stream, first)
        _check(scope, stream, first)
    attempt.waited = runtime.clock() - sent
    scope.answered(attempt, stream.headers)
    return stream, first


def _check(scope: CallScope, stream: UpstreamStream, first: Any) -> None:  # noqa: ANN401 # each operation has its own events
    """Make the caller's form of the first pieces, while another candidate can still be asked."""
    try:
        first.to_form(is_typed=scope.is_typed)
    except UpstreamError as error:
        stream.unopened(error)


async def _inlined(scope: CallScope, attempt: Attempt, stream: UpstreamStream, first: Any) -> Any:  # noqa: ANN401 # as above
    """Return the first pieces with what they have addresses of, where a stream has no others."""
    try:
        urls = scope.operation.linked_in(first)
        if not urls:
            return first
        media = await answered_media(scope, attempt, urls)
        return scope.operation.inlined_in(first, media)
    except BaseException as error:  # noqa: BLE001 # whatever it is, the stream must be closed
        attempt.consumption = consumption(scope, attempt, stream)
        stream.unopened(error)


def consumption(scope: CallScope, attempt: Attempt, stream: UpstreamStream) -> Consumption:
    """Return what a stream used until now."""
    if stream.usage is None:
        usage = scope.estimate(attempt, None, stream.emitted)
        return Consumption(usage, USAGE_SOURCE_ESTIMATE, stream.is_complete)
    if stream.is_complete:
        return Consumption(stream.usage, USAGE_SOURCE_PROVIDER, is_complete=True)
    # Some count what was read before they write, and nothing of that until the end.
    written = scope.estimate(attempt, None, max(0, stream.emitted - _WORDLESS))
    usage = with_written(stream.usage, written)
    return Consumption(usage, USAGE_SOURCE_EARLY_EVENT, is_complete=False)


def interruption(upstream: UpstreamStream, error: Exception) -> StreamInterrupted:
    """Return the error that a failure after the first events means."""
    try:
        upstream.interrupted(error)
    except StreamInterrupted as found:
        return found
    finally:
        # An error that refers to this frame, which refers to it, would keep the request's body.
        del error


def _log_skipped(scope: CallScope, attempt: Attempt, events: int) -> None:
    structlog.get_logger("calls").warning(
        "malformed_events_skipped",
        events=events,
        provider_id=attempt.candidate.provider_id,
        model=attempt.candidate.model,
        request_id=scope.caller.request_id,
    )
