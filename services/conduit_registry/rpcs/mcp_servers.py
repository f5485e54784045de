"""RPCs about MCP servers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from conduit.v1 import mcp_server_requests_pb2 as pb
from conduit.v1.mcp_server_pb2 import McpServerSpec
from conduit_kernel.pagination import page_of
from conduit_kernel.updates import defaults, select
from conduit_registry import messages
from conduit_registry.configuration.mcp_servers import McpServerEditor
from conduit_registry.patches import McpServerPatch, with_taken_back
from conduit_registry.rpcs.base import Context, RpcBase
from conduit_registry.rules.mcp_servers import mcp_server_defaults, mcp_server_fields
from conduit_registry.store import MCP_SERVER


class McpServerRpcs(RpcBase):
    """Servers of the Model Context Protocol."""

    async def CreateMcpServer(
        self, request: pb.CreateMcpServerRequest, context: Context
    ) -> pb.CreateMcpServerResponse:
        """Add a server."""
        given = await self._checked(request.mcp_server)
        async with self._editing_servers(context) as editor:
            server = await editor.create(given)
        return pb.CreateMcpServerResponse(mcp_server=messages.mcp_server(server))

    async def GetMcpServer(
        self, request: pb.GetMcpServerRequest, context: Context
    ) -> pb.GetMcpServerResponse:
        """Return a server."""
        async with self.parts.store.read() as reading:
            server = await reading.get(MCP_SERVER, request.id)
        return pb.GetMcpServerResponse(mcp_server=messages.mcp_server(server))

    async def ListMcpServers(
        self, request: pb.ListMcpServersRequest, context: Context
    ) -> pb.ListMcpServersResponse:
        """Return a page of servers."""
        page = page_of(request, "mcp_servers")
        async with self.parts.store.read() as reading:
            found = await reading.page(MCP_SERVER, page)
        servers, token = page.cut(found, lambda each: each.id)
        return pb.ListMcpServersResponse(
            mcp_servers=map(messages.mcp_server, servers), next_page_token=token
        )

    async def UpdateMcpServer(
        self, request: pb.UpdateMcpServerRequest, context: Context
    ) -> pb.UpdateMcpServerResponse:
        """Change the given fields of a server."""
        spec, unset = select(request.mcp_server, request.update_mask)
        taken_back = defaults(spec, unset, mcp_server_defaults())
        given = with_taken_back(await self._checked(spec), taken_back)
        async with self._editing_servers(context) as editor:
            server = await editor.update(request.id, given, request.etag)
        return pb.UpdateMcpServerResponse(mcp_server=messages.mcp_server(server))

    async def DeleteMcpServer(
        self, request: pb.DeleteMcpServerRequest, context: Context
    ) -> pb.DeleteMcpServerResponse:
        """Remove a server."""
        async with self._editing_servers(context) as editor:
            await editor.delete(request.id)
        return pb.DeleteMcpServerResponse()

    async def _checked(self, spec: McpServerSpec) -> McpServerPatch:
        """Read a spec. AddressNotAllowed for a URL that is not public, where it has to be."""
        given = mcp_server_fields(spec)
        if url := given.get("url"):
            await self.parts.addresses.check_public(url, "url")
        return given

    @asynccontextmanager
    async def _editing_servers(self, context: Context) -> AsyncIterator[McpServerEditor]:
        async with self.editing(context) as editor:
            yield McpServerEditor(editor.changing, self.parts.keys.vault)
