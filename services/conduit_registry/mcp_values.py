"""MCP servers, as the Registry keeps them."""

from dataclasses import dataclass, field, replace
from typing import NamedTuple

from conduit.internal.v1.snapshot_pb2 import SealedSecret


class McpGrant(NamedTuple):
    """A grant of tools: to a virtual key, to the keys of a group, or, where both are 0, to all."""

    virtual_key_id: int
    group_id: int
    tools: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class McpServer:
    """A server of the Model Context Protocol, the headers that it gets sealed."""

    id: int = 0
    name: str
    url: str
    is_enabled: bool = True
    description: str = ""
    header_names: tuple[str, ...] = ()
    grants: tuple[McpGrant, ...] = ()
    # In microseconds; None for the Router's default.
    timeout: int | None = None
    encryption_key_id: str = ""
    wrapped_data_key: bytes = field(default=b"", repr=False)
    ciphertext: bytes = field(default=b"", repr=False)
    # Where the headers may be sent.
    destination: str = ""
    created_at: int = 0
    updated_at: int = 0

    @property
    def owner(self) -> str:
        """Return the owner under which the headers are sealed."""
        return f"mcp_{self.id}"

    @property
    def secret(self) -> SealedSecret | None:
        """Return the sealed headers; None where there are none."""
        if not self.ciphertext:
            return None
        return SealedSecret(
            encryption_key_id=self.encryption_key_id,
            wrapped_data_key=self.wrapped_data_key,
            ciphertext=self.ciphertext,
            destination=self.destination,
        )

    def with_secret(self, sealed: SealedSecret) -> "McpServer":
        """Return the server with other sealed headers."""
        return replace(
            self,
            encryption_key_id=sealed.encryption_key_id,
            wrapped_data_key=sealed.wrapped_data_key,
            ciphertext=sealed.ciphertext,
            destination=sealed.destination,
        )
