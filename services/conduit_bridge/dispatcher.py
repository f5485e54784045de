"""HTTP request handler: routing, error rendering, metrics, access log."""

import logging
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from structlog.typing import FilteringBoundLogger

from conduit.v1.options_pb2 import DIALECT_ADMIN, DIALECT_ANTHROPIC, Dialect
from conduit_bridge.cors import Cors
from conduit_bridge.endpoints.unary import GONE, Endpoint, Outcome, RequestContext, tell
from conduit_bridge.errors import answer_of, body_of, fields_of, refusal
from conduit_bridge.failure_fields import failure_fields
from conduit_bridge.metrics import RouteCounts
from conduit_bridge.path_hints import PathHints
from conduit_bridge.request_metadata import request_id_of
from conduit_bridge.routes import NO_PARAMS, Params, RouteTable
from conduit_kernel.ended_call import ENDED_CALL
from conduit_kernel.errors import ConduitError, InvalidRequest, MethodNotAllowed
from conduit_kernel.http import Answer, CallerGone, Exchange, Fields, Request, field_lines
from conduit_kernel.http.exchange import OPEN
from conduit_kernel.ids import IdSource
from conduit_kernel.not_found_errors import RouteNotFound

# So much of what a caller wrote may come back in a message.
MAX_QUOTED = 200
# Nothing that is longer is like any path of ours.
MAX_HINTED = 1000
_NO_CONTENT = 204
_NO_FACTS: Mapping[str, Any] = {}
OnEnd = Callable[[str, int, str, Mapping[str, object]], None]


class NotFoundEndpoint(Endpoint):
    """Stands for what has no endpoint, in the log and the metrics."""

    def __init__(self, counts: RouteCounts) -> None:
        """Take where to count."""
        self.counts = counts
        self.dialect = DIALECT_ADMIN
        # Of the paths that there are, once they are known.
        self.hints = PathHints(())

    async def serve(self, context: RequestContext) -> Outcome:
        """Refuse, and say what may have been meant."""
        path = context.exchange.path
        quoted = path if len(path) <= MAX_QUOTED else f"{path[:MAX_QUOTED]}..."
        hint = self.hints.hint(path[:MAX_HINTED])
        if hint is None:
            raise RouteNotFound(f"There is no path {quoted}", path=quoted)
        message = f"There is no path {quoted}: {hint.words}"
        instead = {"instead": hint.path} if hint.path else {}
        raise RouteNotFound(message, path=quoted, **instead)


class PreflightEndpoint(Endpoint):
    """Says which methods a path has; to browsers, also what they may send."""

    def __init__(self, counts: RouteCounts, cors: Cors, allow: str) -> None:
        """Take the methods as the Allow field lists them."""
        self.counts = counts
        self.dialect = DIALECT_ADMIN
        self._cors = cors
        self._allow = allow.encode()

    async def serve(self, context: RequestContext) -> Outcome:
        """Answer without a body."""
        preflight = self._cors.preflight_fields(context.exchange, self._allow)
        context.exchange.respond(
            _NO_CONTENT, [(b"allow", self._allow), *preflight], b"", context.lines
        )
        return Outcome(_NO_CONTENT)


class Dispatcher:
    """Serves all endpoints."""

    def __init__(
        self,
        endpoints: Iterable[Endpoint],
        not_found: NotFoundEndpoint,
        *,
        cors: Cors,
        ids: IdSource,
        clock: Callable[[], float],
        log: FilteringBoundLogger,
        max_body_bytes: int,
        on_end: OnEnd | None = None,
    ) -> None:
        """Take the endpoints; the clock counts seconds from any moment.

        `on_end` is told of each request that was answered: its method and route, status, the code
        of its error, and the facts of its line.
        """
        self._on_end = on_end
        self._table: RouteTable[Endpoint] = RouteTable()
        self._dialects: dict[str, Dialect.ValueType] = {}
        for endpoint in endpoints:
            counts = endpoint.counts
            self._table.add(counts.method, counts.route, endpoint)
            self._dialects.setdefault(_family(counts.route), endpoint.dialect)
        not_found.hints = PathHints(self._table.literals)
        # Most requests go to a path without variables.
        self._literals = self._table.literals
        self._not_found = not_found
        self._cors = cors
        self._ids = ids
        self._clock = clock
        self._log = log
        # Asked once: a line that nobody reads is not worth its words.
        self._is_logged = log.is_enabled_for(logging.INFO)
        self._is_told = self._is_logged or on_end is not None
        self._max_body_bytes = max_body_bytes

    async def handle(self, exchange: Exchange) -> None:
        """Answer a request, whatever becomes of it."""
        started = self._clock()
        request_id = request_id_of(exchange, self._ids)
        # An id has no character that could end its line.
        lines = b"x-request-id: %b\r\n" % request_id.encode()
        if b"origin" in exchange.fields:
            lines += self._cors.lines(exchange)
        endpoint: Endpoint = self._not_found
        counts = endpoint.counts
        outcome = GONE
        counts.under_way += 1
        try:
            endpoint, params = self._find(exchange)
            counts.under_way -= 1
            counts = endpoint.counts
            counts.under_way += 1
            if endpoint.dialect == DIALECT_ANTHROPIC:
                lines += b"request-id: %b\r\n" % request_id.encode()
            elif endpoint.dialect == DIALECT_ADMIN:
                lines += field_lines(endpoint.guard)
            outcome = await endpoint.serve(RequestContext(exchange, params, request_id, lines))
        except CallerGone:
            pass
        except Exception as problem:  # noqa: BLE001 # whatever it is, the caller must be told
            outcome = self._refuse(exchange, endpoint, request_id, lines, problem)
        finally:
            seconds = self._clock() - started
            counts.under_way -= 1
            counts.ended(outcome.status, seconds)
            if self._is_told:
                self._tell(exchange.method, counts.route, outcome, seconds, request_id)

    def body_limit(self, method: str, path: str) -> int:
        """Return the most bytes that the body of such a request may have."""
        endpoint = self._endpoint_at(method, path)
        return (endpoint.max_body_bytes if endpoint else 0) or self._max_body_bytes

    def streams_body(self, method: str, path: str) -> bool:
        """Return whether such a request's body is read as it comes."""
        endpoint = self._endpoint_at(method, path)
        return endpoint is not None and endpoint.streams_body

    def judge_head(self, request: Request) -> Answer | None:
        """Return the refusal of a request whose body is still to come; None to read it."""
        endpoint = self._endpoint_at(request.method, request.path)
        if endpoint is None:
            return None
        try:
            endpoint.judge_head(request)
        except ConduitError as error:
            return self._refuse_head(request, endpoint, error)
        return None

    def _refuse_head(self, request: Request, endpoint: Endpoint, error: ConduitError) -> Answer:
        """Return what a whole request would be answered; count and log it as one."""
        request_id, counts = request_id_of(request, self._ids), endpoint.counts
        error.metadata.setdefault("request_id", request_id)
        status, fields, body = answer_of(error, endpoint.dialect)
        counts.ended(status, 0.0)
        if self._is_told:
            outcome = Outcome(status, error.reason)
            self._tell(request.method, counts.route, outcome, 0.0, request_id)
        own = [(b"x-request-id", request_id.encode())]
        if endpoint.dialect == DIALECT_ANTHROPIC:
            own.append((b"request-id", request_id.encode()))
        elif endpoint.dialect == DIALECT_ADMIN:
            own += endpoint.guard
        report = failure_fields(error, request_id)
        return status, [*fields, *own, *report, *self._cors.fields(request)], body

    def _endpoint_at(self, method: str, path: str) -> Endpoint | None:
        try:
            endpoint, _, _ = self._table.find(path, method)
        except InvalidRequest:
            # It will be told when the body is there.
            return None
        return endpoint

    def failed(self, request: Request, problem: Exception) -> Answer:
        """Answer for a handler that failed itself."""
        error = tell(problem, "bridge", "")
        return answer_of(error, self._dialect_of(request.path))

    def refused(self, status: int, code: str, message: str, path: str) -> tuple[Fields, bytes]:
        """Shape what the HTTP server refuses by itself; the path is empty where it is unknown."""
        error = refusal(status, message)
        body = body_of(error, self._dialect_of(path))
        return [*fields_of(error), *self._cors.blind_fields], body

    def _find(self, exchange: Exchange) -> tuple[Endpoint, Params]:
        known = self._literals.get(exchange.path)
        if known is not None and (found := known.get(exchange.method)) is not None:
            return found[0].choose(exchange), NO_PARAMS
        endpoint, params, verbs = self._table.find(exchange.path, exchange.method)
        if endpoint is not None:
            return endpoint.choose(exchange), params
        if not verbs:
            return self._not_found, NO_PARAMS
        allow = ", ".join(sorted({*verbs, "OPTIONS"}))
        if exchange.method == "OPTIONS":
            return PreflightEndpoint(self._not_found.counts, self._cors, allow), NO_PARAMS
        message = f"{exchange.method} is not a method of this path; it has {allow}"
        raise MethodNotAllowed(message, allow=allow)

    def _refuse(
        self,
        exchange: Exchange,
        endpoint: Endpoint,
        request_id: str,
        lines: bytes,
        problem: Exception,
    ) -> Outcome:
        error = tell(problem, endpoint.service, request_id)
        error.metadata.setdefault("request_id", request_id)
        is_not_found = endpoint is self._not_found
        # In the form that the caller's library reads, whatever it took for the base URL.
        meant = error.metadata.get("instead", exchange.path)
        dialect = self._dialect_of(meant) if is_not_found else endpoint.dialect
        status, fields, body = answer_of(error, dialect)
        # Otherwise the head has left, and the server cuts the connection.
        if exchange.state == OPEN:
            report = failure_fields(error, request_id)
            exchange.respond(status, [*fields, *report], body, lines)
        return Outcome(status, error.reason)

    def _dialect_of(self, path: str) -> Dialect.ValueType:
        return self._dialects.get(_family(path), DIALECT_ADMIN)

    def _tell(
        self, method: str, route: str, outcome: Outcome, seconds: float, request_id: str
    ) -> None:
        facts = ENDED_CALL.get()
        if facts is None:
            facts = _NO_FACTS
        else:
            ENDED_CALL.set(None)
        if self._on_end is not None:
            said = {"request_id": request_id, **facts}
            self._on_end(f"{method} {route}", outcome.status, outcome.code, said)
        if not self._is_logged:
            return
        failure = {"code": outcome.code} if outcome.code else _NO_FACTS
        self._log.info(
            "http_request",
            method=method,
            route=route,
            status=outcome.status,
            ms=round(seconds * 1000, 3),
            **failure,
            **{"request_id": request_id, **facts},
        )


def _family(path: str) -> str:
    return path.split("/", 2)[1] if path.startswith("/") else ""
