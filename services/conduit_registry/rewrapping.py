"""Changes of the encryption key: what a former one wrapped is wrapped again by the current one."""

from dataclasses import replace

import structlog

from conduit_kernel.audit.author import Author
from conduit_kernel.errors import SecretUnreadable
from conduit_kernel.secrets import Vault
from conduit_registry.store import KEY, Store, WriteTransaction
from conduit_registry.values import Key

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


async def _rewrap_one(changing: WriteTransaction, vault: Vault, key: Key, current: str) -> bool:
    try:
        sealed = vault.rewrap(key.secret, key.api_id)
    except SecretUnreadable as error:
        log = structlog.get_logger("rewrapping")
        log.warning("secret_unreadable", key_id=key.api_id, detail=error.message)
        return False
    new = replace(
        key,
        encryption_key_id=sealed.encryption_key_id,
        wrapped_data_key=sealed.wrapped_data_key,
        ciphertext=sealed.ciphertext,
    )
    key_ids = {"from": key.encryption_key_id, "to": current}
    await changing.update(KEY, key, new, encryptionKeyId=key_ids)
    return True
