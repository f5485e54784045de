"""What the bridge answers itself: how it is, what it counted, what it can do."""

from collections.abc import Awaitable, Callable, Sequence

import orjson

from conduit.v1.options_pb2 import DIALECT_ADMIN
from conduit_bridge.endpoint import Endpoint, Outcome, Visit
from conduit_bridge.exposition import CONTENT_TYPE, Exposition
from conduit_bridge.metrics import Metrics, RouteCounts
from conduit_bridge.problems import JSON_FIELD
from conduit_kernel.http import Answer, Field

Render = Callable[[], Awaitable[Answer]]
Readiness = Callable[[], Awaitable[Sequence[str]]]
"""Returns why requests cannot be served now; nothing if they can."""

_TEXT: Field = (b"content-type", b"text/plain; charset=utf-8")
_FRESH: Field = (b"cache-control", b"no-store")
WELCOME = b"""Conduit: one API in front of every AI provider.

/v1           OpenAI's API; base_url of any OpenAI SDK
/api          the admin API
/openapi.json what both of them take and answer
/health/live /health/ready /metrics
"""


class Page(Endpoint):
    """Answers without any service."""

    def __init__(self, counts: RouteCounts, render: Render) -> None:
        """Take where to count and what to answer."""
        self.counts = counts
        self.dialect = DIALECT_ADMIN
        self._render = render

    async def serve(self, visit: Visit) -> Outcome:
        """Answer what there is to say now."""
        status, fields, body = await self._render()
        visit.exchange.respond(status, fields, body, visit.lines)
        return Outcome(status)


def pages(
    metrics: Metrics, *, readiness: Readiness, exposition: Exposition, openapi: bytes
) -> list[Page]:
    """Return all pages, for GET."""

    async def live() -> Answer:
        return 200, (JSON_FIELD, _FRESH), b'{"status":"live"}'

    async def ready() -> Answer:
        reasons = await readiness()
        if reasons:
            body = orjson.dumps({"status": "not ready", "reasons": reasons})
            return 503, (JSON_FIELD, _FRESH), body
        return 200, (JSON_FIELD, _FRESH), b'{"status":"ready"}'

    async def numbers() -> Answer:
        return 200, ((b"content-type", CONTENT_TYPE), _FRESH), exposition.render()

    async def document() -> Answer:
        return 200, (JSON_FIELD,), openapi

    async def welcome() -> Answer:
        return 200, (_TEXT,), WELCOME

    renders: dict[str, Render] = {
        "/": welcome,
        "/health/live": live,
        "/health/ready": ready,
        "/metrics": numbers,
        "/openapi.json": document,
    }
    return [Page(metrics.add("GET", path), render) for path, render in renders.items()]
