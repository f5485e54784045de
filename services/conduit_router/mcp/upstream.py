"""Requests to MCP servers over streamable HTTP.

https://modelcontextprotocol.io/specification/2025-06-18/basic/transports
"""

import re
from typing import NamedTuple, NoReturn

from conduit_kernel.errors import (
    InvalidRequest,
    LoopDetected,
    MethodNotAllowed,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from conduit_kernel.http import (
    ConnectFailed,
    Field,
    Headers,
    HeaderTimeout,
    HttpClient,
    HttpError,
    IdleTimeout,
    Response,
    Timeouts,
    TotalTimeout,
)
from conduit_kernel.not_found_errors import McpSessionNotFound
from conduit_router.context import MAX_HOPS
from conduit_router.mcp.messages import LATEST_VERSION
from conduit_router.mcp.servers import McpServer
from conduit_router.upstream.transport import HOPS

CONNECT_SECONDS = 5.0
# A stream of what a server says by itself may be silent for long.
LISTEN_SECONDS = 3600.0
MAX_ANSWER_BYTES = 16 * 1024 * 1024
EVENTS, JSON = "text/event-stream", "application/json"
_VERSION = re.compile(r"\d{4}-\d{2}-\d{2}", re.ASCII)
_SESSION = re.compile(r"[\x21-\x7e]{1,1000}", re.ASCII)
_EVENT_ID = re.compile(r"[\x20-\x7e]{1,1000}", re.ASCII)
_ACCEPTED, _NOT_FOUND, _NOT_ALLOWED = 202, 404, 405
_OK = range(200, 300)
_USUAL: tuple[Field, ...] = (
    (b"accept", b"application/json, text/event-stream"),
    (b"accept-encoding", b"identity"),
)


class Context(NamedTuple):
    """The session, the version and the hops of a request, beside its message."""

    # The server's own id; empty for none.
    session_id: str = ""
    protocol_version: str = ""
    # How many gateways it has passed.
    hops: int = 0


class McpUpstream:
    """Sends requests by a client that goes to guarded addresses alone."""

    def __init__(self, client: HttpClient) -> None:
        """Take the client."""
        self._client = client

    async def send(self, server: McpServer, text: bytes, context: Context) -> Response:
        """Send a message; return the answer of 2xx, to be closed. UpstreamError for others."""
        own = _own(context)
        fields = (*_USUAL, (b"content-type", b"application/json"), *own, *server.headers)
        timeouts = Timeouts(CONNECT_SECONDS, server.seconds, server.seconds, LISTEN_SECONDS)
        return await self._ask(server, "POST", fields, text, timeouts)

    async def listen(
        self, server: McpServer, context: Context, last_event_id: str = ""
    ) -> Response:
        """Begin to listen; return the stream, to be closed.

        MethodNotAllowed where the server says nothing by itself, UpstreamError if it fails.
        """
        own = _own(context)
        if last_event_id:
            if not _EVENT_ID.fullmatch(last_event_id):
                raise InvalidRequest("last-event-id is none", field="last-event-id")
            own = (*own, (b"last-event-id", last_event_id.encode()))
        fields = ((b"accept", b"text/event-stream"), _USUAL[1], *own, *server.headers)
        timeouts = Timeouts(CONNECT_SECONDS, server.seconds, LISTEN_SECONDS, LISTEN_SECONDS)
        try:
            return await self._ask(server, "GET", fields, b"", timeouts)
        except UpstreamError as error:
            if error.metadata.get("status") != str(_NOT_ALLOWED):
                raise
            # Clients ask no more then.
            message = f"The MCP server {server.name} says nothing by itself"
            raise MethodNotAllowed(message, allow="DELETE, OPTIONS, POST") from error

    async def end(self, server: McpServer, context: Context) -> None:
        """End a session; one that the server does not let end, or has not any more, is over."""
        fields = (*_USUAL, *_own(context), *server.headers)
        timeouts = Timeouts(CONNECT_SECONDS, server.seconds, server.seconds, server.seconds)
        try:
            response = await self._ask(server, "DELETE", fields, b"", timeouts)
        except McpSessionNotFound:
            return
        except UpstreamError as error:
            if error.metadata.get("status") != str(_NOT_ALLOWED):
                raise
        else:
            response.close()

    async def _ask(
        self,
        server: McpServer,
        method: str,
        fields: tuple[Field, ...],
        body: bytes,
        timeouts: Timeouts,
    ) -> Response:
        try:
            response = await self._client.send(
                server.origin, method, server.path, fields, body, timeouts=timeouts
            )
        except HttpError as error:
            raise_failed(error, server)
        if response.status in _OK:
            response.redactor = server.redactor
            return response
        response.close()
        has_session = any(name == b"mcp-session-id" for name, _ in fields)
        if response.status == _NOT_FOUND and has_session:
            message = "The MCP server has no such session any more; begin one with initialize"
            raise McpSessionNotFound(message, mcp_session_id="")
        # What it says may be about the headers that Conduit sent, which are not the caller's.
        status = str(response.status)
        message = f"The MCP server {server.name} answered with status {status}"
        raise UpstreamError(message, provider=server.name, status=status)


def _own(context: Context) -> tuple[Field, ...]:
    if not 0 <= context.hops < MAX_HOPS:
        message = "The message has passed too many gateways, or this one again and again"
        raise LoopDetected(message, hops=str(context.hops))
    found: tuple[Field, ...] = ((HOPS, b"%d" % (context.hops + 1)),)
    if context.session_id:
        found = (*found, (b"mcp-session-id", context.session_id.encode()))
    if protocol_version := context.protocol_version:
        if not _VERSION.fullmatch(protocol_version) or protocol_version > LATEST_VERSION:
            message = f"mcp-protocol-version must be a version up to {LATEST_VERSION}"
            raise InvalidRequest(message, field="mcp-protocol-version")
        found = (*found, (b"mcp-protocol-version", protocol_version.encode()))
    return found


def new_session(headers: Headers) -> str:
    """Return the server's id of the session that begins; empty where none does."""
    value = (headers.get(b"mcp-session-id") or b"").decode("latin-1")
    return value if _SESSION.fullmatch(value) else ""


def media_type_of(headers: Headers) -> str:
    """Return the media type of an answer, without its parameters."""
    value = (headers.get(b"content-type") or b"").decode("latin-1")
    return value.partition(";")[0].strip().lower()


def raise_failed(error: HttpError, server: McpServer) -> NoReturn:
    """Raise what a failure on the way means."""
    name = server.name
    if isinstance(error, HeaderTimeout | IdleTimeout | TotalTimeout):
        message = f"The MCP server {name} did not answer in time"
        raise UpstreamTimeout(message, provider=name) from error
    message = f"The MCP server {name} cannot be reached"
    kind = error.kind if isinstance(error, ConnectFailed) else "reset"
    raise UpstreamUnreachable(message, provider=name, kind=kind) from error
