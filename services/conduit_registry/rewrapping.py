"""Changes of the encryption key: what a former one wrapped is wrapped again by the current one."""

import structlog

from conduit_kernel.audit.author import Author
from conduit_kernel.errors import ProviderTypeUnknown, SecretUnreadable
from conduit_kernel.secrets import Vault
from conduit_providers.catalog import Catalog
from conduit_registry import messages
from conduit_registry.store import KEY, PROVIDER, Store, WriteTransaction
from conduit_registry.values import Key, Provider

OWN_AUTHOR = Author("registry-rewrap")


async def rewrap(store: Store, vault: Vault, current: str) -> int:
    """Wrap all keys with the current encryption key, named by its id; return how many changed.

    A key that was wrapped by none of this process's keys stays as it is, and is logged.
    """
    async with store.read() as reading:
        if all(key.encryption_key_id == current for key in await reading.every(KEY)):
            return 0
    async with store.change(OWN_AUTHOR) as changing:
        stale = [k for k in await changing.every(KEY) if k.encryption_key_id != current]
        return sum([await _rewrap_one(changing, vault, key, current) for key in stale])


async def bind(store: Store, vault: Vault, catalog: Catalog) -> int:
    """Seal values anew, for where they may be sent, that are from before there was such a thing.

    Return how many. What cannot be read stays as it is.
    """
    async with store.read() as reading:
        if not await reading.every(KEY, destination=""):
            return 0
    async with store.change(OWN_AUTHOR) as changing:
        providers = {each.id: each for each in await changing.every(PROVIDER)}
        unbound = await changing.every(KEY, destination="")
        done = [await _bind(changing, vault, catalog, providers[k.provider_id], k) for k in unbound]
        return sum(done)


async def _bind(
    changing: WriteTransaction, vault: Vault, catalog: Catalog, provider: Provider, key: Key
) -> bool:
    try:
        destination = catalog.destination(messages.provider(provider), messages.key(key))
        value = vault.open(key.secret, key.api_id)
    except (SecretUnreadable, ProviderTypeUnknown):
        return False
    new = key.with_secret(vault.seal(value, key.api_id, destination))
    await changing.update(KEY, key, new, destination={"from": "", "to": destination})
    return True


async def _rewrap_one(changing: WriteTransaction, vault: Vault, key: Key, current: str) -> bool:
    try:
        sealed = vault.rewrap(key.secret, key.api_id)
    except SecretUnreadable as error:
        log = structlog.get_logger("rewrapping")
        log.warning("secret_unreadable", key_id=key.api_id, detail=error.message)
        return False
    new = key.with_secret(sealed)
    key_ids = {"from": key.encryption_key_id, "to": current}
    await changing.update(KEY, key, new, encryptionKeyId=key_ids)
    return True
