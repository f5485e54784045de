"""What operators do to MCP servers, within one transaction."""

from collections.abc import Mapping
from dataclasses import replace

import orjson

from conduit_kernel.errors import AlreadyExists, InvalidRequest
from conduit_kernel.secrets import Vault
from conduit_kernel.updates import must_match
from conduit_registry import messages
from conduit_registry.mcp_values import McpGrant, McpServer
from conduit_registry.patches import McpServerPatch, without_headers
from conduit_registry.rules.fields import required
from conduit_registry.rules.mcp_servers import destination_of
from conduit_registry.store import MCP_SERVER, VIRTUAL_KEY, VIRTUAL_KEY_GROUP, WriteTransaction


class McpServerEditor:
    """Makes, changes and removes servers, each by the fields that its spec gave."""

    def __init__(self, changing: WriteTransaction, vault: Vault) -> None:
        self._changing = changing
        self._vault = vault

    async def create(self, given: McpServerPatch) -> McpServer:
        """Add a server."""
        await self._claim_name(required(given.get("name"), "name"))
        required(given.get("url"), "url")
        await self._check_grants(given.get("grants", ()))
        headers = given.get("headers", {})
        server = McpServer(**without_headers(given))
        return await self._changing.create(
            MCP_SERVER, lambda number: self._sealed(replace(server, id=number), headers)
        )

    async def update(self, number: int, given: McpServerPatch, etag: str = "") -> McpServer:
        """Change a server."""
        old = await self._changing.get(MCP_SERVER, number)
        must_match(etag, messages.mcp_server(old).etag)
        new = replace(old, **without_headers(given))
        if new.name != old.name:
            await self._claim_name(new.name)
        await self._check_grants(given.get("grants", ()))
        headers = given.get("headers")
        if headers is not None:
            new = self._sealed(new, headers)
        elif old.header_names and destination_of(new.url) != old.destination:
            message = "url leads elsewhere, where no headers are sent that were not given for it: "
            raise InvalidRequest(f"{message}send headers as well", field="url")
        return await self._changing.update(MCP_SERVER, old, new)

    async def delete(self, number: int) -> None:
        """Remove a server."""
        await self._changing.delete(MCP_SERVER, await self._changing.get(MCP_SERVER, number))

    def _sealed(self, server: McpServer, headers: Mapping[str, str]) -> McpServer:
        server = replace(server, header_names=tuple(headers))
        if not headers:
            return replace(
                server, encryption_key_id="", wrapped_data_key=b"", ciphertext=b"", destination=""
            )
        text, there = orjson.dumps(dict(headers)).decode(), destination_of(server.url)
        return server.with_secret(self._vault.seal(text, server.owner, there))

    async def _claim_name(self, name: str) -> None:
        for other in await self._changing.every(MCP_SERVER, name=name):
            message = f"There is an MCP server named {name!r} already"
            raise AlreadyExists(message, field="name", mcp_server_id=str(other.id))

    async def _check_grants(self, grants: tuple[McpGrant, ...]) -> None:
        """Check that grants are for somebody. A NotFound if one is for nobody."""
        for number in {each.virtual_key_id for each in grants} - {0}:
            await self._changing.get(VIRTUAL_KEY, number)
        for number in {each.group_id for each in grants} - {0}:
            await self._changing.get(VIRTUAL_KEY_GROUP, number)
