"""The handler of the HTTP server: finds what serves a request, and sees every request off."""

from collections.abc import Callable, Iterable, Mapping

import structlog

from conduit.v1.options_pb2 import DIALECT_ADMIN
from conduit_bridge.caller import request_id_of
from conduit_bridge.cors import Cors
from conduit_bridge.endpoint import GONE, Endpoint, Outcome, Visit, tell
from conduit_bridge.metrics import RouteCounts
from conduit_bridge.problems import answer_of, body_of, fields_of, refusal
from conduit_bridge.route_table import NO_PARAMS, RouteTable
from conduit_kernel.errors import ConduitError, MethodNotAllowed, RouteNotFound
from conduit_kernel.http import CallerGone, Exchange, Fields, Request
from conduit_kernel.ids import IdSource

# So much of what a caller wrote may come back in a message.
MAX_QUOTED = 200
Log = structlog.typing.FilteringBoundLogger


class Lost(Endpoint):
    """Stands for the paths that do not exist, in the log and the metrics."""

    def __init__(self, counts: RouteCounts) -> None:
        self.counts = counts
        self.dialect = DIALECT_ADMIN

    async def serve(self, visit: Visit) -> Outcome:
        """Refuse."""
        path = visit.exchange.path
        quoted = path if len(path) <= MAX_QUOTED else f"{path[:MAX_QUOTED]}..."
        raise RouteNotFound(f"There is no path {quoted}", path=quoted)


class Edge:
    """Serves all endpoints."""

    def __init__(
        self,
        endpoints: Iterable[Endpoint],
        lost: Lost,
        *,
        cors: Cors,
        ids: IdSource,
        clock: Callable[[], float],
        log: Log,
        max_body_bytes: int,
    ) -> None:
        """Take the endpoints; the clock counts seconds, from anywhere."""
        self._table: RouteTable[Endpoint] = RouteTable()
        self._dialects: dict[str, int] = {}
        self._max_body_bytes = max_body_bytes
        for endpoint in endpoints:
            method, route = endpoint.counts.labels
            self._table.add(method, route, endpoint)
            self._dialects.setdefault(_family(route), endpoint.dialect)
        self._lost = lost
        self._cors = cors
        self._ids = ids
        self._clock = clock
        self._log = log
        self._is_logged = log.is_enabled_for(20)

    async def handle(self, exchange: Exchange) -> None:
        """Answer a request, whatever becomes of it."""
        started = self._clock()
        request_id = request_id_of(exchange, self._ids)
        fields = ((b"x-request-id", request_id.encode()), *self._cors.fields(exchange))
        endpoint: Endpoint = self._lost
        outcome = GONE
        ...
