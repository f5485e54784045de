"""Requests to MCP servers: what they get, and what their failures mean."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from tests.support.scripted_upstream import ScriptedUpstream, answer, hang, reset, serve

from conduit_kernel.errors import (
    InvalidRequest,
    LoopDetected,
    MethodNotAllowed,
    UpstreamError,
    UpstreamTimeout,
    UpstreamUnreachable,
)
from conduit_kernel.http import Exchange, Headers, HttpClient, Origin
from conduit_kernel.not_found_errors import McpSessionNotFound
from conduit_router.mcp.servers import McpServer
from conduit_router.mcp.upstream import Context, McpUpstream, media_type_of, new_session

VERSION = "2025-06-18"
IN_SESSION = Context("s1", VERSION)


@pytest_asyncio.fixture
async def upstream() -> AsyncIterator[McpUpstream]:
    """Return what sends requests anywhere."""
    client = HttpClient()
    try:
        yield McpUpstream(client)
    finally:
        await client.close()


def _server(at: ScriptedUpstream, seconds: float = 5.0) -> McpServer:
    port = int(at.url.rpartition(":")[2])
    headers = ((b"authorization", b"Bearer secret"),)
    return McpServer(1, "tools", Origin("http", "127.0.0.1", port), "/mcp", headers, seconds)


async def test_a_server_gets_the_operators_headers_and_the_protocols(
    upstream: McpUpstream,
) -> None:
    """And a session and a version where there are some."""
    got: list[dict[bytes, bytes]] = []

    async def note(exchange: Exchange) -> None:
        got.append(dict(exchange.fields))
        exchange.respond(200, [(b"content-type", b"application/json")], b"{}")

    async with serve(note) as there:
        server = _server(there)
        (await upstream.send(server, b"{}", Context())).close()
        (await upstream.send(server, b"{}", IN_SESSION)).close()
        (await upstream.listen(server, IN_SESSION, "e 7")).close()
        await upstream.end(server, IN_SESSION)
    assert got[0][b"accept"] == b"application/json, text/event-stream"
    assert got[0][b"authorization"] == b"Bearer secret"
    assert not got[0].keys() & {b"mcp-session-id", b"mcp-protocol-version"}
    for each in got[1:]:
        assert each[b"mcp-session-id"] == b"s1"
        assert each[b"mcp-protocol-version"] == VERSION.encode()
    assert got[2][b"last-event-id"] == b"e 7"
    assert {each[b"x-conduit-hops"] for each in got} == {b"1"}


@pytest.mark.parametrize("version", ["x", "2025-06-18\r\nx: y", "2026-07-28", "9999-99-99", "1"])
async def test_other_versions_are_refused(upstream: McpUpstream, version: str) -> None:
    """Before anybody is asked."""
    async with serve(answer(b"{}")) as there:
        with pytest.raises(InvalidRequest):
            await upstream.send(_server(there), b"{}", Context("", version))
        with pytest.raises(InvalidRequest):
            await upstream.listen(_server(there), IN_SESSION, "a\r\nb")
        assert not there.paths


async def test_a_session_that_is_over_is_begun_again(upstream: McpUpstream) -> None:
    """404 says so to those who have one; elsewhere it is a failure like others."""
    async with serve(answer(b"secret words", 404)) as there:
        with pytest.raises(McpSessionNotFound):
            await upstream.send(_server(there), b"{}", IN_SESSION)
        with pytest.raises(UpstreamError, match="status 404"):
            await upstream.send(_server(there), b"{}", Context("", VERSION))
        await upstream.end(_server(there), IN_SESSION)


@pytest.mark.parametrize("status", [301, 400, 401, 403, 500])
async def test_failures_are_told_without_the_servers_words(
    upstream: McpUpstream, status: int
) -> None:
    """They may be about what Conduit sent; a redirect is none that is followed."""
    async with serve(answer(b"bad token: secret", status)) as there:
        with pytest.raises(UpstreamError) as failed:
            await upstream.send(_server(there), b"{}", Context())
    assert "secret" not in failed.value.message
    assert failed.value.metadata == {"provider": "tools", "status": str(status)}


async def test_servers_that_end_no_sessions_are_none_to_blame(upstream: McpUpstream) -> None:
    """405 is what the protocol has for that; anything else is a failure."""
    async with serve(answer(b"", 405), answer(b"", 500)) as there:
        await upstream.end(_server(there), IN_SESSION)
        with pytest.raises(UpstreamError):
            await upstream.end(_server(there), IN_SESSION)


async def test_who_says_nothing_by_itself_is_told_so(upstream: McpUpstream) -> None:
    """So that clients do not ask again and again, as they would after another failure."""
    async with serve(answer(b"", 405), answer(b"", 500)) as there:
        with pytest.raises(MethodNotAllowed):
            await upstream.listen(_server(there), IN_SESSION)
        with pytest.raises(UpstreamError):
            await upstream.listen(_server(there), IN_SESSION)


@pytest.mark.parametrize("hops", [3, 99, -1])
async def test_messages_do_not_go_round(upstream: McpUpstream, hops: int) -> None:
    """A server that is a gateway may lead back here."""
    async with serve(answer(b"{}")) as there:
        with pytest.raises(LoopDetected):
            await upstream.send(_server(there), b"{}", Context(hops=hops))
        assert not there.paths


async def test_silence_is_bounded(upstream: McpUpstream) -> None:
    """By the server's own time."""
    async with serve(hang) as there:
        with pytest.raises(UpstreamTimeout):
            await upstream.send(_server(there, 0.05), b"{}", Context())


async def test_who_is_not_there_cannot_be_reached(upstream: McpUpstream) -> None:
    """As who hangs up."""
    async with serve(reset) as there:
        with pytest.raises(UpstreamUnreachable):
            await upstream.send(_server(there), b"{}", Context())


@pytest.mark.parametrize(
    ("value", "read"), [(b"abc-1", "abc-1"), (b"", ""), (b"a b", ""), (b"x" * 1001, "")]
)
def test_sessions_have_ids_as_the_protocol_wants(value: bytes, read: str) -> None:
    """Any other could be no header again."""
    assert new_session(Headers.of([(b"Mcp-Session-Id", value)])) == read


def test_media_types_are_read_without_parameters() -> None:
    """In any case of letters."""
    headers = Headers.of([(b"content-type", b"Text/Event-Stream; charset=utf-8")])
    assert media_type_of(headers) == "text/event-stream"
    assert media_type_of(Headers.of([])) == ""
