"""The place of what goes on in a trace, by W3C Trace Context: https://www.w3.org/TR/trace-context/."""

import random
import re
from collections.abc import Mapping
from contextvars import ContextVar

from opentelemetry import trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from opentelemetry.trace.span import TraceState

PARENT, STATE = "traceparent", "tracestate"
SAMPLED = trace.TraceFlags(trace.TraceFlags.SAMPLED)
# What nearly all senders write; everything else is read by OpenTelemetry.
_USUAL = re.compile("00-([0-9a-f]{32})-([0-9a-f]{16})-0([01])")
_PROPAGATOR = TraceContextTextMapPropagator()


class TraceContext:
    """A span as its children know it."""

    __slots__ = ("is_sampled", "span_id", "trace_id", "trace_state")

    def __init__(
        self, trace_id: int, span_id: int, trace_state: str = "", *, is_sampled: bool
    ) -> None:
        """Take the ids, and what others add to the trace as its header says it."""
        self.trace_id = trace_id
        self.span_id = span_id
        self.trace_state = trace_state
        self.is_sampled = is_sampled

    @property
    def traceparent(self) -> str:
        """Return it as a header."""
        return f"00-{self.trace_id:032x}-{self.span_id:016x}-0{int(self.is_sampled)}"

    def span_context(self, *, is_remote: bool = False) -> trace.SpanContext:
        """Return it as OpenTelemetry has it."""
        flags = SAMPLED if self.is_sampled else trace.DEFAULT_TRACE_OPTIONS
        return trace.SpanContext(
            self.trace_id, self.span_id, is_remote, flags, _state(self.trace_state)
        )


# The span of the request that is being answered.
CURRENT: ContextVar[TraceContext | None] = ContextVar("trace_context", default=None)


def drawn_trace_id() -> int:
    """Return an id for a trace that begins here. It tells traces apart and guards nothing."""
    return random.getrandbits(128) or 1


def drawn_span_id() -> int:
    """Return an id for a span."""
    return random.getrandbits(64) or 1


def callers_context(carrier: Mapping[str, str]) -> TraceContext | None:
    """Return the span of whoever asks, by their headers; None for none that can be read."""
    said = carrier.get(PARENT)
    if said is None:
        return None
    usual = _USUAL.fullmatch(said)
    if usual is None:
        return _unusual(carrier)
    trace_id, span_id = int(usual[1], 16), int(usual[2], 16)
    if not trace_id or not span_id:
        return None
    return TraceContext(trace_id, span_id, carrier.get(STATE, ""), is_sampled=usual[3] == "1")


def propagated() -> tuple[tuple[str, str], ...]:
    """Return the headers by which the current span goes on elsewhere; none where there is none."""
    current = CURRENT.get()
    if current is None:
        return ()
    parent = (PARENT, current.traceparent)
    state = _state(current.trace_state).to_header() if current.trace_state else ""
    return (parent, (STATE, state)) if state else (parent,)


def _unusual(carrier: Mapping[str, str]) -> TraceContext | None:
    found = trace.get_current_span(_PROPAGATOR.extract(carrier)).get_span_context()
    if not found.is_valid:
        return None
    state = found.trace_state.to_header()
    is_sampled = bool(found.trace_flags.sampled)
    return TraceContext(found.trace_id, found.span_id, state, is_sampled=is_sampled)


def _state(header: str) -> TraceState:
    return TraceState.from_header([header]) if header else TraceState.get_default()
