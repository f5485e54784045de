"""What operators do to the configuration, within one transaction.

The rules that need to know what else there is stand here; those that need not, in `rules`.
"""

import secrets
from collections.abc import Callable, Sequence
from dataclasses import replace

from conduit.v1.audit_entry_pb2 import AUDIT_ACTION_ROTATED
from conduit_kernel.errors import AlreadyExists, InvalidRequest, SecretUnreadable
from conduit_kernel.secrets import Vault
from conduit_kernel.updates import must_match
from conduit_providers.auth.secret_files import SecretFiles, files_named
from conduit_providers.catalog import Catalog
from conduit_registry import messages
from conduit_registry.configuration.virtual_key_groups import check_group
from conduit_registry.patches import (
    ChainPatch,
    KeyPatch,
    MappingPatch,
    ProviderPatch,
    VirtualKeyPatch,
    without_value,
)
from conduit_registry.rules.budgets import check_budgets
from conduit_registry.rules.fields import required
from conduit_registry.rules.keys import masked
from conduit_registry.store import (
    FALLBACK_CHAIN,
    KEY,
    MAINTENANCE_WINDOW,
    MAPPING,
    PROVIDER,
    VIRTUAL_KEY,
    WriteTransaction,
)
from conduit_registry.values import (
    FallbackChain,
    Key,
    ModelMapping,
    Provider,
    Step,
    VirtualKey,
)

VIRTUAL_KEY_START = "condt_"
# 43 characters in URL-safe base64.
VIRTUAL_KEY_BYTES = 32
SHOWN_CHARS = 12


def new_virtual_key() -> str:
    """Return a fresh value of a virtual key."""
    return VIRTUAL_KEY_START + secrets.token_urlsafe(VIRTUAL_KEY_BYTES)


class Editor:
    """Makes, changes and removes things, each by the fields that its spec gave.

    A change that names an etag builds on the state of that etag, or is refused.
    """

    def __init__(
        self,
        changing: WriteTransaction,
        *,
        catalog: Catalog,
        vault: Vault,
        secret_files: SecretFiles,
        make_key: Callable[[], str] = new_virtual_key,
    ) -> None:
        self.changing = changing
        self._catalog = catalog
        self._vault = vault
        self._secret_files = secret_files
        self._make_key = make_key

    async def create_provider(self, given: ProviderPatch) -> Provider:
        """Add an instance."""
        name = required(given.get("name"), "name")
        required(given.get("provider_type"), "providerType")
        await self._claim_provider_name(name)
        self._check_target(Provider(**given))
        return await self.changing.create(PROVIDER, lambda number: Provider(id=number, **given))

    async def update_provider(
        self, number: int, given: ProviderPatch, etag: str = "", *, may_move_keys: bool = False
    ) -> Provider:
        """Change an instance.

        `may_move_keys` is for whoever gives the keys again, or takes those for lost that are not.
        """
        old = await self.changing.get(PROVIDER, number)
        must_match(etag, messages.provider(old).etag)
        new = replace(old, **given)
        if new.provider_type != old.provider_type:
            message = (
                f"providerType is {old.provider_type} and cannot change; make another provider"
            )
            raise InvalidRequest(message, field="providerType")
        if new.name.casefold() != old.name.casefold():
            await self._claim_provider_name(new.name)
        self._check_target(new)
        if not may_move_keys:
            await self._check_keys_stay(old, new)
        return await self.changing.update(PROVIDER, old, new)

    async def delete_provider(self, number: int) -> None:
        """Remove an instance with its keys, mappings and places in chains, and its maintenance."""
        for window in await self.changing.every(MAINTENANCE_WINDOW, provider_id=number):
            await self.changing.delete(MAINTENANCE_WINDOW, window)
        await self.changing.delete(PROVIDER, await self.changing.get(PROVIDER, number))

    async def create_key(self, provider_id: int, given: KeyPatch) -> Key:
        """Add a key to an instance."""
        provider = await self.changing.get(PROVIDER, provider_id)
        api_key = required(given.get("api_key"), "apiKey")
        key = Key(provider_id=provider_id, **without_value(given))
        self._check_target(provider, key)
        return await self.changing.create(
            KEY, lambda number: self._sealed(provider, replace(key, id=number), api_key)
        )

    async def update_key(
        self, provider_id: int, number: int, given: KeyPatch, etag: str = ""
    ) -> Key:
        """Change a key; with a new value it is rotated, too."""
        provider = await self.changing.get(PROVIDER, provider_id)
        old = await self.changing.key_of(provider_id, number)
        must_match(etag, messages.key(old).etag)
        api_key, new = given.get("api_key"), replace(old, **without_value(given))
        self._check_target(provider, new)
        if api_key is None and self._destination(provider, new) != self._destination(provider, old):
            message = "baseUrl leads elsewhere, where no key is sent that was not given for it: "
            raise InvalidRequest(f"{message}send apiKey as well", field="baseUrl")
        key = await self.changing.update(KEY, old, new)
        return key if api_key is None else await self.rotate_key(provider_id, number, api_key)

    async def rotate_key(self, provider_id: int, number: int, api_key: str, grace: int = 0) -> Key:
        """Replace a key's value. Nothing happens if it has that value.

        With a `grace` of some microseconds the former value is a key of its own for so long.
        """
        provider = await self.changing.get(PROVIDER, provider_id)
        old = await self.changing.key_of(provider_id, number)
        if old.retires_at is not None:
            message = (
                f"{old.api_id} is a former value that goes by itself; rotate the key it was of"
            )
            raise InvalidRequest(message, field="keyId")
        value = self._value_of(provider, old)
        if value is not None and secrets.compare_digest(value.encode(), api_key.encode()):
            return old
        if grace and old.is_enabled:
            await self._keep_former(provider, old, self.changing.now + grace)
        new = replace(self._sealed(provider, old, api_key), rotated_at=self.changing.now)
        return await self.changing.update(KEY, old, new, AUDIT_ACTION_ROTATED)

    def may_stay(self, provider: Provider, key: Key) -> bool:
        """Return whether a key's value was given for where it is sent."""
        return key.destination in {"", self._destination(provider, key)}

    async def delete_key(self, provider_id: int, number: int) -> None:
        """Remove a key."""
        await self.changing.get(PROVIDER, provider_id)
        await self.changing.delete(KEY, await self.changing.key_of(provider_id, number))

    async def create_mapping(self, given: MappingPatch) -> ModelMapping:
        """Add a mapping."""
        alias = required(given.get("model_alias"), "modelAlias")
        provider_id = required(given.get("provider_id"), "providerId")
        await self._claim_mapping(alias, provider_id)
        named: MappingPatch = {"actual_model_name": alias, **given}
        return await self.changing.create(MAPPING, lambda number: ModelMapping(id=number, **named))

    async def update_mapping(
        self, number: int, given: MappingPatch, etag: str = ""
    ) -> ModelMapping:
        """Change a mapping."""
        old = await self.changing.get(MAPPING, number)
        must_match(etag, messages.mapping(old).etag)
        new = replace(old, **given)
        if not new.actual_model_name:
            new = replace(new, actual_model_name=new.model_alias)
        if (new.model_alias, new.provider_id) != (old.model_alias, old.provider_id):
            await self._claim_mapping(new.model_alias, new.provider_id)
        return await self.changing.update(MAPPING, old, new)

    async def delete_mapping(self, number: int) -> None:
        """Remove a mapping."""
        await self.changing.delete(MAPPING, await self.changing.get(MAPPING, number))

    async def create_chain(self, given: ChainPatch) -> FallbackChain:
        """Add a chain."""
        await self._claim_chain(required(given.get("model_alias"), "modelAlias"))
        await self._check_steps(given.get("providers", ()))
        return await self.changing.create(
            FALLBACK_CHAIN, lambda number: FallbackChain(id=number, **given)
        )

    async def update_chain(self, number: int, given: ChainPatch, etag: str = "") -> FallbackChain:
        """Change a chain."""
        old = await self.changing.get(FALLBACK_CHAIN, number)
        must_match(etag, messages.fallback_chain(old).etag)
        new = replace(old, **given)
        if new.model_alias != old.model_alias:
            await self._claim_chain(new.model_alias)
        await self._check_steps(new.providers)
        return await self.changing.update(FALLBACK_CHAIN, old, new)

    async def delete_chain(self, number: int) -> None:
        """Remove a chain."""
        await self.changing.delete(FALLBACK_CHAIN, await self.changing.get(FALLBACK_CHAIN, number))

    async def create_virtual_key(self, given: VirtualKeyPatch) -> tuple[VirtualKey, str]:
        """Add a virtual key; return it with its value, which is not kept.

        The value is empty where its hash is given: another gateway has made it.
        """
        await self._claim_virtual_key_name(required(given.get("name"), "name"))
        check_budgets(None, given)
        await check_group(self.changing, given)
        if (known_by := given.get("hash")) is not None:
            await self._claim_hash(known_by)
            return await self.changing.create(
                VIRTUAL_KEY, lambda number: VirtualKey(id=number, **given)
            ), ""
        secret = self._make_key()

        def make(number: int) -> VirtualKey:
            value = VirtualKey(id=number, **given)
            return replace(value, key_prefix=secret[:SHOWN_CHARS], hash=self._vault.hash(secret))

        return await self.changing.create(VIRTUAL_KEY, make), secret

    async def update_virtual_key(
        self, number: int, given: VirtualKeyPatch, etag: str = ""
    ) -> VirtualKey:
        """Change a virtual key."""
        if "hash" in given:
            message = "keySha256 is given when a virtual key is created; this one has a value"
            raise InvalidRequest(message, field="keySha256")
        old = await self.changing.get(VIRTUAL_KEY, number)
        must_match(etag, messages.virtual_key(old).etag)
        check_budgets(old, given)
        await check_group(self.changing, given)
        new = replace(old, **given)
        if new.name.casefold() != old.name.casefold():
            await self._claim_virtual_key_name(new.name)
        return await self.changing.update(VIRTUAL_KEY, old, new)

    async def rotate_virtual_key(self, number: int, grace: int) -> tuple[VirtualKey, str]:
        """Replace a virtual key's value, and take the former one for a time in microseconds.

        Return it with the new value, which is not kept.
        """
        old, secret = await self.changing.get(VIRTUAL_KEY, number), self._make_key()
        new = replace(
            old,
            key_prefix=secret[:SHOWN_CHARS],
            hash=self._vault.hash(secret),
            rotated_at=self.changing.now,
            former_hash=old.hash if grace else None,
            former_key_until=self.changing.now + grace if grace else None,
        )
        return await self.changing.update(VIRTUAL_KEY, old, new, AUDIT_ACTION_ROTATED), secret

    async def delete_virtual_key(self, number: int) -> None:
        """Remove a virtual key."""
        await self.changing.delete(VIRTUAL_KEY, await self.changing.get(VIRTUAL_KEY, number))

    async def _keep_former(self, provider: Provider, key: Key, retires_at: int) -> None:
        value = self._value_of(provider, key)
        if value is not None:
            former = replace(key, retires_at=retires_at, last_used=None)
            await self.changing.create(
                KEY, lambda number: self._sealed(provider, replace(former, id=number), value)
            )

    def _sealed(self, provider: Provider, key: Key, api_key: str) -> Key:
        self._check_files(api_key)
        destination = self._destination(provider, key)
        sealed = self._vault.seal(api_key, key.api_id, destination)
        return replace(key, masked_api_key=masked(api_key)).with_secret(sealed)

    def _value_of(self, provider: Provider, key: Key) -> str | None:
        """Return a key's value; None if it cannot be read, which giving it again mends."""
        try:
            return self._vault.open(key.secret, key.api_id, self._destination(provider, key))
        except SecretUnreadable:
            return None

    def _destination(self, provider: Provider, key: Key) -> str:
        return self._catalog.destination(messages.provider(provider), messages.key(key))

    async def _check_keys_stay(self, old: Provider, new: Provider) -> None:
        """Refuse to send keys where nobody who gave them meant them to go."""
        before, after = messages.provider(old), messages.provider(new)
        for key in await self.changing.every(KEY, provider_id=old.id):
            shown = messages.key(key)
            there = self._catalog.destination(after, shown)
            if there != self._catalog.destination(before, shown):
                raise InvalidRequest(
                    f"The keys of {old.name} were not given for {there}: delete them, "
                    "change the address, and add them again",
                    field="baseUrl",
                )

    def _check_files(self, api_key: str) -> None:
        # A link may lead elsewhere by the time that the key is used, so it is followed then.
        for path in files_named(api_key):
            if not self._secret_files.may_read(path):
                raise InvalidRequest(
                    "apiKey names a file outside the folders for secrets; put it into one of "
                    "them, or name its folder in CONDUIT_SECRET_DIRS",
                    field="apiKey",
                )

    def _check_target(self, provider: Provider, key: Key | None = None) -> None:
        credential = None if key is None else messages.key(key)
        self._catalog.target(messages.provider(provider), credential)

    async def _claim_provider_name(self, name: str) -> None:
        if other := await self.changing.named(PROVIDER, name):
            message = f"There is a provider named {other.name!r} already"
            raise AlreadyExists(message, field="name", provider_id=str(other.id))

    async def _claim_virtual_key_name(self, name: str) -> None:
        if other := await self.changing.named(VIRTUAL_KEY, name):
            message = f"There is a virtual key named {other.name!r} already"
            raise AlreadyExists(message, field="name", virtual_key_id=str(other.id))

    async def _claim_hash(self, known_by: bytes) -> None:
        if other := await self.changing.virtual_key_of(known_by):
            message = f"The virtual key {other.name!r} has this value already"
            raise AlreadyExists(message, field="keySha256", virtual_key_id=str(other.id))

    async def _claim_mapping(self, alias: str, provider_id: int) -> None:
        provider = await self.changing.get(PROVIDER, provider_id)
        if other := await self.changing.mapping_like(alias, provider_id):
            message = f"The alias {alias!r} is mapped to provider {provider.name!r} already"
            raise AlreadyExists(message, field="modelAlias", mapping_id=str(other.id))

    async def _claim_chain(self, alias: str) -> None:
        if other := await self.changing.chain_of(alias):
            message = f"There is a fallback chain for {alias!r} already"
            raise AlreadyExists(message, field="modelAlias", fallback_chain_id=str(other.id))

    async def _check_steps(self, steps: Sequence[Step]) -> None:
        for step in steps:
            await self.changing.get(PROVIDER, step.provider_id)
