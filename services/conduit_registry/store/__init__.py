"""The Registry's state, in SQLite or PostgreSQL. The only place with SQL."""

from conduit_registry.store.changing import Changing
from conduit_registry.store.kinds import (
    FALLBACK_CHAIN,
    KEY,
    KINDS,
    MAPPING,
    PROVIDER,
    VIRTUAL_KEY,
    Kind,
)
from conduit_registry.store.reading import Reading
from conduit_registry.store.store import Store

__all__ = [
    "FALLBACK_CHAIN",
    "KEY",
    "KINDS",
    "MAPPING",
    "PROVIDER",
    "VIRTUAL_KEY",
    "Changing",
    "Kind",
    "Reading",
    "Store",
]
