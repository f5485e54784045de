"""What is around the rotation of keys: the test before it, and the end of the grace time."""

from conduit_kernel.audit.author import Author
from conduit_kernel.errors import ConduitError, InvalidRequest, UnsupportedCapability
from conduit_kernel.secrets import Vault
from conduit_providers.probing import Prober
from conduit_registry.probing import list_models
from conduit_registry.store import KEY, PROVIDER, Store

RETIRE_SECONDS = 10.0
OWN_AUTHOR = Author("registry-rotation")


class KeyRotation:
    """Tests new values, and removes former ones."""

    def __init__(self, store: Store, prober: Prober, vault: Vault) -> None:
        self._store = store
        self._prober = prober
        self._vault = vault

    async def test(self, provider_id: int, number: int, api_key: str) -> None:
        """Ask the provider for its models with a new value of a key.

        InvalidRequest if it does not take it, or does not answer. Types that publish no models
        take whatever they are given.
        """
        async with self._store.read() as reading:
            provider = await reading.get(PROVIDER, provider_id)
            key = await reading.key_of(provider_id, number)
        tried = key.with_secret(self._vault.seal(api_key, key.api_id))
        try:
            await list_models(self._prober, provider, tried)
        except UnsupportedCapability:
            return
        except ConduitError as error:
            message = (
                f"The old value stays, as the new one did not pass its test: {error.message}. "
                "With skipTest it is replaced all the same"
            )
            raise InvalidRequest(message, field="apiKey") from error

    async def retire_due(self) -> None:
        """Remove the former values whose grace time is over: a step of a loop."""
        now = self._store.now()
        async with self._store.read() as reading:
            due = await reading.keys_retiring(now)
        if not due:
            return
        async with self._store.change(OWN_AUTHOR) as changing:
            for number in due:
                key = await changing.find(KEY, number)
                # Another process may have been here meanwhile.
                if key is not None and key.retires_at is not None:
                    await changing.delete(KEY, key)
