"""What makes a right MCP server."""

import pytest
from google.protobuf.duration_pb2 import Duration

from conduit.v1.mcp_server_pb2 import McpGrant as Message
from conduit.v1.mcp_server_pb2 import McpServerSpec
from conduit_kernel.errors import InvalidRequest
from conduit_registry.mcp_values import McpGrant
from conduit_registry.rules.mcp_servers import (
    MAX_HEADER,
    destination_of,
    mcp_server_defaults,
    mcp_server_fields,
)


def test_only_what_a_spec_gives_is_read() -> None:
    """Names of headers in lower case and in order, tools each once."""
    assert mcp_server_fields(McpServerSpec()) == {}
    spec = McpServerSpec(
        name="git-hub_1",
        url="https://a.example/mcp",
        is_enabled=False,
        description="d",
        headers={"X-Team": " a ", "Authorization": "Bearer b"},
        grants=[Message(virtual_key_id=3, tools=["a", "b*", "a"]), Message(tools=["*"])],
        timeout=Duration(seconds=3),
    )
    found = mcp_server_fields(spec)
    assert found == {
        "name": "git-hub_1",
        "url": "https://a.example/mcp",
        "is_enabled": False,
        "description": "d",
        "headers": {"authorization": "Bearer b", "x-team": "a"},
        "grants": (McpGrant(3, 0, ("a", "b*")), McpGrant(0, 0, ("*",))),
        "timeout": 3_000_000,
    }
    assert list(found["headers"]) == ["authorization", "x-team"]


@pytest.mark.parametrize("name", ["A", "-a", "a b", "a/b", "a.b", "", "x" * 65, "ä"])
def test_names_stand_in_paths(name: str) -> None:
    """So they have few characters."""
    with pytest.raises(InvalidRequest):
        mcp_server_fields(McpServerSpec(name=name))


@pytest.mark.parametrize(
    "url",
    [
        *("stdio://npx server", "npx -y some-server", "file:///bin/sh", "ws://a.example/"),
        *("http://", "https://u:p@a.example/", "https://a.example/#x", "https://a.example/ä"),
        "https://a.example:x/",
    ],
)
def test_no_command_is_a_server(url: str) -> None:
    """Only what speaks HTTP is, at an address without credentials."""
    with pytest.raises(InvalidRequest) as refused:
        mcp_server_fields(McpServerSpec(url=url))
    assert refused.value.metadata["field"] == "url"
    if "npx" in url:
        assert "no command is run" in refused.value.message


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("host", "a"), ("Content-Length", "1"), ("mcp-session-id", "a"), ("cookie", "a")),
        *(("a b", "c"), ("a\r\nb", "c"), ("", "c"), ("x", ""), ("x", "a\r\nb: c"), ("x", "ä")),
        ("x", "a" * (MAX_HEADER + 1)),
    ],
)
def test_headers_are_such_as_can_be_given(name: str, value: str) -> None:
    """The error quotes none of their values."""
    with pytest.raises(InvalidRequest) as refused:
        mcp_server_fields(McpServerSpec(headers={name: value}))
    assert len(value) < 2 or value not in refused.value.message


def test_one_header_is_there_once() -> None:
    """In whatever case."""
    with pytest.raises(InvalidRequest):
        mcp_server_fields(McpServerSpec(headers={"X-A": "1", "x-a": "2"}))


@pytest.mark.parametrize(
    "grant",
    [
        Message(),
        Message(virtual_key_id=1, group_id=2, tools=["a"]),
        Message(virtual_key_id=-1, tools=["a"]),
        Message(tools=[""]),
        Message(tools=["a" * 201]),
        Message(tools=["a\nb"]),
    ],
)
def test_grants_are_of_something_to_somebody(grant: Message) -> None:
    """Of no tool, or to a key and a group, they would mean nothing."""
    with pytest.raises(InvalidRequest):
        mcp_server_fields(McpServerSpec(grants=[grant]))


def test_what_is_taken_back_is_as_on_creation() -> None:
    """Headers, which are kept elsewhere, too."""
    known = mcp_server_defaults()
    assert known["headers"] == {"headers": {}}
    assert known["timeout"] == {"timeout": None}
    assert "name" not in known


def test_headers_are_for_one_place() -> None:
    """Scheme, host and port, however they are written."""
    assert destination_of("https://A.example/mcp") == "https://a.example:443"
    assert destination_of("http://a.example:81/x?y") == "http://a.example:81"
