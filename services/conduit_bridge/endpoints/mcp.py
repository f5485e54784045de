"""Messages of the Model Context Protocol over streamable HTTP."""

from typing import Any

from conduit_bridge.endpoints.stream import StreamEndpoint, first_of, let_go
from conduit_bridge.endpoints.unary import Outcome, RequestContext
from conduit_kernel.errors import MethodNotAllowed
from conduit_kernel.http import Fields

EVENTS = "text/event-stream"
_JSON_FIELDS: Fields = ((b"content-type", b"application/json"), (b"cache-control", b"no-store"))
_EVENT_FIELDS: Fields = (
    (b"content-type", b"text/event-stream"),
    (b"cache-control", b"no-cache"),
    # Proxies such as nginx would gather the events otherwise.
    (b"x-accel-buffering", b"no"),
)
_ACCEPTED = 202
_ALLOWED = "DELETE, GET, OPTIONS, POST"


class McpEndpoint(StreamEndpoint):
    """Hands messages on, and answers as the server does: in JSON, in events, or not at all."""

    async def serve(self, context: RequestContext) -> Outcome:
        """Call, and send the answer."""
        exchange = context.exchange
        if exchange.method == "HEAD":
            raise MethodNotAllowed(f"This path has {_ALLOWED}", allow=_ALLOWED)
        call = await self.begin(context)
        try:
            messages = aiter(call)
            first = await first_of(messages)
            if getattr(first, "status", 0) == _ACCEPTED:
                exchange.respond(_ACCEPTED, (), b"", context.lines)
                return Outcome(_ACCEPTED)
            fields = _session(first)
            if first.content_type != EVENTS:
                exchange.respond(200, (*_JSON_FIELDS, *fields), first.data, context.lines)
                return self.done
            stream = exchange.start(200, (*_EVENT_FIELDS, *fields), context.lines)
            return await self.finish(context, stream, self.relay(stream, first, messages))
        finally:
            await let_go(call)


def _session(first: Any) -> Fields:  # noqa: ANN401 # of one of two RPCs
    session_id = getattr(first, "session_id", "")
    return ((b"mcp-session-id", session_id.encode()),) if session_id else ()
