"""Spans of requests that come in, over HTTP and gRPC, and what makes others their children.

Each is of the caller's trace, where its caller has one (W3C Trace Context, `traceparent`).
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import context, trace
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from structlog.typing import EventDict

from conduit_kernel.telemetry import names

# What a caller wrote, and so may be of any length.
MAX_TEXT = 256
_FAILED = 500
_PARENT = "traceparent"
# What services say to one another each second, and probes: spans only where a trace asks for them.
_UNASKED = (
    *("conduit.internal.", "grpc.health.", "grpc.reflection."),
    *("GET /health", "GET /metrics"),
)
# Of these nobody but us is guilty, as the conventions of gRPC have it.
_SERVERS_FAULTS = frozenset(
    {"UNKNOWN", "DEADLINE_EXCEEDED", "UNIMPLEMENTED", "INTERNAL", "UNAVAILABLE", "DATA_LOSS"}
)
_FACTS: Mapping[str, str] = {
    "request_id": names.REQUEST_ID,
    "virtual_key_id": names.VIRTUAL_KEY_ID,
    "model": names.ALIAS,
    "attempts": names.ATTEMPTS,
    "fallbacks": names.FALLBACKS,
    "input_tokens": names.INPUT_TOKENS,
    "output_tokens": names.OUTPUT_TOKENS,
    "cost_usd": names.COST_USD,
}


class ServerSpans:
    """Begins a span for each request; what goes on within has it as its parent."""

    def __init__(self, tracer: trace.Tracer) -> None:
        """Take what begins spans."""
        self._tracer = tracer
        self._propagator = TraceContextTextMapPropagator()

    @contextmanager
    def http(
        self, method: str, path: str, peer: str, headers: Mapping[str, str]
    ) -> Iterator[trace.Span]:
        """Have a span around a request; `end_http` says what became of it.

        `headers` are those of the trace, and `user-agent`.
        """
        said = {
            names.HTTP_METHOD: method,
            names.URL_PATH: path[:MAX_TEXT],
            names.URL_SCHEME: "http",
            names.CLIENT_ADDRESS: peer,
        }
        if agent := headers.get("user-agent", ""):
            said[names.USER_AGENT] = agent[:MAX_TEXT]
        with self._around(f"{method} {path}", headers, said) as span:
            span.update_name(method)
            yield span

    @contextmanager
    def rpc(self, method: str, metadata: Mapping[str, str]) -> "Iterator[RpcSpan]":
        """Have a span around a call of gRPC, `/package.Service/Method`; `end` it within."""
        name = method.removeprefix("/")
        said = {names.RPC_SYSTEM: "grpc", names.RPC_METHOD: name}
        with self._around(name, metadata, said) as span:
            yield RpcSpan(span)

    @contextmanager
    def _around(
        self, name: str, carrier: Mapping[str, str], said: Mapping[str, str]
    ) -> Iterator[trace.Span]:
        if _PARENT not in carrier and name.startswith(_UNASKED):
            yield trace.INVALID_SPAN
            return
        parent = self._propagator.extract(carrier)
        span = self._tracer.start_span(name, parent, trace.SpanKind.SERVER, said)
        token = context.attach(trace.set_span_in_context(span, parent))
        try:
            yield span
        finally:
            context.detach(token)
            span.end()


def end_http(
    span: trace.Span, name: str, status: int, code: str, facts: Mapping[str, object]
) -> None:
    """Say what a request was answered: method and route, status, and the code of its error.

    `facts` are those of its line in the log.
    """
    if not span.is_recording():
        return
    if route := name.partition(" ")[2]:
        span.update_name(name)
        span.set_attribute(names.HTTP_ROUTE, route)
    span.set_attribute(names.HTTP_STATUS, status)
    _end(span, code or str(status) if status >= _FAILED else code, facts)
    if status >= _FAILED:
        span.set_status(trace.StatusCode.ERROR)


class RpcSpan:
    """The span of a call of gRPC."""

    def __init__(self, span: trace.Span) -> None:
        """Take OpenTelemetry's."""
        self._span = span

    def end(self, status: str, code: str, facts: Mapping[str, object]) -> None:
        """Say what the call was answered: its status's name, our own code, its log line's facts."""
        span = self._span
        if not span.is_recording():
            return
        span.set_attribute(names.RPC_STATUS, status)
        _end(span, code or (status if status in _SERVERS_FAULTS else ""), facts)
        if status in _SERVERS_FAULTS:
            span.set_status(trace.StatusCode.ERROR)


def _end(span: trace.Span, code: str, facts: Mapping[str, object]) -> None:
    if code:
        span.set_attribute(names.ERROR_TYPE, code)
    for fact, name in _FACTS.items():
        value = facts.get(fact)
        if isinstance(value, int | float | str):
            span.set_attribute(name, value)


def propagated() -> tuple[tuple[str, str], ...]:
    """Return the headers by which the current span goes on elsewhere; none where there is none."""
    carrier: dict[str, str] = {}
    TraceContextTextMapPropagator().inject(carrier)
    return tuple(carrier.items())


def correlated(_: object, __: str, event: EventDict) -> EventDict:
    """Add to a line of the log the trace and span that it belongs to, as structlog's processor."""
    span = trace.get_current_span().get_span_context()
    if span.is_valid:
        event["trace_id"] = trace.format_trace_id(span.trace_id)
        event["span_id"] = trace.format_span_id(span.span_id)
    return event
