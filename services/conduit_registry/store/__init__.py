"""The Registry's state, in SQLite or PostgreSQL. The only place with SQL."""

from conduit_registry.store.bulk_transaction import BulkTransaction
from conduit_registry.store.kinds import (
    ADMINISTRATOR,
    ADMINISTRATOR_SESSION,
    FALLBACK_CHAIN,
    KEY,
    KINDS,
    MAINTENANCE_WINDOW,
    MAPPING,
    MCP_SERVER,
    PROVIDER,
    VIRTUAL_KEY,
    VIRTUAL_KEY_GROUP,
    Kind,
)
from conduit_registry.store.read_transaction import ReadTransaction
from conduit_registry.store.store import Store
from conduit_registry.store.write_transaction import WriteTransaction

__all__ = [
    "ADMINISTRATOR",
    "ADMINISTRATOR_SESSION",
    "FALLBACK_CHAIN",
    "KEY",
    "KINDS",
    "MAINTENANCE_WINDOW",
    "MAPPING",
    "MCP_SERVER",
    "PROVIDER",
    "VIRTUAL_KEY",
    "VIRTUAL_KEY_GROUP",
    "BulkTransaction",
    "Kind",
    "ReadTransaction",
    "Store",
    "WriteTransaction",
]
