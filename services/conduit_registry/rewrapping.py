"""Changes of the encryption key: what a former one wrapped is wrapped again by the current one."""

from math import inf
from typing import NamedTuple

import structlog

from conduit_kernel.audit.author import Author
from conduit_kernel.errors import ProviderTypeUnknown, SecretUnreadable
from conduit_kernel.secrets import Vault
from conduit_providers.catalog import Catalog
from conduit_registry import messages
from conduit_registry.store import KEY, MCP_SERVER, PROVIDER, Store, WriteTransaction
from conduit_registry.values import Key, Provider

OWN_AUTHOR = Author("registry-rewrap")
# Keys of one transaction.
BATCH = 50


class Rewrapped(NamedTuple):
    """The keys that were wrapped again."""

    rewrapped: int = 0
    # Wrapped by no key that is known, or tampered with: they stay as they are, and are logged.
    unreadable: int = 0
    # Whether nothing else is left.
    is_done: bool = False


async def rewrap(store: Store, vault: Vault, current: str, *, most: float = inf) -> Rewrapped:
    """Wrap keys again with the current encryption key, named by its id: about so many at most.

    A few at a time, so that others can write in between, and what is done stays done.
    """
    done, after = Rewrapped(), 0
    while done.rewrapped < most:
        async with store.read() as reading:
            numbers = await reading.keys_of_other_wrapping(current, after, BATCH)
        if not numbers:
            done = await _rewrap_servers(store, vault, current, done)
            return done._replace(is_done=True)
        async with store.change(OWN_AUTHOR) as changing:
            for number in numbers:
                key = await changing.find(KEY, number)
                if key is None or key.encryption_key_id == current:
                    # Somebody was faster.
                    continue
                if await _rewrap_one(changing, vault, key, current):
                    done = done._replace(rewrapped=done.rewrapped + 1)
                else:
                    done = done._replace(unreadable=done.unreadable + 1)
        after = numbers[-1]
    return done


async def _rewrap_servers(store: Store, vault: Vault, current: str, done: Rewrapped) -> Rewrapped:
    """Wrap the headers of MCP servers again, of which there are few."""
    async with store.read() as reading:
        if not await reading.servers_of_other_wrapping(current):
            return done
    async with store.change(OWN_AUTHOR) as changing:
        for number in await changing.servers_of_other_wrapping(current):
            server = await changing.get(MCP_SERVER, number)
            if server.secret is None:
                continue
            try:
                new = server.with_secret(vault.rewrap(server.secret, server.owner))
            except SecretUnreadable as error:
                log = structlog.get_logger("rewrapping")
                log.warning("secret_unreadable", mcp_server_id=number, detail=error.message)
                done = done._replace(unreadable=done.unreadable + 1)
                continue
            key_ids = {"from": server.encryption_key_id, "to": current}
            await changing.update(MCP_SERVER, server, new, encryptionKeyId=key_ids)
            done = done._replace(rewrapped=done.rewrapped + 1)
    return done


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
