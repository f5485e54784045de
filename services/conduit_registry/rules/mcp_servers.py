"""What makes a right MCP server."""

import re
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit

from conduit.v1.mcp_server_pb2 import McpGrant as GrantMessage
from conduit.v1.mcp_server_pb2 import McpServerSpec
from conduit_kernel import limits
from conduit_kernel.errors import InvalidRequest
from conduit_registry.mcp_values import McpGrant, McpServer
from conduit_registry.patches import McpServerPatch
from conduit_registry.values import defaults_of

MAX_HEADER = 8192
_NAME = re.compile(r"[a-z0-9][a-z0-9_-]*", re.ASCII)
_HEADER = re.compile(r"[a-z0-9!#$%&'*+.^_`|~-]{1,128}", re.ASCII)
# What belongs to the connection, and what the protocol says by itself.
_OWN = frozenset(
    (
        *("host", "connection", "content-length", "content-type", "transfer-encoding", "te"),
        *("upgrade", "trailer", "keep-alive", "expect", "accept", "accept-encoding", "cookie"),
        *("mcp-session-id", "mcp-protocol-version", "last-event-id", "x-conduit-hops"),
    )
)
_PORTS = {"http": 80, "https": 443}


def mcp_server_fields(spec: McpServerSpec) -> McpServerPatch:
    """Read what a spec says of a server. Whether its address is public, `addresses` says."""
    given: McpServerPatch = {}
    if spec.HasField("name"):
        given["name"] = _name(limits.text_of(spec, "name"))
    if spec.HasField("url"):
        given["url"] = _url(limits.text_of(spec, "url"))
    if spec.HasField("is_enabled"):
        given["is_enabled"] = spec.is_enabled
    if spec.HasField("description"):
        given["description"] = limits.text_of(spec, "description")
    if spec.headers:
        limits.check_items(spec, "headers")
        given["headers"] = _headers(spec.headers)
    if spec.grants:
        limits.check_items(spec, "grants")
        given["grants"] = tuple(_grant(each, i) for i, each in enumerate(spec.grants))
    if spec.HasField("timeout"):
        given["timeout"] = limits.span_of(spec, "timeout")
    return given


def mcp_server_defaults() -> dict[str, dict[str, Any]]:
    """Return what each field goes to when it is taken back."""
    return defaults_of(McpServer) | {"headers": {"headers": {}}}


def destination_of(url: str) -> str:
    """Return where the headers of a server may be sent."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.hostname}:{parts.port or _PORTS[parts.scheme]}"


def _name(name: str) -> str:
    if not _NAME.fullmatch(name):
        message = "name must be small letters, digits, hyphens and underscores"
        raise InvalidRequest(message, field="name")
    return name


def _url(url: str) -> str:
    try:
        parts = urlsplit(url)
        # Read, because only this checks it.
        _ = parts.port
    except ValueError as error:
        raise InvalidRequest("url must be a URL", field="url") from error
    if parts.scheme not in _PORTS or not parts.hostname:
        message = (
            "url must be an http or https URL of a server that speaks streamable HTTP: "
            "no command is run, so put a server of standard input and output behind HTTP"
        )
        raise InvalidRequest(message, field="url")
    if parts.username is not None or parts.password is not None:
        message = "url must not have credentials in it; give them as headers"
        raise InvalidRequest(message, field="url")
    if not (url.isascii() and url.isprintable()) or " " in url or "#" in url:
        raise InvalidRequest("url must be printable ASCII, without a fragment", field="url")
    return url


def _headers(given: Mapping[str, str]) -> dict[str, str]:
    """Return headers in order of name. The error never quotes a value."""
    found: dict[str, str] = {}
    for name, value in sorted((name.lower(), value) for name, value in given.items()):
        field = f"headers.{name[:100]}"
        if not _HEADER.fullmatch(name) or name in _OWN:
            raise InvalidRequest(f"{field} is no header that can be given", field=field)
        if name in found:
            raise InvalidRequest(f"{field} is there twice", field=field)
        stripped = value.strip()
        if not stripped or len(stripped) > MAX_HEADER:
            message = f"{field} must have 1 to {MAX_HEADER:,} characters"
            raise InvalidRequest(message, field=field)
        if not (stripped.isascii() and stripped.isprintable()):
            message = f"{field} must have only printable ASCII characters"
            raise InvalidRequest(message, field=field)
        found[name] = stripped
    return found


def _grant(given: GrantMessage, place: int) -> McpGrant:
    field = f"grants[{place}]"
    if given.virtual_key_id < 0 or given.group_id < 0:
        raise InvalidRequest(f"{field} names no virtual key, and no group", field=field)
    if given.virtual_key_id and given.group_id:
        message = f"{field} must be for a virtual key or for a group, not for both"
        raise InvalidRequest(message, field=field)
    if not given.tools:
        raise InvalidRequest(f"{field}.tools must not be empty", field=f"{field}.tools")
    limits.check_items(given, "tools", field)
    tools = limits.names_of(given, "tools", field)
    return McpGrant(given.virtual_key_id, given.group_id, tools)
