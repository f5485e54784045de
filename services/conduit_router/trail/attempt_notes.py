"""Notes the attempts of calls, for the spans and metrics that are made of them behind the calls."""

from collections.abc import Callable

from conduit_kernel.telemetry.note_queue import NoteQueue
from conduit_kernel.telemetry.trace_context import CURRENT, TraceContext, drawn_span_id
from conduit_router.routing.attempt_plan import Attempt
from conduit_router.trail.attempt_facts import CallAttempts, CallFacts, attempts_of
from conduit_router.trail.attempt_meters import AttemptMeters
from conduit_router.trail.attempt_spans import AttemptSpans


class AttemptNotes:
    """Notes each call with its attempts; nothing of what was asked or answered is in a note."""

    def __init__(
        self,
        notes: NoteQueue,
        spans: AttemptSpans | None,
        meters: AttemptMeters | None,
        clock: Callable[[], float],
        wall_clock: Callable[[], float],
    ) -> None:
        """Take `clock` for what attempts are timed by, `wall_clock` for seconds since 1970."""
        self._notes = notes
        self._spans = spans
        self._meters = meters
        self._clock = clock
        self._wall_clock = wall_clock

    def begin(self, call: CallAttempts, attempt: Attempt) -> None:
        """Have the provider's own spans be children of the attempt's, where its type takes that."""
        parent = CURRENT.get()
        if self._spans is None or parent is None or not parent.is_sampled:
            return
        attempt.span_id = drawn_span_id()
        if attempt.candidate.instance.spec.takes_trace_context:
            own = TraceContext(parent.trace_id, attempt.span_id, is_sampled=True)
            attempt.traceparent = own.traceparent.encode()

    def end(self, call: CallAttempts) -> None:
        """Note the attempts of a call that has ended."""
        parent = CURRENT.get()
        if self._meters is None and parent is not None and not parent.is_sampled:
            return
        attempts = tuple(attempts_of(call))
        if attempts:
            is_streamed, request_id = call.requirements.stream, call.caller.request_id
            ended, ended_at = self._clock(), self._wall_clock()
            facts = CallFacts(
                call.operation, is_streamed, request_id, parent, ended, ended_at, attempts
            )
            self._notes.add(self._write, facts)

    def _write(self, call: CallFacts) -> None:
        if self._spans is not None:
            self._spans.write(call)
        if self._meters is not None:
            self._meters.measure(call)
