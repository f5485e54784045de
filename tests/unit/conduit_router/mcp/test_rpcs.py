"""Messages between callers and MCP servers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson
import pytest
from msgspec.structs import replace
from tests.support.call_bench import CALLER, Bench
from tests.support.scripted_upstream import (
    Act,
    ScriptedUpstream,
    answer,
    open_transport,
    serve,
    stream,
)

from conduit.internal.v1.snapshot_pb2 import SnapshotMcpServer
from conduit.v1 import mcp_requests_pb2 as pb
from conduit.v1.mcp_server_pb2 import McpGrant, McpServer
from conduit_kernel.ended_call import ENDED_CALL
from conduit_kernel.errors import InvalidRequest, StreamInterrupted, TooManyCalls, UpstreamError
from conduit_kernel.http import Exchange, HttpClient
from conduit_kernel.not_found_errors import McpSessionNotFound
from conduit_kernel.secrets import Vault
from conduit_kernel.snapshot import SnapshotState
from conduit_router.mcp.rpcs import McpRpcs
from conduit_router.mcp.sessions import MOST_SESSIONS

VAULT = Vault(bytes(range(32)))
TOOLS = {"tools": [{"name": "add"}, {"name": "drop"}]}
LISTED = orjson.dumps({"jsonrpc": "2.0", "id": 1, "result": TOOLS})
DONE = b'{"jsonrpc":"2.0","id":1,"result":{}}'


@asynccontextmanager
async def asking(folder: Path, *acts: Act) -> AsyncIterator[tuple[McpRpcs, ScriptedUpstream]]:
    """Run a server of which all may use one tool, and what asks it."""
    client = HttpClient()
    async with serve(*acts) as upstream, open_transport() as transport:
        bench, state = Bench(folder, transport=transport), SnapshotState()
        grants = [McpGrant(tools=["add"]), McpGrant(virtual_key_id=9, tools=["*"])]
        server = McpServer(id=3, name="t", url=upstream.url, is_enabled=True, grants=grants)
        state.mcp_servers[3] = SnapshotMcpServer(server=server)
        try:
            yield McpRpcs(bench.runtime, state, VAULT, client), upstream
            assert bench.runtime.under_way.count == 0
        finally:
            await client.close()


def _said(method: str, number: object = 1, session: str = "", **params: object) -> Any:  # noqa: ANN401 # a request
    found = {"jsonrpc": "2.0", "id": number, "method": method, "params": params}
    text = orjson.dumps({name: each for name, each in found.items() if each is not None})
    return pb.SendMcpMessageRequest(server="t", message=text, session_id=session)


async def _answers(rpcs: McpRpcs, request: Any) -> list[pb.SendMcpMessageResponse]:  # noqa: ANN401 # as above
    return [each async for each in rpcs.SendMcpMessage(request, CALLER)]


async def _opening(exchange: Exchange) -> None:
    fields = [(b"content-type", b"application/json"), (b"mcp-session-id", b"theirs")]
    exchange.respond(200, fields, DONE)


async def test_json_comes_in_one_piece_and_events_as_they_come(tmp_path: Path) -> None:
    """Of tools those that the caller may use; the line of the request says who asked for what."""
    events = b"event: message\ndata: " + LISTED + b"\n\n"
    acts = answer(LISTED), stream(events[:20], events[20:])
    async with asking(tmp_path, *acts) as (rpcs, _):
        (whole,) = await _answers(rpcs, _said("tools/list"))
        assert (whole.status, whole.content_type) == (200, "application/json")
        assert orjson.loads(whole.data)["result"] == {"tools": [{"name": "add"}]}
        first, *others = await _answers(rpcs, _said("tools/list"))
        assert first.content_type == "text/event-stream"
        assert b"drop" not in b"".join(each.data for each in others)
        facts = ENDED_CALL.get()
        assert facts == {"mcp_server": "t", "mcp_method": "tools/list", "virtual_key_id": 1}
        ENDED_CALL.set(None)


async def test_refused_calls_reach_no_server(tmp_path: Path) -> None:
    """They are answered here."""
    async with asking(tmp_path, answer(DONE)) as (rpcs, upstream):
        (refused,) = await _answers(rpcs, _said("tools/call", name="drop"))
        assert orjson.loads(refused.data)["error"]["code"] == -32602
        assert not upstream.paths
        (done,) = await _answers(rpcs, _said("tools/call", name="add"))
        assert done.data == DONE
        ENDED_CALL.set(None)


async def test_what_asks_for_no_answer_gets_none(tmp_path: Path) -> None:
    """Whatever the server says to it."""
    async with asking(tmp_path, answer(b"", 202), answer(DONE)) as (rpcs, _):
        for _ in range(2):
            (accepted,) = await _answers(rpcs, _said("notifications/initialized", None))
            assert (accepted.status, accepted.data) == (202, b"")
        ENDED_CALL.set(None)


async def test_sessions_are_their_owners(tmp_path: Path) -> None:
    """The server gets its own id of them; nobody else's caller does anything in one."""
    seen: list[bytes | None] = []

    async def note(exchange: Exchange) -> None:
        seen.append(exchange.fields.get(b"mcp-session-id"))
        exchange.respond(200, [(b"content-type", b"application/json")], DONE)

    async with asking(tmp_path, _opening, note) as (rpcs, _):
        (began,) = await _answers(rpcs, _said("initialize"))
        assert began.session_id
        await _answers(rpcs, _said("ping", session=began.session_id))
        assert seen == [b"theirs"]
        other = replace(CALLER, caller=replace(CALLER.caller, virtual_key_id=2))
        ended = pb.EndMcpSessionRequest(server="t", session_id=began.session_id)
        with pytest.raises(McpSessionNotFound):
            await anext(rpcs.SendMcpMessage(_said("ping", session=began.session_id), other))
        with pytest.raises(McpSessionNotFound):
            await rpcs.EndMcpSession(ended, other)
        listening = pb.ListenMcpRequest(server="t", session_id=began.session_id)
        with pytest.raises(McpSessionNotFound):
            await anext(rpcs.ListenMcp(listening, other))
        with pytest.raises(McpSessionNotFound):
            await _answers(rpcs, _said("ping", session="theirs"))
        with pytest.raises(InvalidRequest):
            await _answers(rpcs, _said("initialize", session=began.session_id))
        await rpcs.EndMcpSession(ended, CALLER)
        assert seen == [b"theirs", b"theirs"]
        ENDED_CALL.set(None)


async def test_sessions_of_a_key_are_bounded(tmp_path: Path) -> None:
    """Before the server has another one."""
    async with asking(tmp_path, _opening) as (rpcs, upstream):
        for _ in range(MOST_SESSIONS):
            await _answers(rpcs, _said("initialize"))
        with pytest.raises(TooManyCalls):
            await _answers(rpcs, _said("initialize"))
        assert len(upstream.paths) == MOST_SESSIONS
        ENDED_CALL.set(None)


async def test_listeners_get_events(tmp_path: Path) -> None:
    """Replayed lists of tools are shortened as others are."""
    events = b"id: 1\ndata: " + LISTED + b"\n\n"
    async with asking(tmp_path, stream(events)) as (rpcs, _):
        request = pb.ListenMcpRequest(server="t", last_event_id="0")
        first, *others = [each async for each in rpcs.ListenMcp(request, CALLER)]
        assert first.content_type == "text/event-stream"
        assert b"drop" not in b"".join(each.data for each in others)
    async with asking(tmp_path, answer(DONE)) as (rpcs, _):
        with pytest.raises(UpstreamError):
            await anext(rpcs.ListenMcp(request, CALLER))
        ENDED_CALL.set(None)


@pytest.mark.parametrize(
    "act",
    [
        stream(b"data: {}\n\ndata: {", is_cut=True),
        stream(b'data: {"tools"\n\n'),
        stream(b"data: " + b"x" * (9 * 1024 * 1024)),
    ],
)
async def test_broken_streams_are_failures(tmp_path: Path, act: Act) -> None:
    """Cut, malformed or endless: what came was passed on."""
    async with asking(tmp_path, act) as (rpcs, _):
        with pytest.raises(StreamInterrupted):
            await _answers(rpcs, _said("tools/list"))
        ENDED_CALL.set(None)


@pytest.mark.parametrize("body", [b"<html>", b'{"tools"', b'{"tools": ['])
async def test_answers_that_make_no_sense_are_failures(tmp_path: Path, body: bytes) -> None:
    """Where they would have to be read, and in what they say they are."""

    async def act(exchange: Exchange) -> None:
        kind = b"text/html" if body.startswith(b"<") else b"application/json"
        exchange.respond(200, [(b"content-type", kind)], body)

    async with asking(tmp_path, act) as (rpcs, _):
        with pytest.raises(UpstreamError):
            await _answers(rpcs, _said("tools/list"))
        ENDED_CALL.set(None)


async def test_callers_who_leave_free_their_place(tmp_path: Path) -> None:
    """And let the server know."""
    async with asking(tmp_path, stream(b"data: {}\n\n", is_held=True)) as (rpcs, _):
        messages = rpcs.SendMcpMessage(_said("tools/call", name="add"), CALLER)
        await anext(messages)
        await messages.aclose()
        ENDED_CALL.set(None)
