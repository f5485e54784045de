"""Base class and dependencies of the Registry's RPCs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc

from conduit_kernel.audit.author import author_of
from conduit_kernel.followers import Followers
from conduit_kernel.key_ring import KeyRing
from conduit_providers.auth.secret_files import SecretFiles
from conduit_providers.catalog import Catalog
from conduit_registry.configuration.editor import Editor
from conduit_registry.connectivity import Connectivity
from conduit_registry.discovery import Discovery
from conduit_registry.key_rotation import KeyRotation
from conduit_registry.rules.addresses import Addresses
from conduit_registry.store import Store, WriteTransaction

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(frozen=True, slots=True)
class Dependencies:
    """The parts that the service is made of."""

    store: Store
    catalog: Catalog
    keys: KeyRing
    addresses: Addresses
    secret_files: SecretFiles
    connectivity: Connectivity
    key_rotation: KeyRotation
    discovery: Discovery
    followers: Followers


class RpcBase:
    """Base of the RPCs."""

    def __init__(self, parts: Dependencies) -> None:
        self.parts = parts

    @asynccontextmanager
    async def editing(self, context: Context) -> AsyncIterator[Editor]:
        """Change the configuration within one transaction, and wait until it is in use."""
        async with self.parts.store.change(author_of(context)) as changing:
            yield self.editor(changing)
            # A state that is committed cannot be asked any more.
            revision, is_changed = changing.revision, changing.revision != changing.began_at
        if is_changed:
            await self.parts.followers.until_used(revision)

    def editor(self, changing: WriteTransaction) -> Editor:
        """Return what changes the configuration within a transaction."""
        parts = self.parts
        return Editor(
            changing, catalog=parts.catalog, vault=parts.keys.vault, secret_files=parts.secret_files
        )
