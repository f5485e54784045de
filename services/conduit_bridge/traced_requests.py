"""Spans of HTTP requests, around the handler that answers them."""

from collections.abc import Awaitable, Callable, Mapping

from conduit_kernel.http import Exchange
from conduit_kernel.telemetry.server_spans import HttpSpan, ServerSpans
from conduit_kernel.telemetry.trace_context import CURRENT, propagated

Handler = Callable[[Exchange], Awaitable[None]]


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
            span = self._spans.http(exchange.method, exchange.path, exchange.peer, exchange.fields)
            if span is None:
                await handle(exchange)
                return
            with span:
                await handle(exchange)

        return traced

    def end(self, name: str, status: int, code: str, facts: Mapping[str, object]) -> None:
        """Say what the current request was answered, as `OnEnd` has it."""
        span = CURRENT.get()
        if isinstance(span, HttpSpan):
            span.end(name, status, code, facts)
