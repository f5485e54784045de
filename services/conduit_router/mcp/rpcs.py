"""The RPCs that carry messages between callers and MCP servers."""

from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import NamedTuple

import msgspec

from conduit.v1 import mcp_requests_pb2 as pb
from conduit_kernel.ended_call import ENDED_CALL
from conduit_kernel.errors import InvalidRequest, StreamInterrupted, UpstreamError
from conduit_kernel.http import HttpClient, HttpError, Response
from conduit_kernel.limits import check_length
from conduit_kernel.secrets import Vault
from conduit_kernel.snapshot import SnapshotState
from conduit_providers.codecs.shared.sse import EventBuffer
from conduit_providers.failures import malformed
from conduit_router.calls.runtime import CallRuntime
from conduit_router.context import CallerContext
from conduit_router.mcp.messages import (
    CALL,
    INITIALIZE,
    McpMessage,
    events_shown_to,
    read_message,
    refusal_of,
    shown_to,
)
from conduit_router.mcp.servers import Allowed, McpServer, McpServers
from conduit_router.mcp.sessions import McpSessions
from conduit_router.mcp.upstream import (
    EVENTS,
    JSON,
    MAX_ANSWER_BYTES,
    Context,
    McpUpstream,
    media_type_of,
    new_session,
    raise_failed,
)
from conduit_router.routing.maintenance import check_maintenance
from conduit_router.spending.purse import Needs

_ACCEPTED, _OK = 202, 200
Messages = AsyncGenerator[pb.SendMcpMessageResponse, None]


class _Asked(NamedTuple):
    """A server that a caller may ask, and what it is asked in."""

    server: McpServer
    allowed: Allowed
    context: Context


class McpRpcs:
    """Sends callers' messages on, within what their virtual keys may use."""

    def __init__(
        self,
        runtime: CallRuntime,
        state: SnapshotState,
        vault: Vault,
        client: HttpClient,
    ) -> None:
        """Take what counts calls, the configuration, what opens its secrets, and the way there.

        The client goes to guarded addresses alone.
        """
        self._runtime = runtime
        self._servers = McpServers(state, vault)
        self._sessions = McpSessions(vault, runtime.clock)
        self._upstream = McpUpstream(client)

    async def SendMcpMessage(
        self, request: pb.SendMcpMessageRequest, caller: CallerContext
    ) -> Messages:
        """Yield the answer to a message: JSON in one piece, events as they come."""
        asked, message = self._asked(request, caller), read_message(request.message)
        _note(caller, asked.server, message.method, message.tool)
        if (refusal := refusal_of(message, asked.allowed)) is not None:
            yield pb.SendMcpMessageResponse(status=_OK, content_type=JSON, data=refusal)
            return
        owner = caller.caller.virtual_key_id
        if message.tool or message.method == INITIALIZE:
            # What belongs to calls under way goes on.
            check_maintenance(self._runtime.table, self._runtime.wall_clock())
        if message.method == INITIALIZE:
            if asked.context.session_id:
                message_text = "initialize begins a session, and belongs to none"
                raise InvalidRequest(message_text, field="mcp-session-id")
            self._sessions.check(owner)
        async with self._counted(caller, message):
            response = await self._upstream.send(asked.server, message.text, asked.context)
            try:
                first = self._head(response, asked, message, owner)
                async for answer in self._answer(response, asked, first):
                    yield answer
            finally:
                response.close()

    async def ListenMcp(
        self, request: pb.ListenMcpRequest, caller: CallerContext
    ) -> AsyncGenerator[pb.ListenMcpResponse, None]:
        """Yield what a server says by itself, as events."""
        asked = self._asked(request, caller)
        check_length(request, "last_event_id")
        _note(caller, asked.server, "listen", "")
        with self._runtime.under_way.one_of(caller.caller.virtual_key_id):
            response = await self._upstream.listen(
                asked.server, asked.context, request.last_event_id
            )
            try:
                if media_type_of(response.headers) != EVENTS:
                    raise malformed(asked.server.name, "it is no stream of events")
                yield pb.ListenMcpResponse(content_type=EVENTS)
                async for data in _events(response, asked):
                    yield pb.ListenMcpResponse(data=data)
            finally:
                response.close()

    async def EndMcpSession(
        self, request: pb.EndMcpSessionRequest, caller: CallerContext
    ) -> pb.EndMcpSessionResponse:
        """End a session of the caller's."""
        asked = self._asked(request, caller)
        if not asked.context.session_id:
            raise InvalidRequest("mcp-session-id is missing", field="mcp-session-id")
        owner = caller.caller.virtual_key_id
        _note(caller, asked.server, "end", "")
        with self._runtime.under_way.one_of(owner):
            await self._upstream.end(asked.server, asked.context)
        self._sessions.end(owner, request.session_id)
        return pb.EndMcpSessionResponse()

    def _asked(
        self,
        request: pb.SendMcpMessageRequest | pb.ListenMcpRequest | pb.EndMcpSessionRequest,
        caller: CallerContext,
    ) -> _Asked:
        """Return whom a request is for. A NotFound if that is nobody for this caller."""
        for name in ("server", "session_id", "protocol_version"):
            check_length(request, name)
        server, allowed = self._servers.find(request.server, caller.caller)
        session_id = ""
        if request.session_id:
            owner = caller.caller.virtual_key_id
            session_id = self._sessions.opened(owner, server.id, request.session_id)
        return _Asked(server, allowed, Context(session_id, request.protocol_version, request.hops))

    @asynccontextmanager
    async def _counted(self, caller: CallerContext, message: McpMessage) -> AsyncIterator[None]:
        """Count a message among the calls under way; one that calls a tool is a request, too."""
        own, runtime, reserved = caller.caller, self._runtime, None
        with runtime.under_way.one_of(own.virtual_key_id):
            if message.method == CALL and own.usage is not None:
                needs = Needs(0, 1)
                reserved = await runtime.reserver.take(own, own.usage, needs, runtime.limits.total)
            try:
                yield
            finally:
                if reserved is not None:
                    reserved.end()

    def _head(
        self, response: Response, asked: _Asked, message: McpMessage, owner: int
    ) -> pb.SendMcpMessageResponse:
        """Return the first message of an answer, without its bytes."""
        if response.status == _ACCEPTED or message.id is None:
            return pb.SendMcpMessageResponse(status=_ACCEPTED)
        kind = media_type_of(response.headers)
        if kind not in {EVENTS, JSON}:
            raise malformed(asked.server.name, "it is neither JSON nor events")
        first = pb.SendMcpMessageResponse(status=_OK, content_type=kind)
        if message.method == INITIALIZE and (began := new_session(response.headers)):
            first.session_id = self._sessions.sealed(owner, asked.server.id, began)
        return first

    async def _answer(
        self, response: Response, asked: _Asked, first: pb.SendMcpMessageResponse
    ) -> Messages:
        if first.content_type == JSON:
            first.data = await _whole(response, asked)
        yield first
        if first.content_type == EVENTS:
            async for data in _events(response, asked):
                yield pb.SendMcpMessageResponse(data=data)


async def _whole(response: Response, asked: _Asked) -> bytes:
    """Return a whole answer as the caller sees it. UpstreamError if it breaks off, or is none."""
    try:
        text = await response.read(MAX_ANSWER_BYTES)
    except HttpError as error:
        raise_failed(error, asked.server)
    try:
        return shown_to(text, asked.allowed)
    except msgspec.DecodeError as error:
        raise malformed(asked.server.name, "it is not JSON") from error


async def _events(response: Response, asked: _Asked) -> AsyncIterator[bytes]:
    """Yield whole events as the caller sees them. StreamInterrupted if they break off."""
    name = asked.server.name
    buffer = EventBuffer(name)
    try:
        while data := await response.next():
            if block := buffer.feed(data):
                yield events_shown_to(block, asked.allowed)
    except HttpError as error:
        message = f"The stream from the MCP server {name} broke off"
        raise StreamInterrupted(message, provider=name) from error
    except (msgspec.DecodeError, UpstreamError) as error:
        message = f"The MCP server {name} sent an event that makes no sense"
        raise StreamInterrupted(message, provider=name) from error


def _note(caller: CallerContext, server: McpServer, method: str, tool: str) -> None:
    """Leave for the line of the request who asked for what."""
    facts: Mapping[str, object] = {
        "mcp_server": server.name,
        "mcp_method": method or "response",
        "virtual_key_id": caller.caller.virtual_key_id,
    }
    ENDED_CALL.set({**facts, "mcp_tool": tool[:100]} if tool else facts)
