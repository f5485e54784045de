"""Makes the configuration what a document says, within one transaction."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

from conduit_kernel.audit.changes import differences
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.slices import Slices
from conduit_registry import messages
from conduit_registry.configuration.editor import Editor
from conduit_registry.configuration.plan import (
    Entry,
    KeyEntry,
    Plan,
    ProviderEntry,
    RoutingEntry,
    at,
    chain_given,
    mapping_given,
)
from conduit_registry.patches import KeyPatch, MappingPatch, ProviderPatch, VirtualKeyPatch
from conduit_registry.store import FALLBACK_CHAIN, KEY, MAPPING, PROVIDER, VIRTUAL_KEY
from conduit_registry.values import Key, Provider, Resource

_KEY_IS_NEEDED = (
    "apiKey is missing, as exports have no secrets: give the key, or a reference such as env:NAME"
)
_KEY_IS_NEEDED_THERE = "apiKey is missing, as the stored one was not given for this address"


class Import:
    """One import. `lines` has one line for each change, in order."""

    def __init__(self, editor: Editor, plan: Plan, *, is_rehearsal: bool) -> None:
        """Take what shall be. In a rehearsal the values of new virtual keys are not returned."""
        self._editor = editor
        self._reading = editor.changing
        self._plan = plan
        self._is_rehearsal = is_rehearsal
        self._slices = Slices()
        self.lines: list[str] = []

    async def run(self) -> None:
        """Do it all. InvalidRequest, naming the place, if something cannot be."""
        await self._providers(self._plan.providers)
        providers = await self._reading.every(PROVIDER)
        ids = {provider.name.casefold(): provider.id for provider in providers}
        await self._mappings(self._plan.mappings, ids)
        await self._chains(self._plan.chains, ids)
        await self._virtual_keys()

    async def _providers(self, entries: Sequence[ProviderEntry] | None) -> None:
        if entries is None:
            return
        known = {p.name.casefold(): p for p in await self._reading.every(PROVIDER)}
        wanted = _once([(_name(e).casefold(), e.path) for e in entries], "name")
        for name, provider in known.items():
            if name not in wanted:
                await self._editor.delete_provider(provider.id)
                self.lines.append(f"deleted provider {provider.name!r}")
        keys = defaultdict[int, list[Key]](list)
        for key in await self._reading.every(KEY):
            # No document has former values; they go by themselves.
            if key.retires_at is not None:
                continue
            keys[key.provider_id].append(key)
        for entry in entries:
            await self._slices.pause()
            with at(entry.path):
                provider = await self._provider(entry, known.get(_name(entry).casefold()))
            if entry.keys is not None:
                await self._keys(provider, keys[provider.id], entry.keys)

    async def _provider(self, entry: ProviderEntry, old: Provider | None) -> Provider:
        label = f"provider {_name(entry)!r}"
        if old is None:
            new = await self._editor.create_provider(entry.given)
        elif _is_same(old, entry.given):
            return old
        else:
            # Those that are not given again are looked at with the keys.
            is_whole = entry.keys is not None
            new = await self._editor.update_provider(old.id, entry.given, may_move_keys=is_whole)
        self._tell(label, old, new)
        return new

    async def _keys(
        self, provider: Provider, old: Sequence[Key], entries: Sequence[KeyEntry]
    ) -> None:
        matches = _matched(old, entries)
        kept = {match.id for match in matches if match}
        for key in old:
            if key.id not in kept:
                await self._editor.delete_key(provider.id, key.id)
                self.lines.append(f"deleted {key.api_id} of provider {provider.name!r}")
        for entry, match in zip(entries, matches, strict=True):
            await self._slices.pause()
            with at(entry.path):
                await self._key(provider, entry.given, match)

    async def _key(self, provider: Provider, given: KeyPatch, old: Key | None) -> None:
        if old is None:
            if not given.get("api_key"):
                raise InvalidRequest(_KEY_IS_NEEDED, field="apiKey")
            new = await self._editor.create_key(provider.id, given)
        elif "api_key" not in given and not self._editor.may_stay(provider, old):
            raise InvalidRequest(_KEY_IS_NEEDED_THERE, field="apiKey")
        elif "api_key" not in given and _is_same(old, given):
            return
        else:
            new = await self._editor.update_key(provider.id, old.id, given)
        self._tell(f"{new.api_id} of provider {provider.name!r}", old, new)
        if old is not None and old.ciphertext != new.ciphertext:
            self.lines.append(f"rotated {new.api_id} of provider {provider.name!r}")

    async def _mappings(self, entries: Sequence[RoutingEntry] | None, ids: dict[str, int]) -> None:
        if entries is None:
            return
        known = {(m.model_alias, m.provider_id): m for m in await self._reading.every(MAPPING)}
        names = {number: name for name, number in ids.items()}
        given: list[tuple[str, MappingPatch]] = []
        for entry in entries:
            given.append((entry.path, mapping_given(entry, ids)))
            await self._slices.pause()
        wanted = _once([(_route(each), path) for path, each in given], "modelAlias")
        for route, mapping in known.items():
            if route not in wanted:
                await self._editor.delete_mapping(mapping.id)
                self.lines.append(f"deleted mapping {_arrow(route, names)}")
        for path, each in given:
            old = known.get(_route(each))
            await self._slices.pause()
            if old is not None and _is_same(old, each):
                continue
            with at(path):
                new = (
                    await self._editor.update_mapping(old.id, each)
                    if old
                    else await self._editor.create_mapping(each)
                )
            self._tell(f"mapping {_arrow(_route(each), names)}", old, new)

    async def _chains(self, entries: Sequence[RoutingEntry] | None, ids: dict[str, int]) -> None:
        if entries is None:
            return
        known = {chain.model_alias: chain for chain in await self._reading.every(FALLBACK_CHAIN)}
        given = [(entry.path, chain_given(entry, ids)) for entry in entries]
        wanted = _once([(each.get("model_alias"), path) for path, each in given], "modelAlias")
        for alias, chain in known.items():
            if alias not in wanted:
                await self._editor.delete_chain(chain.id)
                self.lines.append(f"deleted fallback chain {alias!r}")
        for path, each in given:
            old = known.get(each.get("model_alias", ""))
            await self._slices.pause()
            if old is not None and _is_same(old, each):
                continue
            with at(path):
                new = (
                    await self._editor.update_chain(old.id, each)
                    if old
                    else await self._editor.create_chain(each)
                )
            self._tell(f"fallback chain {new.model_alias!r}", old, new)

    async def _virtual_keys(self) -> None:
        entries = self._plan.virtual_keys
        if entries is None:
            return
        known = {v.name.casefold(): v for v in await self._reading.every(VIRTUAL_KEY)}
        wanted = _once([(_name(e).casefold(), e.path) for e in entries], "name")
        for name, virtual_key in known.items():
            if name not in wanted:
                await self._editor.delete_virtual_key(virtual_key.id)
                self.lines.append(f"deleted virtual key {virtual_key.name!r}")
        for entry in entries:
            old = known.get(_name(entry).casefold())
            await self._slices.pause()
            if old is None:
                await self._new_virtual_key(entry.given)
                continue
            if _is_same(old, entry.given):
                continue
            new = await self._editor.update_virtual_key(old.id, entry.given)
            self._tell(f"virtual key {new.name!r}", old, new)

    async def _new_virtual_key(self, given: VirtualKeyPatch) -> None:
        value, secret = await self._editor.create_virtual_key(given)
        # Nothing else ever shows it.
        shown = "" if self._is_rehearsal else f": {secret}"
        self.lines.append(f"created virtual key {value.name!r}{shown}")

    def _tell(self, label: str, old: Resource | None, new: Resource) -> None:
        if old is None:
            self.lines.append(f"created {label}")
            return
        changes = differences(messages.shown(old), messages.shown(new))
        shown = [
            f"{n}: {c['from']!r} to {c['to']!r}" for n, c in changes.items() if n not in _APART
        ]
        if shown:
            self.lines.append(f"changed {label}, {', '.join(shown)}")


# Reported as a rotation.
_APART = frozenset({"maskedApiKey", "rotatedAt"})

Route = tuple[str, int]


def _name(entry: Entry[ProviderPatch] | Entry[KeyPatch] | Entry[VirtualKeyPatch]) -> str:
    return entry.given.get("name", "")


def _route(given: MappingPatch) -> Route:
    return given.get("model_alias", ""), given.get("provider_id", 0)


def _is_same(old: Resource, given: Mapping[str, object]) -> bool:
    """Return whether a thing is already what it shall be: most are, when a document comes again."""
    return all(getattr(old, name) == value for name, value in given.items())


def _arrow(route: Route, names: dict[int, str]) -> str:
    alias, provider_id = route
    return f"{alias!r} to provider {names.get(provider_id, str(provider_id))!r}"


def _once(found: Sequence[tuple[object, str]], field: str) -> set[object]:
    seen: set[object] = set()
    for each, path in found:
        if each in seen:
            raise InvalidRequest(f"{path} is in the document twice", field=f"{path}.{field}")
        seen.add(each)
    return seen


def _matched(old: Sequence[Key], entries: Sequence[KeyEntry]) -> list[Key | None]:
    """Return for each entry the key that it speaks of: by id, else by name, each key once."""
    left = {key.api_id: key for key in old}
    found = [left.pop(entry.id, None) for entry in entries]
    by_name: dict[str, list[Key]] = {}
    for key in reversed(left.values()):
        by_name.setdefault(key.name, []).append(key)
    return [match or _take(by_name, entry) for match, entry in zip(found, entries, strict=True)]


def _take(by_name: dict[str, list[Key]], entry: KeyEntry) -> Key | None:
    name = _name(entry)
    matches = by_name.get(name) if name else None
    return matches.pop() if matches else None
