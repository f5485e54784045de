"""Which server a caller means, and what of it is the caller's."""

import orjson
import pytest
from google.protobuf.duration_pb2 import Duration
from msgspec.structs import replace

from conduit.internal.v1.snapshot_pb2 import SnapshotMcpServer
from conduit.v1.mcp_server_pb2 import McpGrant, McpServer
from conduit_kernel.errors import SecretUnreadable
from conduit_kernel.http import Origin
from conduit_kernel.not_found_errors import McpServerNotFound
from conduit_kernel.secrets import Vault
from conduit_kernel.snapshot import SnapshotState
from conduit_router.mcp.servers import DEFAULT_SECONDS, Allowed, McpServers
from conduit_router.routing.table import Caller

VAULT = Vault(bytes(range(32)))
CALLER = Caller(1, is_enabled=True, expires_at=1e18, allowed=None, group_id=5)
FOR_ALL = McpGrant(tools=["add"])


def _servers(*grants: McpGrant, **fields: object) -> tuple[McpServers, SnapshotState]:
    state = SnapshotState()
    values = {"name": "tools", "url": "https://a.example/mcp?x=1", "is_enabled": True, **fields}
    server = McpServer(id=3, grants=grants, **values)  # type: ignore[arg-type] # checked by protobuf
    state.mcp_servers[3] = SnapshotMcpServer(server=server)
    return McpServers(state, VAULT), state


def test_grants_are_for_a_key_a_group_or_all() -> None:
    """Their tools come together; who has none finds no server."""
    own = McpGrant(virtual_key_id=1, tools=["read"])
    groups = McpGrant(group_id=5, tools=["write", "add"])
    others = McpGrant(virtual_key_id=2, tools=["drop"]), McpGrant(group_id=6, tools=["burn"])
    servers, _ = _servers(FOR_ALL, own, groups, *others)
    assert servers.find("tools", CALLER)[1] == Allowed(("add", "read", "write"))
    nobody = replace(CALLER, virtual_key_id=7, group_id=0)
    assert servers.find("tools", nobody)[1] == Allowed(("add",))
    for made in (_servers(*others)[0], _servers()[0], _servers(FOR_ALL, is_enabled=False)[0]):
        with pytest.raises(McpServerNotFound):
            made.find("tools", CALLER)
    for name in ("Tools", "tool", "", "tools/.."):
        with pytest.raises(McpServerNotFound):
            servers.find(name, CALLER)


def test_a_server_is_where_its_url_says() -> None:
    """With its own time, or the usual one."""
    server, _ = _servers(FOR_ALL)[0].find("tools", CALLER)
    assert server.origin == Origin("https", "a.example", 443)
    assert (server.path, server.seconds, server.headers) == ("/mcp?x=1", DEFAULT_SECONDS, ())
    timed, _ = _servers(FOR_ALL, timeout=Duration(seconds=3))[0].find("tools", CALLER)
    assert timed.seconds == 3
    bare, _ = _servers(FOR_ALL, url="http://a.example:81")[0].find("tools", CALLER)
    assert (bare.origin, bare.path) == (Origin("http", "a.example", 81), "/")


def test_headers_are_opened_once_and_for_their_place_alone() -> None:
    """A server that was changed is opened anew; one that leads elsewhere is not."""
    servers, state = _servers(FOR_ALL)
    there = "https://a.example:443"
    sealed = VAULT.seal('{"authorization": "Bearer x"}', "mcp_3", there)
    state.mcp_servers[3].secret.CopyFrom(sealed)
    server, _ = servers.find("tools", CALLER)
    assert server.headers == ((b"authorization", b"Bearer x"),)
    assert servers.find("tools", CALLER)[0] is server
    changed = SnapshotMcpServer()
    changed.CopyFrom(state.mcp_servers[3])
    changed.server.url = "https://evil.example/mcp"
    state.mcp_servers[3] = changed
    with pytest.raises(SecretUnreadable):
        servers.find("tools", CALLER)


@pytest.mark.parametrize(
    ("headers", "said", "seen"),
    [
        ({"authorization": "Bearer team-7-key"}, b"Bearer team-7-key", b"[redacted]*******"),
        ({"authorization": "Bearer team-7-key"}, b"team-7-key", b"[redacted]"),
        ({"x-api-key": "team-7-key"}, b"team-7-key", b"[redacted]"),
        ({"x-sentry": "0123456789abcdef0123"}, b"0123456789abcdef0123", b"[redacted]**********"),
        ({"accept": "application/json"}, b"application/json", b"application/json"),
        ({"x-toolsets": "repos,issues,pull_requests2"}, b"repos,issues", b"repos,issues"),
        ({"x-token": "no"}, b"no", b"no"),
    ],
)
def test_what_headers_prove_is_known(headers: dict[str, str], said: bytes, seen: bytes) -> None:
    """To whoever takes it out of answers; what else they say, answers may say as well."""
    servers, state = _servers(FOR_ALL)
    text = orjson.dumps(headers).decode()
    state.mcp_servers[3].secret.CopyFrom(VAULT.seal(text, "mcp_3", "https://a.example:443"))
    server, _ = servers.find("tools", CALLER)
    assert (said if server.redactor is None else server.redactor.covered(said)) == seen
    assert repr(server) == "McpServer('tools')"


def test_patterns_stand_for_tools() -> None:
    """In full, and as they are written."""
    allowed = Allowed(("read_*", "Add"))
    assert [allowed.may_call(each) for each in ("read_a", "Add", "add", "xread_a", "")] == [
        *(True, True, False, False, False)
    ]
    assert not allowed.has_everything
    assert Allowed(("a", "*")).has_everything
