"""Base class and dependencies of the Registry's RPCs."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import grpc

from conduit_kernel.rpc.auth_interceptor import metadata_of
from conduit_kernel.secrets import Vault
from conduit_providers.catalog import Catalog
from conduit_registry.configuration.editor import Editor
from conduit_registry.connectivity import Connectivity
from conduit_registry.discovery import Discovery
from conduit_registry.feed import Feed
from conduit_registry.rules.addresses import Addresses
from conduit_registry.store import Store
from conduit_registry.values import Origin

Context = grpc.aio.ServicerContext[Any, Any]
MAX_REQUEST_ID = 200


@dataclass(frozen=True, slots=True)
class Dependencies:
    """What the service is made of."""

    store: Store
    catalog: Catalog
    vault: Vault
    addresses: Addresses
    connectivity: Connectivity
    discovery: Discovery
    feed: Feed


class RpcBase:
    """Base of the RPCs."""

    def __init__(self, parts: Dependencies) -> None:
        self.parts = parts

    @asynccontextmanager
    async def editing(self, context: Context) -> AsyncIterator[Editor]:
        """Change the configuration within one transaction."""
        async with self.parts.store.change(origin_of(context)) as changing:
            yield Editor(changing, catalog=self.parts.catalog, vault=self.parts.vault)


def service_origin(context: Context) -> Origin:
    """Return which of our own services calls. The interceptor has checked its token."""
    return Origin("service", _address(context.peer()), "")


def origin_of(context: Context) -> Origin:
    """Return who calls, for the audit log. The interceptor has checked the master key."""
    request_id = metadata_of(context).get("x-request-id", "")
    return Origin("master-key", _address(context.peer()), request_id[:MAX_REQUEST_ID])


def _address(peer: str) -> str:
    # gRPC says ipv4:127.0.0.1:4711, or ipv6:%5B::1%5D:4711.
    family, _, address = peer.partition(":")
    plain = address.replace("%5B", "[").replace("%5D", "]")
    return plain if family in {"ipv4", "ipv6"} else peer
