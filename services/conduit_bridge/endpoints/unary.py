"""An HTTP route bound to its RPC; everything static is computed at start-up."""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from urllib.parse import parse_qsl

import grpc
import msgspec
import structlog
from google.protobuf.message import Message

from conduit.v1.http_runtime import Route
from conduit.v1.options_pb2 import ACCESS_VIRTUAL_KEY, Dialect
from conduit_bridge.errors import error_for
from conduit_bridge.metrics import RouteCounts
from conduit_bridge.request_metadata import Metadata, credentials_of, metadata_of
from conduit_bridge.routes import Params
from conduit_kernel.administrators import token_of
from conduit_kernel.auth import MASTER_KEY_HEADER, Authorizer, Principal
from conduit_kernel.errors import (
    ConduitError,
    InvalidRequest,
    VirtualKeyMissing,
)
from conduit_kernel.http import Exchange, Field, Fields, Request, field_lines
from conduit_kernel.rpc import until_connected

MAX_QUERY_FIELDS = 100
# For a service that is not there. Many clients wait for 5 s at most.
PATIENCE_SECONDS = 4.0
# Of reads, which gRPC itself makes again for two seconds more.
READING_PATIENCE_SECONDS = 2.0


class Backend(NamedTuple):
    """A service as the bridge reaches it: in this process or another one.

    - `name`, such as `registry`, is the service's name to callers.
    - `stub` has the RPCs of the contract as methods: `await stub.Rpc(request, metadata=,
      timeout=)` for one answer; for a stream an async generator, or a call of grpc.aio.
      They raise ConduitError or grpc.RpcError.
    - `timeout` bounds calls with one answer, in seconds; None where the service itself does.
    """

    name: str
    stub: Any
    timeout: float | None
    # Where the service may be starting just now: calls wait a moment for it.
    channel: grpc.aio.Channel | None = None
    # In this process: it is told who calls, rather than shown credentials.
    is_local: bool = False


class Outcome(msgspec.Struct, frozen=True):
    """The end of a request, for the log and the metrics."""

    status: int
    # The reason of the error; empty if there was none.
    code: str = ""


GONE = Outcome(499, "CALLER_GONE")


class Edge(NamedTuple):
    """The parts that all routes of a bridge share."""

    authorizer: Authorizer
    # Set when the process stops, which ends sessions and watches.
    stopping: asyncio.Event
    # Events are never silent for longer.
    heartbeat_seconds: float
    # As metadata: what other services believe the bridge by.
    vouched_by: Metadata = ()
    # Otherwise the services themselves judge the tokens of administrators.
    knows_administrators: bool = True
    # Otherwise callers of Responses are told to send them by POST.
    has_response_sockets: bool = True
    # As metadata: the trace that a request is of. None where nothing is traced.
    propagated: Callable[[], Metadata] | None = None


class RequestContext(msgspec.Struct, frozen=True):
    """A request on its way: what its endpoint needs beside the route."""

    exchange: Exchange
    params: Params
    request_id: str
    # What every answer to this request carries, as lines of a head.
    lines: bytes


NOT_GUESSED: Field = (b"x-content-type-options", b"nosniff")
NOT_KEPT: Field = (b"cache-control", b"no-store")


class Endpoint(ABC):
    """Serves one path with one method."""

    counts: RouteCounts
    # Who is named when a call fails.
    service: str = "bridge"
    # Decides the shape of errors.
    dialect: Dialect.ValueType
    # Zero for the server's default.
    max_body_bytes: int = 0
    # Whether the body is read as it comes, from `Exchange.body_stream`.
    streams_body: bool = False
    # Of answers to operators, some of which show what is shown once: what browsers make of them.
    guard: Fields = (NOT_GUESSED, NOT_KEPT)

    @abstractmethod
    async def serve(self, context: RequestContext) -> Outcome:
        """Answer. What is raised while nothing was sent becomes the answer."""

    def judge_head(self, request: Request) -> None:  # noqa: B027 - most have nothing to judge by
        """Raise what is wrong with a request whose body is still to come, if that is known."""

    def choose(self, exchange: Exchange) -> "Endpoint":
        """Return the endpoint that a request means, where several share a path."""
        return self


class RouteEndpoint(Endpoint):
    """Calls the RPC of a route."""

    def __init__(self, route: Route, backend: Backend, counts: RouteCounts, edge: Edge) -> None:
        """Bind a route to its service."""
        self.counts = counts
        self.dialect = route.dialect
        self.max_body_bytes = route.max_body_bytes
        self._route = route
        self.service = backend.name
        self.call = getattr(backend.stub, route.rpc)
        self._timeout = backend.timeout
        self.channel = backend.channel
        self.patience = READING_PATIENCE_SECONDS if route.verb == "GET" else PATIENCE_SECONDS
        self.authorize = edge.authorizer.bind(f"/conduit.v1.{route.service}/{route.rpc}")
        self._is_local = backend.is_local
        # Of virtual keys the Router alone knows; where it is elsewhere, it authorizes them.
        self._is_authorized_here = backend.is_local or route.access != ACCESS_VIRTUAL_KEY
        self._passes_tokens = not edge.knows_administrators and not backend.is_local
        self._vouched_by = edge.vouched_by
        self._propagated = edge.propagated
        self.write = route.write
        self._report = route.write_report
        # As lines of a head, like all that is known before.
        self.media = _media_lines(route.media_type)
        self.done = Outcome(route.success_status)

    def judge_head(self, request: Request) -> None:
        """Authorize a caller whose body is still to come, as far as the bridge can."""
        if self._is_judged_here(request):
            self.principal_of(request)
        else:
            _check_bearer(request)

    def admit(self, context: RequestContext) -> dict[str, Any]:
        """Authorize; return the caller's metadata for the stub. Raises what is wrong with them."""
        exchange = context.exchange
        if self._is_judged_here(exchange):
            principal = self.principal_of(exchange)
            if self._is_local:
                return {"principal": principal, "request_id": context.request_id}
        traced = () if self._propagated is None else self._propagated()
        said = metadata_of(exchange, context.request_id, self._vouched_by, traced)
        return {"metadata": said}

    def _is_judged_here(self, request: Request) -> bool:
        if self._is_authorized_here and self._passes_tokens:
            found = credentials_of(request)
            shows_token = bool(token_of(found.get("authorization", "")))
            return MASTER_KEY_HEADER in found or not shows_token
        return self._is_authorized_here

    def principal_of(self, request: Request) -> Principal:
        """Return who calls. Raises what is wrong with their credentials."""
        return self.authorize(credentials_of(request), request.peer)

    def request_of(self, context: RequestContext) -> Message:
        """Read the request message. Raises what is wrong with the request."""
        exchange = context.exchange
        query, read = query_of(exchange), self._route.read
        assert read is not None  # noqa: S101 # what takes forms alone is read before it comes here
        request: Message = read(context.params, query, exchange.fields, exchange.body)
        return request

    def lines_of(self, first: Message) -> bytes:
        """Return the head lines of an answer that is, or begins with, this message."""
        media = self.media
        if self._route.media_type_of is not None:
            media = _media_lines(self._route.media_type_of(first)) or media
        return media + self._report(first)

    def told(self, problem: Exception, request_id: str) -> ConduitError:
        """Return what the caller may know of a failure; the log gets the rest."""
        error = tell(problem, self.service, request_id)
        error.metadata.setdefault("request_id", request_id)
        return error


class UnaryEndpoint(RouteEndpoint):
    """One request, one answer."""

    async def serve(self, context: RequestContext) -> Outcome:
        """Call, and send the answer in one piece."""
        exchange = context.exchange
        caller = self.admit(context)
        request = self.request_of(context)
        if self.channel is not None:
            await until_connected(self.channel, self.patience)
        answer = await self.call(request, timeout=self._timeout, **caller)
        body = self.write(answer)
        exchange.respond(self.done.status, (), body, context.lines + self.lines_of(answer))
        return self.done


def tell(problem: Exception, service: str, request_id: str) -> ConduitError:
    """Return what callers may know of any exception; log those that nobody foresaw."""
    error = error_for(problem, service)
    if error is not None:
        return error
    structlog.get_logger("bridge").error("request_failed", request_id=request_id, exc_info=problem)
    return ConduitError("Conduit failed in a way it did not foresee", request_id=request_id)


def _check_bearer(request: Request) -> None:
    scheme, _, key = credentials_of(request).get("authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not key.strip():
        raise VirtualKeyMissing("This call wants a virtual key", header="Authorization")


def _media_lines(media_type: bytes | None) -> bytes:
    return field_lines(((b"content-type", media_type),)) if media_type else b""


def query_of(exchange: Exchange) -> Sequence[tuple[str, str]]:
    """Return the parameters. InvalidRequest if there are too many, or the body is compressed."""
    if b"content-encoding" in exchange.fields:
        _refuse_coding(exchange.fields[b"content-encoding"])
    if not exchange.query:
        return ()
    try:
        found = parse_qsl(exchange.query, keep_blank_values=True, max_num_fields=MAX_QUERY_FIELDS)
    except ValueError as error:
        message = f"The query has more than {MAX_QUERY_FIELDS} parameters"
        raise InvalidRequest(message, field="query") from error
    # OpenAI's SDKs write the names of lists so.
    return [(name.removesuffix("[]"), value) for name, value in found]


def _refuse_coding(coding: bytes) -> None:
    if coding.strip().lower() not in {b"", b"identity"}:
        message = "The body is compressed, which is not understood here; send it plain"
        raise InvalidRequest(message, field="content-encoding")
