"""The official MCP SDK as a client, through Conduit, of servers that are made with it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx2
import pytest
import pytest_asyncio
import uvicorn
from mcp import ClientSession
from mcp.client.streamable_http import streamable_http_client
from mcp.server.mcpserver import Context, MCPServer
from mcp.shared.exceptions import MCPError
from tests.support.suite import Suite
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


def _server() -> MCPServer[Any]:
    server: MCPServer[Any] = MCPServer("tools")

    @server.tool()
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @server.tool()
    def delete_all() -> str:
        """Delete everything."""
        return "gone"

    @server.tool()
    async def count(most: int, context: Context[Any, Any]) -> str:
        """Count, and tell how far it is."""
        for number in range(most):
            await context.report_progress(number, most)
        return "done"

    @server.resource("note://secret")
    def secret() -> str:
        """Return what only some may read."""
        return "a secret"

    return server


@asynccontextmanager
async def _serving(kind: str) -> AsyncIterator[str]:
    app = _server().streamable_http_app(
        json_response=kind == "json", stateless_http=kind == "stateless"
    )
    config = uvicorn.Config(app, port=0, log_level="error", lifespan="on")
    running = uvicorn.Server(config)
    task = asyncio.create_task(running.serve())

    async def is_started() -> bool:
        return bool(running.started)

    await eventually(is_started)
    port = running.servers[0].sockets[0].getsockname()[1]
    try:
        yield f"http://127.0.0.1:{port}/mcp"
    finally:
        running.should_exit = True
        await task


@pytest_asyncio.fixture(loop_scope="module", scope="module", params=["events", "json", "stateless"])
async def server(suite: Suite, request: pytest.FixtureRequest) -> AsyncIterator[str]:
    """Register a server that answers in events, in JSON, or without sessions; return its name."""
    name: str = request.param
    async with _serving(name) as url:
        made = await suite.call(
            "POST",
            "/api/mcp-servers",
            {"name": name, "url": url, "grants": [{"tools": ["add", "count"]}]},
        )
        await suite.settled()
        yield name
        await suite.call("DELETE", f"/api/mcp-servers/{made['id']}")


@asynccontextmanager
async def _session(suite: Suite, server: str, key: str = "") -> AsyncIterator[ClientSession]:
    headers = {"authorization": f"Bearer {key or suite.virtual_key}"}
    async with (
        httpx2.AsyncClient(headers=headers, timeout=20) as http,
        streamable_http_client(f"{suite.url}/mcp/{server}", http_client=http) as streams,
        ClientSession(streams[0], streams[1]) as session,
    ):
        await session.initialize()
        yield session


async def test_tools_are_listed_and_called(suite: Suite, server: str) -> None:
    """Those alone that the key may use."""
    async with _session(suite, server) as session:
        listed = await session.list_tools()
        assert {tool.name for tool in listed.tools} == {"add", "count"}
        called = await session.call_tool("add", {"a": 2, "b": 3})
        assert not called.is_error
        assert called.content[0].text == "5"  # type: ignore[union-attr] # a text


async def test_progress_comes_before_the_result(suite: Suite, server: str) -> None:
    """In the stream of the call, where the server answers in events."""
    told: list[float] = []

    async def note(progress: float, total: float | None, message: str | None) -> None:
        assert total == 3
        assert message is None
        told.append(progress)

    async with _session(suite, server) as session:
        called = await session.call_tool("count", {"most": 3}, progress_callback=note)
        assert called.content[0].text == "done"  # type: ignore[union-attr] # a text
    if server == "events":
        assert told == [0, 1, 2]


async def test_other_tools_are_refused(suite: Suite, server: str) -> None:
    """By an error of JSON-RPC, which the SDK raises; so is what is no tool."""
    async with _session(suite, server) as session:
        with pytest.raises(MCPError, match="may not call 'delete_all'"):
            await session.call_tool("delete_all", {})
        with pytest.raises(MCPError, match="tools alone"):
            await session.list_resources()
