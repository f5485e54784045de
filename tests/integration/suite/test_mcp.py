"""MCP servers from the operator's hands to a caller's: registered, granted, asked, and guarded."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from tests.support.scripted_upstream import EVENTS, JSON, ScriptedUpstream, serve
from tests.support.suite import Suite, running_suite

from conduit_kernel.http import Exchange

pytestmark = pytest.mark.asyncio(loop_scope="module")

Json = dict[str, Any]
SECRET = "Bearer of-the-operator"
CALLED: Json = {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": {"name": "add"}}


class _Server:
    """Answers each message with its method, and keeps the headers that it got."""

    def __init__(self) -> None:
        self.headers: list[dict[bytes, bytes]] = []

    async def __call__(self, exchange: Exchange) -> None:
        self.headers.append(dict(exchange.fields))
        said = json.loads(exchange.body or b"{}")
        result = {"method": said.get("method")}
        body = json.dumps({"jsonrpc": "2.0", "id": said.get("id"), "result": result})
        fields = [*JSON, (b"mcp-session-id", b"theirs"), (b"set-cookie", b"a=b")]
        exchange.respond(200, fields, body.encode())


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def served(suite: Suite) -> AsyncIterator[tuple[ScriptedUpstream, _Server]]:
    """Run a server, which all keys may use one tool of."""
    server = _Server()
    async with serve(server) as upstream:
        body = {
            "name": "tools",
            "url": f"{upstream.url}/mcp",
            "headers": {"Authorization": SECRET},
            "grants": [{"tools": ["add"]}],
            "timeout": "5s",
        }
        made = await suite.call("POST", "/api/mcp-servers", body)
        assert SECRET not in json.dumps(made)
        assert (made["headerNames"], made["timeout"]) == (["authorization"], "5s")
        await suite.settled()
        yield upstream, server


async def _post(suite: Suite, body: object, key: str = "", **headers: str) -> httpx.Response:
    own = {"authorization": f"Bearer {key or suite.virtual_key}"}
    names = {name.replace("_", "-"): value for name, value in headers.items()}
    async with httpx.AsyncClient(base_url=suite.url, timeout=20) as client:
        return await client.post("/mcp/tools", json=body, headers=own | names)


async def _key(suite: Suite, name: str, **fields: object) -> tuple[str, int]:
    made = await suite.call("POST", "/api/virtual-keys", {"name": name, **fields})
    await suite.settled()
    return str(made["key"]), int(made["id"])


async def test_a_message_reaches_its_server(
    suite: Suite, served: tuple[ScriptedUpstream, _Server]
) -> None:
    """With the operator's headers, and none of the caller's."""
    answer = await _post(
        suite, CALLED, cookie="a=b", x_api_key="condt_x", x_forwarded_for="10.0.0.1"
    )
    assert answer.json()["result"] == {"method": "tools/call"}
    assert "set-cookie" not in answer.headers
    # No session begins but with initialize.
    assert "mcp-session-id" not in answer.headers
    got = served[1].headers[-1]
    assert got[b"authorization"] == SECRET.encode()
    assert not got.keys() & {b"cookie", b"x-api-key", b"x-forwarded-for"}
    assert b"condt_" not in b"".join(got.values())


async def test_what_is_repeated_of_the_headers_is_covered(suite: Suite) -> None:
    """In JSON and in events; also where a piece of them ends inside of it."""
    token, ways = "of-the-operator-7", [True, False]

    async def repeat(exchange: Exchange) -> None:
        said = dict(exchange.fields)[b"authorization"].decode()
        result = {"jsonrpc": "2.0", "id": 1, "result": {"content": [said, f"{said} {token}"]}}
        if not ways.pop():
            exchange.respond(200, JSON, json.dumps(result).encode())
            return
        out = exchange.start(200, EVENTS)
        for piece in f"data: {json.dumps(result)}\n\n".encode().split(b"operator"):
            out.write(piece + b"operator" * (not piece.endswith(b"\n")))
            await out.drain()
        out.finish()

    async with serve(repeat) as upstream:
        headers = {"Authorization": f"Bearer {token}"}
        body = {"name": "repeating", "url": upstream.url, "headers": headers}
        await suite.call("POST", "/api/mcp-servers", body | {"grants": [{"tools": ["*"]}]})
        await suite.settled()
        async with suite.caller() as caller:
            for _ in tuple(ways):
                answer = await caller.post("/mcp/repeating", json=CALLED)
                assert answer.text.count("[redacted]") == 3, answer.text
                assert token not in answer.text


async def test_sessions_belong_to_the_key_that_began_them(
    suite: Suite, served: tuple[ScriptedUpstream, _Server]
) -> None:
    """Whoever else shows its id is told that there is none; its owner ends it."""
    began = await _post(suite, {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {}})
    session = began.headers["mcp-session-id"]
    assert session != "theirs"
    ok = await _post(suite, CALLED, mcp_session_id=session)
    assert ok.status_code == httpx.codes.OK
    assert served[1].headers[-1][b"mcp-session-id"] == b"theirs"
    other, _ = await _key(suite, "other of sessions")
    for key, shown in ((other, session), ("", "theirs"), ("", "x" * 1999)):
        refused = await _post(suite, CALLED, key, mcp_session_id=shown)
        assert refused.status_code == httpx.codes.NOT_FOUND
        assert refused.json()["error"]["code"] == "mcp_session_not_found"
    async with suite.caller() as client:
        for status in (httpx.codes.NO_CONTENT, httpx.codes.NO_CONTENT):
            ended = await client.delete("/mcp/tools", headers={"mcp-session-id": session})
            assert ended.status_code == status
        without = await client.delete("/mcp/tools")
        assert without.status_code == httpx.codes.BAD_REQUEST


async def test_grants_decide_who_may_call_what(
    suite: Suite, served: tuple[ScriptedUpstream, _Server]
) -> None:
    """By key and by group; a change is in force with the next message."""
    group = await suite.call("POST", "/api/virtual-key-groups", {"name": "of tools"})
    mine, number = await _key(suite, "by its own grant")
    grouped, _ = await _key(suite, "by its group", groupId=group["id"])
    listed = await suite.call("GET", "/api/mcp-servers")
    (server,) = [each for each in listed["mcpServers"] if each["name"] == "tools"]
    before = server["grants"]
    path = f"/api/mcp-servers/{server['id']}"
    grants = [
        {"virtualKeyId": number, "tools": ["write_*"]},
        {"groupId": group["id"], "tools": ["*"]},
    ]
    await suite.call("PATCH", path, {"grants": grants})
    write = CALLED | {"params": {"name": "write_it"}}
    reading = {"jsonrpc": "2.0", "id": 1, "method": "resources/read", "params": {"uri": "a"}}
    assert "result" in (await _post(suite, write, mine)).json()
    assert "error" in (await _post(suite, CALLED, mine)).json()
    assert "error" in (await _post(suite, reading, mine)).json()
    assert "result" in (await _post(suite, reading, grouped)).json()
    nobody = await _post(suite, CALLED)
    assert (nobody.status_code, nobody.json()["error"]["code"]) == (404, "mcp_server_not_found")
    await suite.call("PATCH", path, {"isEnabled": False})
    assert (await _post(suite, write, mine)).status_code == httpx.codes.NOT_FOUND
    await suite.call("PATCH", path, {"isEnabled": True, "grants": before})
    assert served[1].headers


async def test_calls_of_tools_count_as_requests(
    suite: Suite, served: tuple[ScriptedUpstream, _Server]
) -> None:
    """What else the protocol says does not."""
    key, _ = await _key(suite, "limited for tools", limits={"requestsPerMinute": 1})
    ping = {"jsonrpc": "2.0", "id": 1, "method": "ping"}
    told = [(await _post(suite, each, key)).status_code for each in (ping, CALLED, ping, CALLED)]
    assert told == [200, 200, 200, 429]
    assert served[1].headers


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ([CALLED], 400),
        ({"id": 1}, 400),
        ("text", 400),
        (CALLED | {"Method": "tools/call"}, 400),
        ({"jsonrpc": "2.0", "id": 1, "method": "x" * 101}, 400),
        (CALLED | {"params": {"name": "add", "a": "x" * 5_000_000}}, 413),
    ],
)
async def test_messages_are_bounded_and_right(
    suite: Suite, served: tuple[ScriptedUpstream, _Server], body: object, status: int
) -> None:
    """Or no server sees them."""
    before = len(served[1].headers)
    assert (await _post(suite, body)).status_code == status
    assert len(served[1].headers) == before


async def test_a_gateway_that_is_its_own_server_ends(suite: Suite) -> None:
    """After three rounds, and not when everything is used up."""
    headers = {"authorization": f"Bearer {suite.virtual_key}"}
    body = {"name": "round", "url": f"{suite.url}/mcp/round", "headers": headers}
    await suite.call("POST", "/api/mcp-servers", body | {"grants": [{"tools": ["*"]}]})
    await suite.settled()
    async with suite.caller() as caller:
        answer = await caller.post("/mcp/round", json=CALLED)
        assert answer.status_code >= 500
        again = await caller.post("/mcp/round", json=CALLED, headers={"x-conduit-hops": "3"})
        assert again.json()["error"]["code"] == "loop_detected"


async def test_strangers_are_refused(suite: Suite) -> None:
    """And whoever names a server that is none, however."""
    async with httpx.AsyncClient(base_url=suite.url) as client:
        assert (await client.post("/mcp/tools", json=CALLED)).status_code == 401
        assert (await client.get("/api/mcp-servers")).status_code == 401
    async with suite.caller() as caller:
        for path in ("/mcp/none", "/mcp/..%2Fapi", "/mcp/tools/x", "/mcp/TOOLS"):
            assert (await caller.post(path, json=CALLED)).status_code == 404
        assert (await caller.head("/mcp/tools")).status_code == 405


@pytest.mark.parametrize(
    "body",
    [
        {"name": "x", "command": "npx", "args": ["-y", "server"]},
        {"name": "x", "url": "stdio://npx"},
        {"name": "x", "url": "https://a.example/mcp", "transport": "stdio"},
        {"name": "x", "url": "https://a.example/mcp", "grants": [{"tools": []}]},
        {"name": "X y", "url": "https://a.example/mcp"},
    ],
)
async def test_no_command_is_registered(suite: Suite, body: Json) -> None:
    """Only what speaks HTTP."""
    async with suite.admin() as admin:
        refused = await admin.post("/api/mcp-servers", json=body)
    assert refused.status_code == httpx.codes.BAD_REQUEST


async def test_private_addresses_are_guarded(tmp_path: Path) -> None:
    """When a server is registered, and again when it is asked, as names may change."""
    async with (
        running_suite(tmp_path, allow_private_addresses=False) as suite,
        suite.admin() as admin,
    ):
        for url in ("http://127.0.0.1:1/mcp", "http://169.254.169.254/", "http://localhost/mcp"):
            refused = await admin.post("/api/mcp-servers", json={"name": "x", "url": url})
            assert refused.json()["code"] == "ADDRESS_NOT_ALLOWED"
