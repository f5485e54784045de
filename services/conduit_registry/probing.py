"""Lists the models of stored instances."""

from conduit_providers.probe import ModelList
from conduit_providers.probing import Prober
from conduit_registry import messages, snapshot_messages
from conduit_registry.values import Key, Provider

PROBE_SECONDS = 25.0


async def list_models(prober: Prober, provider: Provider, key: Key | None) -> ModelList:
    """Return the models that a key sees. ConduitError, without the key in it, if there is no list.

    Without a key InvalidApiKey, unless the provider's type needs none.
    """
    sealed = snapshot_messages.key(key, rotation_days=0, now=0) if key else None
    opened = await prober.open(messages.provider(provider), sealed)
    return await prober.list_models(opened, timeout_seconds=PROBE_SECONDS)
