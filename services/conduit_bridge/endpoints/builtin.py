"""What the bridge answers itself: how it is, what it counted, what it can do and cannot."""

from collections.abc import Awaitable, Callable, Sequence
from typing import NoReturn

import orjson

from conduit.v1.options_pb2 import DIALECT_ADMIN, DIALECT_OPENAI
from conduit_bridge.compression import Document, compressed
from conduit_bridge.endpoints.unary import NOT_GUESSED, Endpoint, Outcome, RequestContext
from conduit_bridge.endpoints.websocket import NO_CALLS
from conduit_bridge.errors import JSON_FIELD
from conduit_bridge.metrics import Metrics, RouteCounts
from conduit_kernel.errors import NotImplementedYet
from conduit_kernel.exposition import CONTENT_TYPE, Exposition
from conduit_kernel.http import Answer, Field, Request

Render = Callable[[Request], Awaitable[Answer]]
# With the id of the request.
RenderAudited = Callable[[Request, str], Awaitable[Answer]]
Readiness = Callable[[], Awaitable[Sequence[str]]]
"""Returns why requests cannot be served now; nothing if they can."""
Maintenance = Callable[[], str]
"""Returns what callers are told of the maintenance under way; empty for none."""

# Of sessions by WebRTC and SIP, of either protocol: to begin one, to accept, refer, reject, end and
# fork it, to attach to it and to read it. openai 3.57: resources.realtime.calls, resources.live.
CALL_ROUTES = (
    ("POST", "/v1/realtime/calls"),
    ("POST", "/v1/realtime/calls/{call=**}"),
    ("POST", "/v1/live/sessions"),
    ("POST", "/v1/live/sessions/{session=**}"),
    ("GET", "/v1/live/sessions/{session=**}"),
)
_TEXT: Field = (b"content-type", b"text/plain; charset=utf-8")
_FRESH: Field = (b"cache-control", b"no-store")
WELCOME = b"""Conduit: one API in front of every AI provider.

/v1           OpenAI's API; base_url of any OpenAI SDK
/api          the admin API
/console      the console, for browsers
/docs         the documentation, for browsers
/openapi.json what both of them take and answer
/health/live /health/ready /metrics
"""


class BuiltinEndpoint(Endpoint):
    """Answers without any service."""

    # They say themselves how long they are kept.
    guard = (NOT_GUESSED,)

    def __init__(self, counts: RouteCounts, render: Render) -> None:
        """Take where to count and what to answer."""
        self.counts = counts
        self.dialect = DIALECT_ADMIN
        self._render = render

    async def serve(self, context: RequestContext) -> Outcome:
        """Answer what there is to say now."""
        exchange = context.exchange
        status, fields, body = await self._render(exchange)
        exchange.respond(status, fields, body, context.lines)
        return Outcome(status)


class AuditedEndpoint(Endpoint):
    """Answers what the audit log names with the request."""

    # They say themselves how long they are kept.
    guard = (NOT_GUESSED,)

    def __init__(self, counts: RouteCounts, render: RenderAudited) -> None:
        """Take where to count and what to answer."""
        self.counts = counts
        self.dialect = DIALECT_ADMIN
        self._render = render

    async def serve(self, context: RequestContext) -> Outcome:
        """Answer what there is to say now."""
        exchange = context.exchange
        status, fields, body = await self._render(exchange, context.request_id)
        exchange.respond(status, fields, body, context.lines)
        return Outcome(status)


class CallsEndpoint(Endpoint):
    """Refuses sessions whose sound would not come this way."""

    def __init__(self, counts: RouteCounts) -> None:
        """Take where to count."""
        self.counts = counts
        self.dialect = DIALECT_OPENAI

    async def serve(self, context: RequestContext) -> NoReturn:
        """Say what there is instead."""
        raise NotImplementedYet(NO_CALLS, field="path")


def builtin_endpoints(
    metrics: Metrics,
    *,
    readiness: Readiness,
    exposition: Exposition,
    openapi: bytes,
    maintenance: Maintenance = lambda: "",
) -> list[Endpoint]:
    """Return all of these endpoints.

    A gateway under maintenance is ready: its refusals say why, and no other would take calls.
    """

    async def live(_: Request) -> Answer:
        return 200, (JSON_FIELD, _FRESH), b'{"status":"live"}'

    async def ready(_: Request) -> Answer:
        reasons = await readiness()
        if reasons:
            body = orjson.dumps({"status": "not ready", "reasons": reasons})
            return 503, (JSON_FIELD, _FRESH), body
        told = maintenance()
        state = {"status": "ready", "maintenance": told} if told else {"status": "ready"}
        return 200, (JSON_FIELD, _FRESH), orjson.dumps(state)

    async def numbers(request: Request) -> Answer:
        fields = ((b"content-type", CONTENT_TYPE), _FRESH)
        return await compressed((200, fields, await exposition.render()), request)

    async def welcome(_: Request) -> Answer:
        return 200, (_TEXT,), WELCOME

    renders: dict[str, Render] = {
        "/": welcome,
        "/health/live": live,
        "/health/ready": ready,
        "/metrics": numbers,
        "/openapi.json": Document(openapi, JSON_FIELD).answer,
    }
    return [
        *(BuiltinEndpoint(metrics.add("GET", path), render) for path, render in renders.items()),
        *(CallsEndpoint(metrics.add(method, path)) for method, path in CALL_ROUTES),
    ]
