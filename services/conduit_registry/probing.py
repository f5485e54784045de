"""Asks instances for their models with their own keys."""

import asyncio
from collections.abc import Callable, Mapping

from conduit_kernel.errors import InvalidApiKey, UpstreamError
from conduit_kernel.secrets import Vault
from conduit_providers.auth import resolve_secret
from conduit_providers.catalog import Catalog
from conduit_providers.probe import ModelList, Probe
from conduit_registry import messages
from conduit_registry.rules.addresses import Addresses
from conduit_registry.values import Key, Provider

PROBE_SECONDS = 25.0


class Prober:
    """Lists the models of an instance, as one of its keys sees them."""

    def __init__(
        self,
        probe: Probe,
        *,
        catalog: Catalog,
        vault: Vault,
        addresses: Addresses,
        env: Mapping[str, str],
        read_file: Callable[[str], str],
    ) -> None:
        """Take also where the references `env:` and `file:` lead."""
        self._probe = probe
        self._catalog = catalog
        self._vault = vault
        self._addresses = addresses
        self._env = env
        self._read_file = read_file

    async def list_models(self, provider: Provider, key: Key | None) -> ModelList:
        """Return the models. ConduitError, without the key in it, if there is no list."""
        credential = messages.key(key) if key else None
        target = self._catalog.target(messages.provider(provider), credential)
        # A name may lead elsewhere than when it was accepted. The catalog's own are trusted.
        if provider.base_url or (key and key.base_url):
            await self._addresses.check(target.base_url)
        secret = await self._secret(provider, key)
        try:
            return await self._probe.list_models(target, secret, timeout_seconds=PROBE_SECONDS)
        except UpstreamError as error:
            # Some providers repeat the key that they were given.
            if secret and secret in error.message:
                raise type(error)(error.message.replace(secret, "…"), **error.metadata) from None
            raise

    async def _secret(self, provider: Provider, key: Key | None) -> str:
        if key is None:
            if not self._catalog.find(provider.provider_type).auth.is_optional:
                message = f"Provider {provider.name} has no enabled key"
                raise InvalidApiKey(message, provider=provider.name)
            return ""
        text = self._vault.open(key.secret, key.api_id)
        return await asyncio.to_thread(resolve_secret, text, self._env, self._read_file)
