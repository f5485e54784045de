"""The MCP servers that the operator registered, and what a caller may use of them."""

import re
from collections.abc import Iterable, Iterator
from fnmatch import fnmatchcase
from typing import NamedTuple
from urllib.parse import urlsplit

import orjson

from conduit.internal.v1.snapshot_pb2 import SnapshotMcpServer
from conduit.v1.mcp_server_pb2 import McpGrant
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.http import Fields, Origin
from conduit_kernel.not_found_errors import McpServerNotFound
from conduit_kernel.quoting import quoted
from conduit_kernel.secrets import Vault
from conduit_kernel.snapshot import SnapshotState
from conduit_providers.answer_redaction import AnswerRedactor, is_word, spellings
from conduit_providers.redaction import MIN_SECRET_CHARS
from conduit_router.routing.table import Caller

DEFAULT_SECONDS = 60.0
# Who has this may use what is no tool as well.
EVERYTHING = "*"
_SECRET_NAME = re.compile(r"auth|cookie|key|password|secret|token", re.IGNORECASE)
# What is none of a media type, a list, or words, in headers of other names.
_SECRET_LIKE = re.compile(r"(?=.*[0-9])[\w.~+/=-]{20,}", re.ASCII)
_PORTS = {"http": 80, "https": 443}


class McpServer(NamedTuple):
    """A server, ready to be asked."""

    id: int
    name: str
    origin: Origin
    path: str
    # The operator's, opened.
    headers: Fields
    # How long an answer, and each piece of it, is waited for.
    seconds: float
    # Takes what the headers say out of what the server says; None where nothing is secret.
    redactor: AnswerRedactor | None = None

    def __repr__(self) -> str:
        """Name the server, and nothing secret."""
        return f"McpServer({self.name!r})"


class Allowed(NamedTuple):
    """The tools that a caller may use, by patterns."""

    tools: tuple[str, ...]

    @property
    def has_everything(self) -> bool:
        """Return whether what is no tool may be used, too."""
        return EVERYTHING in self.tools

    def may_call(self, tool: str) -> bool:
        """Return whether a tool may be used."""
        return any(fnmatchcase(tool, each) for each in self.tools)


class McpServers:
    """Finds servers in the configuration; each is opened once."""

    def __init__(self, state: SnapshotState, vault: Vault) -> None:
        """Take the configuration, and what opens the headers."""
        self._state = state
        self._vault = vault
        # By id, with what each was made from.
        self._opened: dict[int, tuple[SnapshotMcpServer, McpServer]] = {}

    def find(self, name: str, caller: Caller) -> tuple[McpServer, Allowed]:
        """Return a server, and what the caller may use of it.

        McpServerNotFound if there is none, or none for this caller.
        """
        for entry in self._state.mcp_servers.values():
            server = entry.server
            if server.name == name and server.is_enabled:
                allowed = Allowed(_tools(server.grants, caller))
                if allowed.tools:
                    return self._open(entry), allowed
        shown = quoted(name)
        message = f"There is no MCP server {shown} that this virtual key may use"
        raise McpServerNotFound(message, mcp_server_id=shown)

    def _open(self, entry: SnapshotMcpServer) -> McpServer:
        number = entry.server.id
        known = self._opened.get(number)
        if known is not None and known[0] is entry:
            return known[1]
        self._opened = {
            number: each
            for number, each in self._opened.items()
            if number in self._state.mcp_servers
        }
        server = self._made(entry)
        self._opened[number] = entry, server
        return server

    def _made(self, entry: SnapshotMcpServer) -> McpServer:
        server, parts = entry.server, urlsplit(entry.server.url)
        origin = Origin(parts.scheme, parts.hostname or "", parts.port or _PORTS[parts.scheme])
        target = f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}"
        seconds = DEFAULT_SECONDS
        if server.HasField("timeout"):
            seconds = server.timeout.ToMicroseconds() / 1e6
        headers = self._headers(entry, origin)
        redactor = _redactor(headers)
        return McpServer(server.id, server.name, origin, target, headers, seconds, redactor)

    def _headers(self, entry: SnapshotMcpServer, origin: Origin) -> Fields:
        if not entry.HasField("secret"):
            return ()
        there = f"{origin.scheme}://{origin.host}:{origin.port}"
        text = self._vault.open(entry.secret, f"mcp_{entry.server.id}", there)
        given = orjson.loads(text)
        if not isinstance(given, dict):
            message = f"The headers of the MCP server {entry.server.name} cannot be read"
            raise ServiceUnavailable(message, service="router")
        return tuple((name.encode(), value.encode()) for name, value in given.items())


def _redactor(headers: Fields) -> AnswerRedactor | None:
    """Return what knows the secrets of headers, with their schemes and without."""
    secret = {part for field in headers for part in _secrets(*field)}
    found = [spelling for each in secret for spelling in spellings(each)]
    return AnswerRedactor(found) if found else None


def _secrets(name: bytes, value: bytes) -> Iterator[str]:
    is_named = _SECRET_NAME.search(name.decode())
    for text in (value.decode(), *value.decode().split()[1:]):
        is_long = len(text) >= MIN_SECRET_CHARS and not is_word(text)
        if (is_named and is_long) or _SECRET_LIKE.fullmatch(text):
            yield text


def _tools(grants: Iterable[McpGrant], caller: Caller) -> tuple[str, ...]:
    found: list[str] = []
    for each in grants:
        is_own = each.virtual_key_id and each.virtual_key_id == caller.virtual_key_id
        is_groups = each.group_id and each.group_id == caller.group_id
        is_for_all = not each.virtual_key_id and not each.group_id
        if is_own or is_groups or is_for_all:
            found += each.tools
    return tuple(dict.fromkeys(found))
