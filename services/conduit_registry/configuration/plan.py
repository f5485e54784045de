"""What a configuration document asks for, checked as far as that can be done without the rest."""

from dataclasses import MISSING, dataclass, field, fields
from typing import Generic

from conduit.v1.fallback_chain_json import fallback_chain_spec_from_json
from conduit.v1.key_credential_json import key_credential_spec_from_json
from conduit.v1.model_mapping_json import model_mapping_spec_from_json
from conduit.v1.provider_json import provider_security_from_json, provider_spec_from_json
from conduit.v1.virtual_key_group_json import virtual_key_group_spec_from_json
from conduit.v1.virtual_key_json import virtual_key_spec_from_json
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.slices import Slices
from conduit_providers.catalog import Catalog
from conduit_registry.configuration.document import SECURITY, Members, members
from conduit_registry.configuration.problems import Problems, at
from conduit_registry.patches import (
    ChainPatch,
    KeyPatch,
    MappingPatch,
    PatchT,
    ProviderPatch,
    VirtualKeyGroupPatch,
    VirtualKeyPatch,
    with_defaults,
)
from conduit_registry.rules.addresses import Addresses
from conduit_registry.rules.fields import required
from conduit_registry.rules.keys import key_fields
from conduit_registry.rules.providers import provider_fields
from conduit_registry.rules.routing import chain_fields, mapping_fields
from conduit_registry.rules.security import provider_security
from conduit_registry.rules.virtual_key_groups import virtual_key_group_fields
from conduit_registry.rules.virtual_keys import virtual_key_fields
from conduit_registry.values import (
    FallbackChain,
    Key,
    ModelMapping,
    Provider,
    Resource,
    VirtualKey,
    VirtualKeyGroup,
)

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
    # By which the document's mappings and chains may speak of it; 0 if they cannot.
    number: int = 0


@dataclass(frozen=True, slots=True)
class VirtualKeyEntry(Entry[VirtualKeyPatch]):
    """A virtual key; its group is a name, or empty for what its fields say."""

    group: str = ""


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
    virtual_keys: list[VirtualKeyEntry] | None
    groups: list[Entry[VirtualKeyGroupPatch]] | None = None
    # Of all instances, where the document has rules and no instances.
    security: ProviderPatch | None = None
    # Names of instances of the document of which something is wrong.
    unsound: set[str] = field(default_factory=set[str])


async def plan_of(
    document: dict[str, list[Members]],
    catalog: Catalog,
    addresses: Addresses,
    problems: Problems | None = None,
) -> Plan:
    """Check a document. InvalidRequest names the place, where problems are not collected."""
    planner = _Planner(catalog, addresses, problems or Problems(collects=False))
    return await planner.plan_of(document)


class _Planner:
    def __init__(self, catalog: Catalog, addresses: Addresses, problems: Problems) -> None:
        self._catalog = catalog
        self._addresses = addresses
        self._problems = problems
        self._slices = Slices()
        self._unsound = set[str]()

    async def plan_of(self, document: dict[str, list[Members]]) -> Plan:
        providers: list[ProviderEntry] = []
        for i, each in enumerate(document.get("providers", ())):
            await self._slices.pause()
            if entry := await self._provider(each, f"providers[{i}]"):
                providers.append(entry)
            else:
                self._unsound.add(str(each.get("name", "")).strip().casefold())
        groups: list[Entry[VirtualKeyGroupPatch]] = []
        for i, each in enumerate(document.get("virtualKeyGroups", ())):
            await self._slices.pause()
            with self._problems.at(path := f"virtualKeyGroups[{i}]"):
                groups.append(_group(each, path))
        virtual_keys: list[VirtualKeyEntry] = []
        for i, each in enumerate(document.get("virtualKeys", ())):
            await self._slices.pause()
            with self._problems.at(path := f"virtualKeys[{i}]"):
                virtual_keys.append(_virtual_key(each, path))
        return Plan(
            providers if "providers" in document else None,
            _routing(document, "mappings"),
            _routing(document, "fallbackChains"),
            virtual_keys if "virtualKeys" in document else None,
            groups if "virtualKeyGroups" in document else None,
            self._security(document),
            self._unsound,
        )

    async def _provider(self, entry: Members, path: str) -> ProviderEntry | None:
        entry = dict(entry)
        has_keys = "keys" in entry
        with self._problems.at(path):
            keys = members(entry.pop("keys", None), f"{path}.keys")
            number = _number(entry.pop("id", 0), "id")
            spec = provider_spec_from_json(entry)
            given = provider_fields(spec, self._catalog)
            given["base_url"] = await self._addresses.check(spec.base_url)
            required(given.get("name"), "name")
            required(given.get("provider_type"), "providerType")
            entries = [
                found
                for i, key in enumerate(keys)
                if (found := await self._key(key, f"{path}.keys[{i}]"))
            ]
            whole = with_defaults(given, _defaults(Provider))
            return ProviderEntry(path, whole, entries if has_keys else None, number)
        return None

    async def _key(self, entry: Members, path: str) -> KeyEntry | None:
        entry = dict(entry)
        number = entry.pop("id", "")
        with self._problems.at(path):
            spec = key_credential_spec_from_json(entry)
            given = key_fields(spec)
            given["base_url"] = await self._addresses.check(spec.base_url)
            return KeyEntry(path, with_defaults(given, _defaults(Key)), str(number))
        return None

    def _security(self, document: dict[str, list[Members]]) -> ProviderPatch | None:
        if SECURITY not in document:
            return None
        with self._problems.at(SECURITY):
            return provider_security(provider_security_from_json(document[SECURITY][0]))
        return None


def mapping_given(entry: RoutingEntry, instances: "Instances") -> MappingPatch:
    """Return what a mapping shall be, now that all instances have ids."""
    with at(entry.path):
        resolved = instances.with_ids(entry.members)
        given = mapping_fields(model_mapping_spec_from_json(resolved))
        alias = required(given.get("model_alias"), "modelAlias")
        named: MappingPatch = {"actual_model_name": alias, **given}
        return with_defaults(named, _defaults(ModelMapping))


def chain_given(entry: RoutingEntry, instances: "Instances") -> ChainPatch:
    """Return what a chain shall be, now that all instances have ids."""
    with at(entry.path):
        resolved = dict(entry.members)
        steps = members(resolved.get("providers"), "providers")
        resolved["providers"] = [instances.with_ids(step) for step in steps]
        given = chain_fields(fallback_chain_spec_from_json(resolved))
        required(given.get("model_alias"), "modelAlias")
        return with_defaults(given, _defaults(FallbackChain))


@dataclass(frozen=True, slots=True)
class Instances:
    """The instances by what a document may call them."""

    # By name, without regard to case.
    by_name: dict[str, int]
    # By the ids that the document gives them.
    by_number: dict[int, int] = field(default_factory=dict[int, int])

    def with_ids(self, entry: Members) -> Members:
        """Return a mapping or a step with the id of its instance. InvalidRequest for none."""
        if "providerId" in entry and "provider" not in entry:
            return entry | {"providerId": self._with_number(entry["providerId"])}
        if "providerId" in entry:
            raise InvalidRequest("Give provider or providerId, not both", field="provider")
        entry = dict(entry)
        name = str(entry.pop("provider", ""))
        number = self.by_name.get(name.strip().casefold())
        if number is None:
            raise InvalidRequest(f"There is no provider named {name[:200]!r}", field="provider")
        return entry | {"providerId": number}

    def _with_number(self, given: object) -> int:
        number = _number(given, "providerId")
        found = self.by_number.get(number) if number else None
        if found is None and number in self.by_name.values():
            found = number
        if found is None:
            raise InvalidRequest(
                f"There is no provider with the id {str(given)[:40]}, neither in the document nor "
                "in this gateway; name it with `provider`",
                field="providerId",
            )
        return found


def _routing(document: dict[str, list[Members]], section: str) -> list[RoutingEntry] | None:
    if section not in document:
        return None
    return [RoutingEntry(f"{section}[{i}]", each) for i, each in enumerate(document[section])]


def _group(entry: Members, path: str) -> Entry[VirtualKeyGroupPatch]:
    given = virtual_key_group_fields(virtual_key_group_spec_from_json(entry))
    required(given.get("name"), "name")
    return Entry(path, with_defaults(given, _defaults(VirtualKeyGroup)))


def _virtual_key(entry: Members, path: str) -> VirtualKeyEntry:
    entry = dict(entry)
    group = entry.pop("group", None)
    given = virtual_key_fields(virtual_key_spec_from_json(entry))
    required(given.get("name"), "name")
    return VirtualKeyEntry(path, with_defaults(given, _defaults(VirtualKey)), str(group or ""))


def _number(given: object, field: str) -> int:
    if not isinstance(given, int) or isinstance(given, bool):
        raise InvalidRequest(f"{field} must be a whole number", field=field)
    return given


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
