"""Spans of requests that come in, over HTTP and gRPC, and what makes others their children.

Each is of the caller's trace, where its caller has one (W3C Trace Context, `traceparent`). What is
done on a request's way is to note what its span will say; it is written behind its answer.
"""

import time
from collections.abc import Callable, Mapping
from contextvars import Token
from types import TracebackType
from typing import Self

from opentelemetry import trace
from structlog.typing import EventDict

from conduit_kernel.telemetry import names
from conduit_kernel.telemetry.head_sampler import HeadSampler
from conduit_kernel.telemetry.note_queue import NoteQueue
from conduit_kernel.telemetry.span_writer import EndedSpan, SpanWriter, Value
from conduit_kernel.telemetry.trace_context import (
    CURRENT,
    TraceContext,
    callers_context,
    drawn_span_id,
    drawn_trace_id,
)

# What a caller wrote, and so may be of any length.
MAX_TEXT = 256
_FAILED = 500
_PARENT, _STATE, _AGENT = b"traceparent", b"tracestate", b"user-agent"
# What services say to one another each second, and probes: spans only where a trace asks for them.
_UNASKED_RPCS = ("conduit.internal.", "grpc.health.", "grpc.reflection.")
_UNASKED_PATHS = ("/health", "/metrics")
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
_NO_FACTS: Mapping[str, object] = {}


class ServerSpan(TraceContext):
    """The span around a request; what goes on within has it as its parent.

    One that is not sampled is noted nowhere, but known to whatever goes on within.
    """

    __slots__ = ("_began", "_caller", "_ended", "_spans", "_token", "code", "facts", "status")

    def __init__(self, spans: "ServerSpans", caller: TraceContext | None) -> None:
        """Take its parent, of another process."""
        trace_id, state, is_callers = drawn_trace_id(), "", None
        if caller is not None:
            trace_id, state, is_callers = caller.trace_id, caller.trace_state, caller.is_sampled
        is_sampled = spans.head.is_sampled(trace_id, is_callers=is_callers)
        super().__init__(trace_id, drawn_span_id(), state, is_sampled=is_sampled)
        self._spans = spans
        self._caller = caller
        self.status: int | str = ""
        self.code = ""
        self.facts = _NO_FACTS

    def __enter__(self) -> Self:
        """Be the parent of what goes on."""
        self._token: Token[TraceContext | None] = CURRENT.set(self)
        if self.is_sampled:
            self._began = self._spans.clock()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        """Be over."""
        CURRENT.reset(self._token)
        if self.is_sampled:
            self._ended = self._spans.clock()
            self._spans.note(self)

    def written(self) -> EndedSpan:
        """Return it as it is written down."""
        attributes = self.attributes()
        if self.code or self.is_error:
            attributes[names.ERROR_TYPE] = self.code or str(self.status)
        for fact, name in _FACTS.items():
            value = self.facts.get(fact)
            if isinstance(value, int | float | str):
                attributes[name] = value
        return EndedSpan(
            self.name,
            trace.SpanKind.SERVER,
            self,
            self._caller,
            is_remote=True,
            began=self._began,
            ended=self._ended,
            attributes=attributes,
            is_error=self.is_error,
        )

    @property
    def name(self) -> str:
        """Return what it is called."""
        raise NotImplementedError

    @property
    def is_error(self) -> bool:
        """Return whether its end is our fault."""
        raise NotImplementedError

    def attributes(self) -> dict[str, Value]:
        """Return what is particular to its protocol."""
        raise NotImplementedError


class HttpSpan(ServerSpan):
    """The span around a request of HTTP."""

    __slots__ = ("_agent", "_method", "_name", "_path", "_peer")

    def __init__(
        self, spans: "ServerSpans", method: str, path: str, peer: str, fields: Mapping[bytes, bytes]
    ) -> None:
        """Take the request's line, who sent it, and its headers."""
        super().__init__(spans, _callers(fields))
        self._method = method
        self._name = method
        if self.is_sampled:
            self._path = path[:MAX_TEXT]
            self._peer = peer
            self._agent = fields.get(_AGENT, b"")[:MAX_TEXT]

    def end(self, name: str, status: int, code: str, facts: Mapping[str, object]) -> None:
        """Say what it was answered: method and route, status, and the code of its error.

        `facts` are those of its line in the log.
        """
        self._name = name
        self.status, self.code, self.facts = status, code, facts

    @property
    def name(self) -> str:
        """Return its method and route: a path would be of any number of names."""
        return self._name if self._route else self._method

    @property
    def _route(self) -> str:
        return self._name.partition(" ")[2]

    @property
    def is_error(self) -> bool:
        """Return whether its status says that it is our fault."""
        return isinstance(self.status, int) and self.status >= _FAILED

    def attributes(self) -> dict[str, Value]:
        """Return what the conventions of HTTP ask for."""
        said: dict[str, Value] = {
            names.HTTP_METHOD: self._method,
            names.URL_PATH: self._path,
            names.URL_SCHEME: "http",
            names.CLIENT_ADDRESS: self._peer,
        }
        if self._agent:
            said[names.USER_AGENT] = self._agent.decode("latin-1")
        if route := self._route:
            said[names.HTTP_ROUTE] = route
        if self.status:
            said[names.HTTP_STATUS] = self.status
        return said


class RpcSpan(ServerSpan):
    """The span around a call of gRPC."""

    __slots__ = ("_method",)

    def __init__(self, spans: "ServerSpans", method: str, metadata: Mapping[str, str]) -> None:
        """Take the name of the method, and the call's metadata."""
        super().__init__(spans, callers_context(metadata))
        self._method = method

    def end(self, status: str, code: str, facts: Mapping[str, object]) -> None:
        """Say what the call was answered: its status's name, our own code, its log line's facts."""
        self.status, self.code, self.facts = status, code, facts

    @property
    def name(self) -> str:
        """Return its method, of the contract."""
        return self._method

    @property
    def is_error(self) -> bool:
        """Return whether its status says that it is our fault."""
        return self.status in _SERVERS_FAULTS

    def attributes(self) -> dict[str, Value]:
        """Return what the conventions of gRPC ask for."""
        said: dict[str, Value] = {names.RPC_SYSTEM: "grpc", names.RPC_METHOD: self._method}
        if self.status:
            said[names.RPC_STATUS] = self.status
        return said


class ServerSpans:
    """Begins a span for each request."""

    def __init__(
        self,
        head: HeadSampler,
        notes: NoteQueue,
        writer: SpanWriter,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """Take who decides which are recorded; the clock has nanoseconds since 1970."""
        self.head = head
        self.clock = clock
        self._notes = notes
        self._writer = writer

    def http(
        self, method: str, path: str, peer: str, fields: Mapping[bytes, bytes]
    ) -> HttpSpan | None:
        """Return what has a span around a request, None for one that nobody asks for."""
        if path.startswith(_UNASKED_PATHS) and method == "GET" and _PARENT not in fields:
            return None
        return HttpSpan(self, method, path, peer, fields)

    def rpc(self, method: str, metadata: Mapping[str, str]) -> RpcSpan | None:
        """Return what has a span around a call, `/package.Service/Method`; None as above."""
        name = method.removeprefix("/")
        if name.startswith(_UNASKED_RPCS) and _PARENT.decode() not in metadata:
            return None
        return RpcSpan(self, name, metadata)

    def note(self, span: ServerSpan) -> None:
        """Have a span written that is over."""
        self._notes.add(self._write, span)

    def _write(self, span: ServerSpan) -> None:
        self._writer.write(span.written())


def _callers(fields: Mapping[bytes, bytes]) -> TraceContext | None:
    parent = fields.get(_PARENT)
    if parent is None:
        return None
    said = {_PARENT.decode(): parent.decode("latin-1")}
    if _STATE in fields:
        said[_STATE.decode()] = fields[_STATE].decode("latin-1")
    return callers_context(said)


def correlated(_: object, __: str, event: EventDict) -> EventDict:
    """Add to a line of the log the trace and span that it belongs to, as structlog's processor."""
    current = CURRENT.get()
    if current is not None:
        event["trace_id"] = f"{current.trace_id:032x}"
        event["span_id"] = f"{current.span_id:016x}"
    return event
