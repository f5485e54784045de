"""Endpoints of calls whose JSON passes as it is, to a Router in this process.

No message is made around the request or the answer. Requests with options or codings take the
general way; a test holds the two ways equal.
"""

from collections.abc import Callable
from typing import Any

from conduit.v1 import call_pb2, options_pb2
from conduit.v1.http_runtime import Route
from conduit_bridge.endpoints.heartbeats import Heartbeat
from conduit_bridge.endpoints.stream import EventsEndpoint, first_of, let_go
from conduit_bridge.endpoints.unary import Backend, Outcome, RequestContext, UnaryEndpoint
from conduit_bridge.metrics import RouteCounts
from conduit_bridge.report_lines import report_lines
from conduit_kernel.auth import Authorizer, Principal
from conduit_kernel.http import Stream

# Takes body, caller and request id; answers whole, or is iterated.
PlainCall = Callable[[bytes, Principal, str], Any]


def plain_call(route: Route, backend: Backend) -> PlainCall | None:
    """Return the plain form of a route's RPC, None if its backend has none."""
    plain: Callable[[str], PlainCall | None] | None = getattr(backend.stub, "plain_rpc", None)
    return plain(route.rpc) if plain is not None else None


# What the plain way does not know.
_NOT_PLAIN = frozenset(
    field.GetOptions().Extensions[options_pb2.as_json].header.encode()
    for field in call_pb2.CallOptions.DESCRIPTOR.fields
) | {b"content-encoding"}


class PlainUnaryEndpoint(UnaryEndpoint):
    """One request, one answer."""

    def __init__(
        self,
        route: Route,
        backend: Backend,
        counts: RouteCounts,
        *,
        authorizer: Authorizer,
        plain: PlainCall,
    ) -> None:
        """Bind a route to its service, and to the plain form of its RPC."""
        super().__init__(route, backend, counts, authorizer=authorizer)
        self._plain = plain

    async def serve(self, context: RequestContext) -> Outcome:
        """Call, and send the answer in one piece."""
        if not _NOT_PLAIN.isdisjoint(context.exchange.fields):
            return await super().serve(context)
        exchange = context.exchange
        principal = self.principal_of(exchange)
        body, summary = await self._plain(exchange.body, principal, context.request_id)
        lines = context.lines + self.media + report_lines(summary)
        exchange.respond(self.done.status, (), body, lines)
        return self.done


class PlainEventsEndpoint(EventsEndpoint):
    """One request, many events."""

    def __init__(
        self,
        route: Route,
        backend: Backend,
        counts: RouteCounts,
        *,
        authorizer: Authorizer,
        plain: PlainCall,
        heartbeat_seconds: float,
    ) -> None:
        """Bind a route to its service, and to the plain form of its RPC."""
        super().__init__(
            route, backend, counts, authorizer=authorizer, heartbeat_seconds=heartbeat_seconds
        )
        self._plain = plain

    async def serve(self, context: RequestContext) -> Outcome:
        """Call, and relay the events until they end or the caller leaves."""
        if not _NOT_PLAIN.isdisjoint(context.exchange.fields):
            return await super().serve(context)
        exchange = context.exchange
        events = self._plain(exchange.body, self.principal_of(exchange), context.request_id)
        heartbeat = Heartbeat(lambda: self.start(context), self.heartbeat_seconds)
        try:
            try:
                summary, piece = await first_of(events)
            except Exception as problem:
                if heartbeat.stream is None:
                    raise
                return self.fail(context, heartbeat.stream, problem)
            stream = heartbeat.stream
            if stream is None:
                lines = context.lines + self.media + report_lines(summary)
                stream = heartbeat.stream = context.exchange.start(self.done.status, (), lines)
            return await self.finish(context, stream, _relayed(stream, piece, events, heartbeat))
        finally:
            heartbeat.stop()
            await let_go(events)


async def _relayed(stream: Stream, piece: bytes, events: Any, heartbeat: Heartbeat) -> None:  # noqa: ANN401 # as above
    write, drain = stream.write, stream.drain
    heartbeat.is_quiet = False
    write(piece)
    await drain()
    async for following in events:
        heartbeat.is_quiet = False
        write(following)
        await drain()
