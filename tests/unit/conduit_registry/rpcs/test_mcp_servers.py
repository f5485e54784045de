"""RPCs about MCP servers."""

from typing import Any

from tests.support.registry import Api

from conduit.v1 import mcp_server_requests_pb2 as pb
from conduit.v1 import virtual_key_requests_pb2 as key_pb
from conduit.v1.mcp_server_pb2 import McpGrant, McpServer, McpServerSpec
from conduit.v1.registry_requests_pb2 import ListAuditEntriesRequest
from conduit.v1.virtual_key_pb2 import VirtualKeySpec

URL = "https://a.example/mcp"


async def create(api: Api, name: str = "tools", **fields: Any) -> McpServer:  # noqa: ANN401 # a spec's
    """Make a server."""
    spec = McpServerSpec(**{"name": name, "url": URL, **fields})
    made: McpServer = (await api(pb.CreateMcpServerRequest(mcp_server=spec))).mcp_server
    return made


async def test_a_server_is_kept_as_it_was_made(api: Api) -> None:
    """Routers know it with its sealed headers; the audit log and the API know their names."""
    grants = [McpGrant(tools=["add", "read_*"])]
    made = await create(api, headers={"Authorization": "Bearer very-secret"}, grants=grants)
    assert (made.id, made.name, made.url, made.is_enabled) == (1, "tools", URL, True)
    assert ([*made.header_names], [*made.grants]) == (["authorization"], grants)
    assert (await api(pb.GetMcpServerRequest(id=1))).mcp_server == made
    assert [*(await api(pb.ListMcpServersRequest())).mcp_servers] == [made]
    (entry,) = (await api.snapshot()).mcp_servers
    assert entry.server == made
    assert entry.secret.destination == "https://a.example:443"
    assert b"very-secret" not in entry.SerializeToString()
    (told,) = (await api(ListAuditEntriesRequest())).entries
    assert (told.resource_kind, told.resource_id) == ("mcp_server", "1")
    assert "very-secret" not in str(told)


async def test_fields_are_changed_and_taken_back(api: Api) -> None:
    """By the mask, or as they are given; a stale change is refused."""
    made = await create(api, headers={"a": "b"}, grants=[McpGrant(tools=["*"])])
    spec = McpServerSpec(is_enabled=False)
    request = pb.UpdateMcpServerRequest(id=1, mcp_server=spec, etag=made.etag)
    changed = (await api(request)).mcp_server
    assert (changed.is_enabled, [*changed.header_names]) == (False, ["a"])
    assert (await api.refused(request)).reason == "ETAG_MISMATCH"
    request = pb.UpdateMcpServerRequest(id=1)
    request.update_mask.paths[:] = ["headers", "grants", "is_enabled"]
    changed = (await api(request)).mcp_server
    assert (changed.is_enabled, [*changed.header_names], [*changed.grants]) == (True, [], [])
    (entry,) = (await api.snapshot()).mcp_servers
    assert not entry.HasField("secret")


async def test_headers_go_where_they_were_given_for(api: Api) -> None:
    """A URL that leads elsewhere needs them again; another path does not."""
    await create(api, headers={"a": "b"})
    elsewhere = McpServerSpec(url="https://other.example/mcp")
    request = pb.UpdateMcpServerRequest(id=1, mcp_server=elsewhere)
    assert (await api.refused(request)).metadata["field"] == "url"
    path = McpServerSpec(url="https://a.example/other")
    assert (await api(pb.UpdateMcpServerRequest(id=1, mcp_server=path))).mcp_server
    request.mcp_server.headers["a"] = "c"
    assert (await api(request)).mcp_server.url == "https://other.example/mcp"
    (entry,) = (await api.snapshot()).mcp_servers
    assert entry.secret.destination == "https://other.example:443"


async def test_names_are_each_servers_own(api: Api) -> None:
    """Also after a change."""
    await create(api)
    await create(api, "other")
    spec = McpServerSpec(name="tools", url=URL)
    again = await api.refused(pb.CreateMcpServerRequest(mcp_server=spec))
    assert (again.reason, again.metadata["mcp_server_id"]) == ("ALREADY_EXISTS", "1")
    renamed = pb.UpdateMcpServerRequest(id=2, mcp_server=McpServerSpec(name="tools"))
    assert (await api.refused(renamed)).reason == "ALREADY_EXISTS"


async def test_grants_are_to_somebody(api: Api) -> None:
    """A key or a group that there is."""
    key = key_pb.CreateVirtualKeyRequest(virtual_key=VirtualKeySpec(name="k"))
    number = (await api(key)).virtual_key.id
    made = await create(api, grants=[McpGrant(virtual_key_id=number, tools=["a"])])
    assert made.grants[0].virtual_key_id == number
    for grant, reason in (
        (McpGrant(virtual_key_id=99, tools=["a"]), "VIRTUAL_KEY_NOT_FOUND"),
        (McpGrant(group_id=99, tools=["a"]), "VIRTUAL_KEY_GROUP_NOT_FOUND"),
    ):
        spec = McpServerSpec(name="x", url=URL, grants=[grant])
        refused = await api.refused(pb.CreateMcpServerRequest(mcp_server=spec))
        assert refused.reason == reason


async def test_what_is_missing_or_gone_is_told(api: Api) -> None:
    """By its field, or as not found."""
    for spec, field in ((McpServerSpec(url=URL), "name"), (McpServerSpec(name="x"), "url")):
        refused = await api.refused(pb.CreateMcpServerRequest(mcp_server=spec))
        assert refused.metadata["field"] == field
    await create(api)
    await api(pb.DeleteMcpServerRequest(id=1))
    assert not (await api.snapshot()).mcp_servers
    gone = await api.refused(pb.GetMcpServerRequest(id=1))
    assert (gone.reason, gone.metadata["mcp_server_id"]) == ("MCP_SERVER_NOT_FOUND", "1")
