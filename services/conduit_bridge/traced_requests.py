"""Spans of HTTP requests, around the handler that answers them."""

from collections.abc import Awaitable, Callable, Mapping

from opentelemetry import trace

from conduit_kernel.http import Exchange
from conduit_kernel.telemetry.server_spans import ServerSpans, end_http, propagated

Handler = Callable[[Exchange], Awaitable[None]]
# What a span reads of a request's head.
_READ = (b"traceparent", b"tracestate", b"user-agent")


class TracedRequests:
    """Has a span around each request."""

    def __init__(self, spans: ServerSpans) -> None:
        """Take what begins them."""
        self._spans = spans
        # The headers by which a request to another service is of the same trace.
        self.propagated = propagated

    def around(self, handle: Handler) -> Handler:
        """Return a handler that answers as another does, within a span."""

        async def traced(exchange: Exchange) -> None:
            fields = exchange.fields
            said = {
                name.decode(): fields[name].decode("latin-1") for name in _READ if name in fields
            }
            with self._spans.http(exchange.method, exchange.path, exchange.peer, said):
                await handle(exchange)

        return traced

    def end(self, name: str, status: int, code: str, facts: Mapping[str, object]) -> None:
        """Say what the current request was answered, as `OnEnd` has it."""
        end_http(trace.get_current_span(), name, status, code, facts)
