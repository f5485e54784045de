"""Endpoints of calls whose JSON passes as it is, to a Router in this process.

No message is made around the request or the answer. Requests with options or codings take the
general way; a test holds the two ways equal.
"""

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from conduit.v1 import call_pb2, options_pb2
from conduit.v1.http_runtime import Route, first_header, header_list, header_text
from conduit_bridge.endpoints.stream import EventsEndpoint
from conduit_bridge.endpoints.unary import (
    GONE,
    Backend,
    Edge,
    Outcome,
    RequestContext,
    UnaryEndpoint,
)
from conduit_bridge.metrics import RouteCounts
from conduit_bridge.report_lines import Summary, report_lines
from conduit_bridge.request_metadata import credentials_of
from conduit_kernel.http import CallerGone, Stream

# Takes body, caller, request id, and for a stream what opens it; answers whole, or writes events.
PlainCall = Callable[..., Awaitable[Any]]
_MODEL = "model"


def has_plain_call(route: Route, backend: Backend) -> bool:
    """Return whether a route's RPC has a plain form."""
    return _plain_call(route, backend) is not None


def plain_call(route: Route, backend: Backend) -> PlainCall:
    """Return the plain form of a route's RPC, which has one."""
    plain = _plain_call(route, backend)
    assert plain is not None  # noqa: S101 # see `has_plain_call`
    return plain


def is_model_beside(route: Route) -> bool:
    """Return whether a path says the model of a call that is answered whole, and nothing else."""
    said = [segment.text for segment in route.segments if segment.is_parameter]
    return route.dialect == options_pb2.DIALECT_GOOGLE and not route.framing and said == [_MODEL]


def _plain_call(route: Route, backend: Backend) -> PlainCall | None:
    if "{" in route.path and not is_model_beside(route):
        # What the path says is in no body.
        return None
    plain: Callable[[str], PlainCall | None] | None = getattr(backend.stub, "plain_rpc", None)
    return plain(route.rpc) if plain is not None else None


_JSON = [
    field.GetOptions().Extensions[options_pb2.as_json]
    for field in call_pb2.CallOptions.DESCRIPTOR.fields
]
# What agents name their sessions by, and what Anthropic's clients say of its API: of options these
# alone need no message.
_SESSIONS = tuple(
    name.encode()
    for json in _JSON
    if json.other_headers
    for name in (json.header, *json.other_headers)
)
_NAMING = frozenset(_SESSIONS)
_BETAS, _VERSION = b"anthropic-beta", b"anthropic-version"
_PLAIN = _NAMING | {_BETAS, _VERSION}
# What the plain way does not know.
_NOT_PLAIN = (frozenset(json.header.encode() for json in _JSON) | {b"content-encoding"}) - _PLAIN
_LOOKED_AT = _NOT_PLAIN | _PLAIN


def _plain_options(fields: Mapping[bytes, bytes]) -> call_pb2.CallOptions | None:
    """Return the options of a call that has no others than those; None if it has."""
    if not _NOT_PLAIN.isdisjoint(fields):
        return None
    options = call_pb2.CallOptions()
    if not _NAMING.isdisjoint(fields):
        options.affinity_key = header_text(first_header(fields, _SESSIONS) or b"")
    if (version := fields.get(_VERSION)) is not None:
        options.anthropic_version = header_text(version)
    if (betas := fields.get(_BETAS)) is not None:
        options.betas.extend(header_list(betas))
    return options


class PlainUnaryEndpoint(UnaryEndpoint):
    """One request, one answer."""

    def __init__(self, route: Route, backend: Backend, counts: RouteCounts, edge: Edge) -> None:
        """Bind a route to its service, and to the plain form of its RPC."""
        super().__init__(route, backend, counts, edge)
        self._plain = plain_call(route, backend)

    async def serve(self, context: RequestContext) -> Outcome:
        """Call, and send the answer in one piece."""
        fields, options = context.exchange.fields, None
        if not _LOOKED_AT.isdisjoint(fields):
            options = _plain_options(fields)
            if options is None:
                return await super().serve(context)
        exchange = context.exchange
        principal = self.authorize(credentials_of(exchange), exchange.peer)
        body, summary = await self._plain(exchange.body, principal, context.request_id, options)
        lines = context.lines + self.media + report_lines(summary)
        exchange.respond(self.done.status, (), body, lines)
        return self.done


class PlainModelEndpoint(PlainUnaryEndpoint):
    """The same, where the path says the model."""

    async def serve(self, context: RequestContext) -> Outcome:
        """Call, and send the answer in one piece; what the query says goes the general way."""
        exchange = context.exchange
        if exchange.query or not _LOOKED_AT.isdisjoint(exchange.fields):
            return await UnaryEndpoint.serve(self, context)
        principal = self.authorize(credentials_of(exchange), exchange.peer)
        body, summary = await self._plain(
            exchange.body, principal, context.request_id, model=context.params[_MODEL]
        )
        lines = context.lines + self.media + report_lines(summary)
        exchange.respond(self.done.status, (), body, lines)
        return self.done


class PlainEventsEndpoint(EventsEndpoint):
    """One request, many events."""

    def __init__(self, route: Route, backend: Backend, counts: RouteCounts, edge: Edge) -> None:
        """Bind a route to its service, and to the plain form of its RPC."""
        super().__init__(route, backend, counts, edge)
        self._plain = plain_call(route, backend)

    async def serve(self, context: RequestContext) -> Outcome:
        """Have the Router write the events, until they end or the caller leaves."""
        fields, options = context.exchange.fields, None
        if not _LOOKED_AT.isdisjoint(fields):
            options = _plain_options(fields)
            if options is None:
                return await super().serve(context)
        exchange, heartbeat = context.exchange, self.heartbeat(context)

        def start(summary: Summary) -> Stream:
            return heartbeat.open(context.lines + self.media + report_lines(summary))

        try:
            principal = self.authorize(credentials_of(exchange), exchange.peer)
            await self._plain(exchange.body, principal, context.request_id, start, options)
        except CallerGone:
            return GONE
        except Exception as problem:
            if heartbeat.stream is None:
                raise
            return self.fail(context, heartbeat.stream, problem)
        finally:
            heartbeat.stop()
        return self.done
