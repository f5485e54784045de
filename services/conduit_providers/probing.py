"""Asks instances for their models with their own keys, for the Registry and for Health."""

import asyncio
from collections.abc import Callable, Mapping

from conduit.internal.v1.snapshot_pb2 import SnapshotKey
from conduit.v1.provider_pb2 import Provider
from conduit_kernel.errors import InvalidApiKey
from conduit_kernel.secrets import Vault
from conduit_providers.auth import resolve_secret
from conduit_providers.catalog import Catalog
from conduit_providers.probe import DEFAULT_TIMEOUT_SECONDS, ModelList, Probe, ProbeTarget


class Prober:
    """Opens keys, resolves where they lead, and lists the models they see."""

    def __init__(
        self,
        probe: Probe,
        *,
        catalog: Catalog,
        vault: Vault,
        env: Mapping[str, str],
        read_file: Callable[[str], str],
    ) -> None:
        """Take also where the references `env:` and `file:` lead."""
        self._probe = probe
        self._catalog = catalog
        self._vault = vault
        self._env = env
        self._read_file = read_file

    async def open(self, provider: Provider, key: SnapshotKey | None) -> ProbeTarget:
        """Return what to probe. ConduitError, without the key in it, if the key is unusable."""
        credential = key.credential if key else None
        target = self._catalog.target(provider, credential)
        is_guarded = bool(provider.base_url or (credential and credential.base_url))
        if key is None:
            if not self._catalog.find(provider.provider_type).auth.is_optional:
                raise InvalidApiKey(
                    f"Provider {provider.name} has no enabled key", provider=provider.name
                )
            return ProbeTarget(target, is_guarded=is_guarded)
        destination = self._catalog.destination(provider, credential)
        text = self._vault.open(key.secret, key.credential.id, destination)
        secret = await asyncio.to_thread(resolve_secret, text, self._env, self._read_file)
        return ProbeTarget(target, secret, is_guarded, key.credential.id)

    async def list_models(
        self, opened: ProbeTarget, *, timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS
    ) -> ModelList:
        """Return the models. ConduitError, without the key in it, if there is no list."""
        return await self._probe.list_models(opened, timeout_seconds=timeout_seconds)
