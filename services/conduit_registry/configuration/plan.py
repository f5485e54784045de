"""What a configuration document asks for, checked as far as that can be done without the rest."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import MISSING, dataclass, fields
from typing import Generic

from conduit.v1.fallback_chain_json import fallback_chain_spec_from_json
from conduit.v1.json_runtime import JsonError
from conduit.v1.key_credential_json import key_credential_spec_from_json
from conduit.v1.model_mapping_json import model_mapping_spec_from_json
from conduit.v1.provider_json import provider_spec_from_json
from conduit.v1.virtual_key_json import virtual_key_spec_from_json
from conduit_kernel.errors import InvalidRequest, NotImplementedYet
from conduit_kernel.slices import Slices
from conduit_providers.catalog import Catalog
from conduit_registry.configuration.document import Members, members
from conduit_registry.patches import (
    ChainPatch,
    KeyPatch,
    MappingPatch,
    PatchT,
    ProviderPatch,
    VirtualKeyPatch,
    with_defaults,
)
from conduit_registry.rules.addresses import Addresses
from conduit_registry.rules.fields import required
from conduit_registry.rules.keys import key_fields
from conduit_registry.rules.providers import provider_fields
from conduit_registry.rules.routing import chain_fields, mapping_fields
from conduit_registry.rules.virtual_keys import virtual_key_fields
from conduit_registry.values import FallbackChain, Key, ModelMapping, Provider, Resource, VirtualKey

# Not an operator's to say.
_OWN = frozenset(
    {
        *("id", "created_at", "updated_at", "last_used", "rotated_at", "key_prefix", "hash"),
        *("former_hash", "former_key_until"),
    }
)
_SEALED = frozenset(
    {
        *("masked_api_key", "encryption_key_id", "wrapped_data_key", "ciphertext"),
        *("destination", "retires_at"),
    }
)


@dataclass(frozen=True, slots=True)
class Entry(Generic[PatchT]):
    """One thing of the document: where it stands, and what it shall be."""

    path: str
    given: PatchT


@dataclass(frozen=True, slots=True)
class KeyEntry(Entry[KeyPatch]):
    """A key; its id is empty where the document does not tell."""

    id: str


@dataclass(frozen=True, slots=True)
class ProviderEntry(Entry[ProviderPatch]):
    """An instance with its keys; None where the document does not speak of them."""

    keys: list[KeyEntry] | None


@dataclass(frozen=True, slots=True)
class RoutingEntry:
    """A mapping or a chain, whose instances are still names."""

    path: str
    members: Members


@dataclass(frozen=True, slots=True)
class Plan:
    """The sections of a document; None for those that it does not have."""

    providers: list[ProviderEntry] | None
    mappings: list[RoutingEntry] | None
    chains: list[RoutingEntry] | None
    virtual_keys: list[Entry[VirtualKeyPatch]] | None


async def plan_of(
    document: dict[str, list[Members]], catalog: Catalog, addresses: Addresses
) -> Plan:
    """Check a document. InvalidRequest names the place."""
    slices = Slices()
    providers: list[ProviderEntry] = []
    for i, each in enumerate(document.get("providers", ())):
        providers.append(await _provider(each, f"providers[{i}]", catalog, addresses))
        await slices.pause()
    virtual_keys: list[Entry[VirtualKeyPatch]] = []
    for i, each in enumerate(document.get("virtualKeys", ())):
        virtual_keys.append(_virtual_key(each, f"virtualKeys[{i}]"))
        await slices.pause()
    return Plan(
        providers if "providers" in document else None,
        _routing(document, "mappings"),
        _routing(document, "fallbackChains"),
        virtual_keys if "virtualKeys" in document else None,
    )


def mapping_given(entry: RoutingEntry, ids: dict[str, int]) -> MappingPatch:
    """Return what a mapping shall be, now that all instances have ids."""
    with at(entry.path):
        resolved = _with_ids(entry.members, ids)
        given = mapping_fields(model_mapping_spec_from_json(resolved))
        alias = required(given.get("model_alias"), "modelAlias")
        named: MappingPatch = {"actual_model_name": alias, **given}
        return with_defaults(named, _defaults(ModelMapping))


def chain_given(entry: RoutingEntry, ids: dict[str, int]) -> ChainPatch:
    """Return what a chain shall be, now that all instances have ids."""
    with at(entry.path):
        resolved = dict(entry.members)
        steps = members(resolved.get("providers"), "providers")
        resolved["providers"] = [_with_ids(step, ids) for step in steps]
        given = chain_fields(fallback_chain_spec_from_json(resolved))
        required(given.get("model_alias"), "modelAlias")
        return with_defaults(given, _defaults(FallbackChain))


@contextmanager
def at(path: str) -> Iterator[None]:
    """Say in errors where in the document they are."""
    try:
        yield
    except JsonError as error:
        where = f"{path}.{error.path}" if error.path else path
        raise InvalidRequest(f"{where} {error.message}", field=where) from None
    except (InvalidRequest, NotImplementedYet) as error:
        error.metadata["field"] = f"{path}.{error.metadata.get('field', '')}".rstrip(".")
        error.message = f"{path}: {error.message}"
        raise


async def _provider(
    entry: Members, path: str, catalog: Catalog, addresses: Addresses
) -> ProviderEntry:
    entry = dict(entry)
    has_keys = "keys" in entry
    keys = members(entry.pop("keys", None), f"{path}.keys")
    with at(path):
        spec = provider_spec_from_json(entry)
        given = provider_fields(spec, catalog)
        given["base_url"] = await addresses.check(spec.base_url)
        required(given.get("name"), "name")
        required(given.get("provider_type"), "providerType")
    entries = [await _key(key, f"{path}.keys[{i}]", addresses) for i, key in enumerate(keys)]
    return ProviderEntry(
        path, with_defaults(given, _defaults(Provider)), entries if has_keys else None
    )


async def _key(entry: Members, path: str, addresses: Addresses) -> KeyEntry:
    entry = dict(entry)
    number = entry.pop("id", "")
    with at(path):
        spec = key_credential_spec_from_json(entry)
        given = key_fields(spec)
        given["base_url"] = await addresses.check(spec.base_url)
    return KeyEntry(path, with_defaults(given, _defaults(Key)), str(number))


def _routing(document: dict[str, list[Members]], section: str) -> list[RoutingEntry] | None:
    if section not in document:
        return None
    return [RoutingEntry(f"{section}[{i}]", each) for i, each in enumerate(document[section])]


def _virtual_key(entry: Members, path: str) -> Entry[VirtualKeyPatch]:
    with at(path):
        given = virtual_key_fields(virtual_key_spec_from_json(entry))
        required(given.get("name"), "name")
    return Entry(path, with_defaults(given, _defaults(VirtualKey)))


def _with_ids(entry: Members, ids: dict[str, int]) -> Members:
    entry = dict(entry)
    if "providerId" in entry:
        message = "provider must be the name of a provider; ids may differ elsewhere"
        raise InvalidRequest(message, field="provider")
    name = str(entry.pop("provider", ""))
    number = ids.get(name.strip().casefold())
    if number is None:
        raise InvalidRequest(f"There is no provider named {name[:200]!r}", field="provider")
    return entry | {"providerId": number}


def _defaults(value: type[Resource]) -> dict[str, object]:
    # The document says all of a thing, so what it leaves out is as on creation.
    defaults: dict[str, object] = {}
    for each in fields(value):
        if each.name in _OWN | _SEALED:
            continue
        if each.default is not MISSING:
            defaults[each.name] = each.default
        elif each.default_factory is not MISSING:
            defaults[each.name] = each.default_factory()
    return defaults
