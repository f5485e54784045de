"""The kinds of resources, and how each is stored in its table."""

from collections.abc import Callable
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any, Generic, TypeVar

from conduit_kernel import not_found_errors
from conduit_registry import mcp_values, values
from conduit_registry.store import tables

ValueT = TypeVar("ValueT", bound=values.Resource)
AnyKind = "Kind[Any]"
# Their names are each one's own, without regard to case.
NAMED = (
    tables.ProviderRow,
    tables.VirtualKeyRow,
    tables.VirtualKeyGroupRow,
    tables.AdministratorRow,
)


def _plain(number: int) -> str:
    return str(number)


@dataclass(frozen=True)
class Kind(Generic[ValueT]):
    """One kind of thing."""

    # As the audit log spells it.
    name: str
    # As people say it.
    label: str
    row: type[tables.Row]
    value: type[ValueT]
    missing: type[not_found_errors.NotFound]
    show_id: Callable[[int], str] = _plain

    @cached_property
    def _names(self) -> tuple[str, ...]:
        # Every field of a value is a column, or a property, of its row.
        return tuple(field.name for field in fields(self.value))

    def read(self, row: tables.Row) -> ValueT:
        """Return a row as a value."""
        given: dict[str, Any] = {name: getattr(row, name) for name in self._names}
        return self.value(**given)

    def write(self, row: tables.Row, value: ValueT) -> None:
        """Make a row say what a value says."""
        for name in self._names:
            setattr(row, name, getattr(value, name))
        if isinstance(row, NAMED):
            row.folded_name = row.name.casefold()

    def not_found(self, number: int) -> not_found_errors.NotFound:
        """Return the error for an id that there is not."""
        shown = self.show_id(number)
        return self.missing(f"{self.label} with ID {shown} not found", **{f"{self.name}_id": shown})


PROVIDER = Kind(
    "provider", "Provider", tables.ProviderRow, values.Provider, not_found_errors.ProviderNotFound
)
KEY = Kind("key", "Key", tables.KeyRow, values.Key, not_found_errors.KeyNotFound, values.key_id)
MAPPING = Kind(
    "mapping",
    "Mapping",
    tables.ModelMappingRow,
    values.ModelMapping,
    not_found_errors.MappingNotFound,
)
FALLBACK_CHAIN = Kind(
    "fallback_chain",
    "Fallback chain",
    tables.FallbackChainRow,
    values.FallbackChain,
    not_found_errors.FallbackChainNotFound,
)
VIRTUAL_KEY = Kind(
    "virtual_key",
    "Virtual key",
    tables.VirtualKeyRow,
    values.VirtualKey,
    not_found_errors.VirtualKeyNotFound,
)
VIRTUAL_KEY_GROUP = Kind(
    "virtual_key_group",
    "Virtual key group",
    tables.VirtualKeyGroupRow,
    values.VirtualKeyGroup,
    not_found_errors.VirtualKeyGroupNotFound,
)
ADMINISTRATOR = Kind(
    "administrator",
    "Administrator",
    tables.AdministratorRow,
    values.Administrator,
    not_found_errors.AdministratorNotFound,
)
ADMINISTRATOR_SESSION = Kind(
    "administrator_session",
    "Session",
    tables.AdministratorSessionRow,
    values.AdministratorSession,
    # Of one that has ended nobody is told more than of a token that is none.
    not_found_errors.AdministratorNotFound,
)
MCP_SERVER = Kind(
    "mcp_server",
    "MCP server",
    tables.McpServerRow,
    mcp_values.McpServer,
    not_found_errors.McpServerNotFound,
)
MAINTENANCE_WINDOW = Kind(
    "maintenance_window",
    "Maintenance",
    tables.MaintenanceWindowRow,
    values.MaintenanceWindow,
    not_found_errors.MaintenanceWindowNotFound,
)
KINDS: dict[str, Kind[Any]] = {
    kind.name: kind
    for kind in (
        *(PROVIDER, KEY, MAPPING, FALLBACK_CHAIN),
        *(VIRTUAL_KEY, VIRTUAL_KEY_GROUP, ADMINISTRATOR, ADMINISTRATOR_SESSION),
        *(MCP_SERVER, MAINTENANCE_WINDOW),
    )
}
