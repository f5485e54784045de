"""Streams that outlast their provider: where one breaks off, the next candidate goes on.

It is given what was said as its own beginning, where its model takes such a prefill; otherwise it
starts over, and what both say is left out. Where they differ the stream ends with an error.
"""

from typing import Any

import structlog

from conduit_kernel.errors import (
    ConduitError,
    Scope,
    StreamInterrupted,
    UpstreamError,
    UpstreamRefused,
)
from conduit_kernel.http import HttpError, TotalTimeout
from conduit_providers.answer_joining import Joiner, NotContinuable, Said
from conduit_providers.operation import AnyStreamedOperation
from conduit_router.calls.attempts import pause_before_retry, run_attempts
from conduit_router.calls.call_scope import CallScope
from conduit_router.calls.relay import Opened, Relay, interruption, open_stream
from conduit_router.routing.attempt_plan import Attempt

# What is kept of an answer, so that another can be joined to it; of a longer one nothing is.
MAX_KEPT_BYTES = 4 * 1024 * 1024


class ContinuedStream:
    """Reads a stream, and those of the candidates that go on with it."""

    def __init__(
        self,
        scope: CallScope,
        operation: AnyStreamedOperation,
        relay: Relay,
        first: Any,  # noqa: ANN401 # each operation has its own events
    ) -> None:
        self._scope = scope
        self._operation = operation
        self._relay = relay
        self._kept: list[bytes] = []
        self._kept_bytes = 0
        # Of the answer that broke off: what it said, and about how many tokens that were.
        self._said: Said | None = None
        self._written = 0
        self._joiner: Joiner | None = None
        if first is not None:
            self._keep(first)

    async def next(self) -> Any:  # noqa: ANN401 # as above
        """Return the next events, None at the end. UpstreamError or HttpError if it breaks off."""
        while True:
            try:
                events = await self._relay.upstream.next()
            except (UpstreamError, HttpError) as error:
                if isinstance(error, TotalTimeout) and self._scope.left() <= 0:
                    raise
                events = await self._go_on(error)
            if self._joiner is None or events is None:
                self._check_end(events)
                new = events
            else:
                new = self._joined(self._joiner, events)
            if new is not None:
                self._keep(new)
            if new is not None or events is None:
                return new

    def _keep(self, events: Any) -> None:  # noqa: ANN401 # as above
        if self._kept_bytes > MAX_KEPT_BYTES:
            return
        self._kept.append(events.sse)
        self._kept_bytes += len(events.sse)
        if self._kept_bytes > MAX_KEPT_BYTES:
            self._kept.clear()

    def _joined(self, joiner: Joiner, events: Any) -> Any:  # noqa: ANN401 # as above
        """Return what is new in events; None if nothing is."""
        try:
            new = joiner.join(events.sse)
        except NotContinuable as error:
            raise self._other_answer() from error
        return events.with_sse(new) if new else None

    def _check_end(self, events: Any) -> None:  # noqa: ANN401 # as above
        if events is None and self._joiner is not None and not self._joiner.has_joined:
            raise self._other_answer()

    def _other_answer(self) -> StreamInterrupted:
        """End the attempt, which is not to blame; return the error of the caller's stream."""
        self._relay.give_up(NotContinuable())
        return StreamInterrupted("The stream was cut, and another answer begins otherwise")

    async def _go_on(self, error: Exception) -> Any:  # noqa: ANN401 # as above
        """Return the first events of the next candidate; raise the interruption if none goes on."""
        relay, scope = self._relay, self._scope
        failure = interruption(relay.upstream, error)
        try:
            is_requests = isinstance(error, UpstreamError) and error.scope is Scope.REQUEST
            if is_requests and not isinstance(error, StreamInterrupted):
                raise failure
            self._said = self._what_was_said()
            if self._said is None:
                raise failure
            self._written += relay.upstream.emitted
            relay.give_up(failure)
            if scope.plan.interrupted():
                await pause_before_retry(scope)
            attempt, (upstream, events) = await run_attempts(scope, self._open)
        except ConduitError as later:
            if later is failure or scope.left() <= 0:
                raise
            raise failure from later
        finally:
            # An error that refers to this frame, which refers to it, would keep the request's body.
            del failure, error
        relay.take_over(attempt, upstream)
        self._log(attempt)
        return events

    def _what_was_said(self) -> Said | None:
        """Return what nobody needs to say again; None if that is not known."""
        if not self._kept:
            return None
        try:
            return self._operation.said_in(self._kept)
        except NotContinuable:
            return None

    async def _open(self, scope: CallScope, attempt: Attempt) -> Opened:
        """Ask a candidate to go on, or to start over."""
        said = self._said
        assert said is not None  # noqa: S101 # it is set before the attempts are run
        endpoint = attempt.candidate.instance.served[scope.operation.served_as].endpoint
        prefill = endpoint.prefill_of(attempt.candidate.model)
        is_new = not scope.runtime.prefill_refusals.has(scope.caller.caller, attempt.candidate)
        body = said.with_prefill(scope.form.json, self._written) if is_new else None
        if body is not None and prefill != "none":
            form = self._operation.plain_form(body)
            self._joiner = said.going_on(is_repeated=prefill == "repeated")
            try:
                return await open_stream(scope, attempt, form)
            except UpstreamRefused as refusal:
                if not scope.plan.once_more():
                    raise
                scope.end_attempt(attempt, refusal)
            opened = await self._start_over(said, scope, attempt)
            # It takes the request as it was: what it refuses is the prefill.
            scope.runtime.prefill_refusals.note(scope.caller.caller, attempt.candidate)
            return opened
        self._joiner = said.starting_over()
        return await open_stream(scope, attempt)

    async def _start_over(self, said: Said, scope: CallScope, attempt: Attempt) -> Opened:
        attempt.is_sent, attempt.dropped = False, []
        # It was allowed to ask a moment ago.
        scope.begin_attempt(attempt)
        self._joiner = said.starting_over()
        return await open_stream(scope, attempt)

    def _log(self, attempt: Attempt) -> None:
        structlog.get_logger("calls").info(
            "stream_taken_over",
            provider_id=attempt.candidate.provider_id,
            model=attempt.candidate.model,
            request_id=self._scope.caller.request_id,
        )
