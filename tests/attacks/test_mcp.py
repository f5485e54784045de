"""Callers and servers of MCP: neither gets what is not theirs, whatever they write."""

import json
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from tests.support.scripted_upstream import EVENTS, JSON, serve
from tests.support.suite import Suite

from conduit_kernel.http import Exchange

pytestmark = pytest.mark.asyncio(loop_scope="module")

SECRET = "Bearer of-the-operator-7"
CALL = b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":"add"}}'
LIST = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
TOOLS = {"jsonrpc": "2.0", "id": 1, "result": {"tools": [{"name": "add"}, {"name": "drop"}]}}


class Server:
    """Answers as it is told, and keeps what it got."""

    def __init__(self) -> None:
        self.received: list[bytes] = []
        self.way = "echo"
        self.elsewhere = ""

    async def __call__(self, exchange: Exchange) -> None:
        """Serve one message."""
        self.received.append(exchange.body)
        if self.way == "redirect":
            exchange.respond(307, [(b"location", self.elsewhere.encode())], b"")
        elif self.way in {"endless event", "endless json"}:
            await self._without_end(exchange)
        elif self.way == "echo":
            exchange.respond(200, JSON, b'{"jsonrpc":"2.0","id":1,"result":{}}')
        else:
            out = exchange.start(200, EVENTS)
            out.write(self.way.encode())
            await out.drain()
            out.finish()

    async def _without_end(self, exchange: Exchange) -> None:
        out = exchange.start(200, EVENTS if self.way == "endless event" else JSON)
        for _ in range(1000):
            out.write(b"data: " + b"x" * 65536 if self.way == "endless event" else b" 1" * 32768)
            await out.drain()
        out.finish()


@pytest_asyncio.fixture(loop_scope="module", scope="module")
async def server(gateway: Suite) -> AsyncIterator[Server]:
    """Run one, of which all keys may use one tool."""
    made = Server()
    async with serve(made) as upstream, serve(_never) as trap:
        made.elsewhere = f"{trap.url}/mcp"
        body = {
            "name": "attacked",
            "url": f"{upstream.url}/mcp",
            "timeout": "5s",
            "headers": {"Authorization": SECRET},
            "grants": [{"tools": ["add"]}],
        }
        await gateway.call("POST", "/api/mcp-servers", body)
        await gateway.settled()
        yield made
        assert trap.paths == []


async def _never(exchange: Exchange) -> None:
    exchange.respond(200, JSON, b"{}")


@pytest.fixture(autouse=True)
def _as_usual(server: Server) -> None:
    server.way = "echo"
    server.received.clear()


async def _post(gateway: Suite, body: bytes, **fields: str) -> httpx.Response:
    async with gateway.caller() as caller:
        headers = {name.replace("_", "-"): value for name, value in fields.items()}
        return await caller.post("/mcp/attacked", content=body, headers=headers)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b'"name":"add"', b'"name":"add","name":"drop"'),
        (b'"name":"add"', b'"n\\u0061me":"drop"'),
        (b'"name":"add"', b'"name":"add","Name":"drop"'),
        (b'"name":"add"', b'"name":["add"]'),
        (b'"name":"add"', b'"name":"add\\u0000"'),
        (b'"name":"add"', b'"name":" add"'),
        (b'"name":"add"', b'"name":"ADD"'),
        (b'"name":"add"', b'"name":"add\\n"'),
        (b'"params":{"name":"add"}', b'"params":{"name":"add"},"params":{"name":"drop"}'),
        (b'"params":{"name":"add"}', b'"Params":{"name":"add"}'),
        (b'"params":{"name":"add"}', b'"params":[{"name":"add"}]'),
        (b'"method":"tools/call"', b'"method":"tools/call "'),
        (b'"method":"tools/call"', b'"method":"TOOLS/CALL"'),
        (b'"method":"tools/call"', b'"method":"tools//call"'),
        (b'"method":"tools/call"', b'"method":"resources/read"'),
        (b'"id":1,', b""),
        (b'"id":1,', b'"id":null,'),
        (CALL, b"[" + CALL + b"]"),
        (CALL, CALL + CALL),
        (CALL, CALL.replace(b"add", b"drop").decode().encode("utf-16")),
    ],
)
async def test_what_a_key_may_not_call_reaches_no_server(
    gateway: Suite, server: Server, old: bytes, new: bytes
) -> None:
    """However it is spelt: it is refused, by HTTP or by JSON-RPC."""
    answer = await _post(gateway, CALL.replace(old, new))
    assert not answer.is_success or "error" in answer.json(), answer.text
    assert server.received == []


async def test_a_server_reads_what_was_judged(gateway: Suite, server: Server) -> None:
    """A message with a member twice is written anew, with the one that counts."""
    twice = CALL.replace(b'"name":"add"', b'"name":"drop","name":"add"')
    assert (await _post(gateway, twice)).is_success
    assert json.loads(server.received[0])["params"] == {"name": "add"}
    assert b"drop" not in server.received[0]


async def test_no_redirect_is_followed(gateway: Suite, server: Server) -> None:
    """With the operator's headers it would go anywhere; the trap has heard nothing in the end."""
    server.way = "redirect"
    answer = await _post(gateway, CALL)
    assert answer.status_code >= httpx.codes.INTERNAL_SERVER_ERROR
    assert SECRET not in answer.text
    assert "location" not in answer.headers


@pytest.mark.parametrize("way", ["endless event", "endless json"])
async def test_answers_without_end_are_ended(gateway: Suite, server: Server, way: str) -> None:
    """At bounds, not when the memory is full."""
    server.way = way
    size = 0
    try:
        async with (
            gateway.caller() as caller,
            caller.stream("POST", "/mcp/attacked", content=CALL) as answer,
        ):
            async for piece in answer.aiter_bytes():
                size += len(piece)
            assert not answer.is_success or size < 1000 * 65536
    except (httpx.RemoteProtocolError, httpx.ReadError):
        # A stream that had begun is cut.
        pass
    assert size < 32 * 1024 * 1024
    server.way = "echo"
    assert (await _post(gateway, CALL)).is_success


_TEXT = json.dumps(TOOLS)
_WIDE = json.dumps(TOOLS, indent=1)


@pytest.mark.parametrize(
    "events",
    [
        f"data: {_TEXT}\n\n",
        f"data:{_TEXT}\r\n\r\n",
        f"data: {_TEXT}\r\r",
        f"event: message\r\nid: 1\r\ndata: {_TEXT}\r\n\r\n",
        f": a\n\ndata: {_TEXT}\n\ndata: {_TEXT}\n\n",
        "".join(f"data: {line}\n" for line in _WIDE.split("\n")) + "\n",
        "".join(f"data: {line}\r\n" for line in _WIDE.split("\n")) + "\r\n",
        f"\ufeffdata: {_TEXT}\n\n",
        f"data: {_TEXT}\n\ndata: {_TEXT}",
        "data: " + _TEXT.replace('"tools"', '"\\u0074ools"') + "\n\n",
    ],
)
async def test_tools_that_a_key_may_not_use_are_not_listed(
    gateway: Suite, server: Server, events: str
) -> None:
    """However a server writes its events."""
    server.way = events
    answer = await _post(gateway, json.dumps(LIST).encode())
    assert "drop" not in answer.text, answer.text


@pytest.mark.parametrize(
    "fields",
    [
        {"mcp_protocol_version": "2025-06-18, x"},
        {"mcp_protocol_version": "9999-12-31"},
        {"mcp_protocol_version": "٢٠٢٥-06-18".encode().decode("latin-1")},
        {"mcp_session_id": "../../x"},
        {"mcp_session_id": "x" * 5000},
    ],
)
async def test_fields_of_a_caller_are_judged(
    gateway: Suite, server: Server, fields: dict[str, str]
) -> None:
    """A version is one, and a session the caller's; no server sees others."""
    async with gateway.caller() as caller:
        headers = [(n.replace("_", "-").encode(), v.encode("latin-1")) for n, v in fields.items()]
        answer = await caller.post("/mcp/attacked", content=CALL, headers=headers)
    assert answer.is_client_error
    assert server.received == []


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/mcp",
        "http://[::ffff:169.254.169.254]/mcp",
        "http://user:pass@a.example/mcp",
        "http://a.example/mcp#b",
        "file:///etc/passwd",
        "http:///mcp",
        "http://a.example:99999/mcp",
        "http://a.example/mcp\r\nx: y",
    ],
)
async def test_addresses_that_are_none_for_servers_are_refused(guarded: Suite, url: str) -> None:
    """Those of the machine's own services among them, whatever is allowed."""
    body = {"name": "inside", "url": url, "grants": [{"tools": ["*"]}]}
    async with guarded.admin() as admin:
        answer = await admin.post("/api/mcp-servers", json=body)
    assert answer.status_code == httpx.codes.BAD_REQUEST, answer.text


@pytest.mark.parametrize(
    "headers",
    [
        *({"authorization": "a\r\nb: c"}, {"a b": "c"}, {"host": "a"}, {"content-length": "9"}),
        *({"transfer-encoding": "chunked"}, {"mcp-session-id": "x"}, {"connection": "close"}),
        {"": "a"},
    ],
)
async def test_headers_that_would_change_a_request_are_refused(
    gateway: Suite, headers: dict[str, str]
) -> None:
    """Whoever registers a server gives credentials, and no framing."""
    body = {"name": "smuggling", "url": "https://a.example/mcp", "headers": headers}
    async with gateway.admin() as admin:
        answer = await admin.post("/api/mcp-servers", json=body | {"grants": [{"tools": ["*"]}]})
    assert answer.status_code == httpx.codes.BAD_REQUEST, answer.text
