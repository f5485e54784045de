"""Makes instances and their keys what a document says."""

from collections import defaultdict
from collections.abc import Sequence

from conduit_kernel.errors import InvalidRequest
from conduit_registry.configuration.import_run import ImportRun, is_same
from conduit_registry.configuration.plan import Instances, KeyEntry, Plan, ProviderEntry
from conduit_registry.patches import KeyPatch, ProviderPatch
from conduit_registry.store import KEY, PROVIDER
from conduit_registry.values import Key, Provider

_KEY_IS_NEEDED = (
    "apiKey is missing, as exports have no secrets: give the key, or a reference such as env:NAME"
)
_KEY_IS_NEEDED_THERE = "apiKey is missing, as the stored one was not given for this address"


class ProviderImport:
    """The instances and keys of one import."""

    def __init__(self, run: ImportRun, plan: Plan) -> None:
        self._run = run
        self._editor = run.editor
        self._plan = plan

    async def apply(self) -> Instances:
        """Make them so; return by what mappings and chains may call the instances then."""
        numbers: dict[int, int] = {}
        if self._plan.providers is not None:
            numbers = await self._providers(self._plan.providers)
        if self._plan.security is not None:
            await self._secure(self._plan.security)
        providers = await self._run.reading.every(PROVIDER)
        return Instances({each.name.casefold(): each.id for each in providers}, numbers)

    async def _providers(self, entries: Sequence[ProviderEntry]) -> dict[int, int]:
        run, numbers = self._run, dict[int, int]()
        known = {p.name.casefold(): p for p in await run.reading.every(PROVIDER)}
        wanted = run.named_once([(_name(e), e.path) for e in entries], "name")
        for name, provider in known.items():
            if name not in wanted | self._plan.unsound and run.removes(
                f"provider {provider.name!r}"
            ):
                await self._editor.delete_provider(provider.id)
        made: list[tuple[Provider, ProviderEntry]] = []
        for entry in entries:
            await run.slices.pause()
            self._plan.unsound.add(_name(entry))
            with run.problems.at(entry.path):
                provider = await self._provider(entry, known.get(_name(entry)))
                made.append((provider, entry))
                numbers[entry.number] = provider.id
                self._plan.unsound.discard(_name(entry))
        await self._keys(made)
        return numbers

    async def _provider(self, entry: ProviderEntry, old: Provider | None) -> Provider:
        label = f"provider {entry.given.get('name', '')!r}"
        if old is None:
            new = await self._editor.create_provider(entry.given)
        elif is_same(old, entry.given):
            return old
        else:
            # Those that are not given again are looked at with the keys.
            is_whole = entry.keys is not None
            new = await self._editor.update_provider(old.id, entry.given, may_move_keys=is_whole)
        self._run.tell(label, old, new)
        return new

    async def _secure(self, rules: ProviderPatch) -> None:
        for old in await self._run.reading.every(PROVIDER):
            await self._run.slices.pause()
            if not is_same(old, rules):
                new = await self._editor.update_provider(old.id, rules)
                self._run.tell(f"provider {new.name!r}", old, new)

    async def _keys(self, made: Sequence[tuple[Provider, ProviderEntry]]) -> None:
        """Make the keys what they shall be, after all instances, as kinds are written apart."""
        known = defaultdict[int, list[Key]](list)
        for key in await self._run.reading.every(KEY):
            # No document has former values; they go by themselves.
            if key.retires_at is None:
                known[key.provider_id].append(key)
        for provider, entry in made:
            if entry.keys is not None:
                await self._keys_of(provider, known[provider.id], entry.keys)

    async def _keys_of(
        self, provider: Provider, old: Sequence[Key], entries: Sequence[KeyEntry]
    ) -> None:
        matches = _matched(old, entries)
        kept = {match.id for match in matches if match}
        for key in old:
            if key.id not in kept and self._run.removes(_label(provider, key)):
                await self._editor.delete_key(provider.id, key.id)
        for entry, match in zip(entries, matches, strict=True):
            await self._run.slices.pause()
            with self._run.problems.at(entry.path):
                await self._key(provider, entry.given, match)

    async def _key(self, provider: Provider, given: KeyPatch, old: Key | None) -> None:
        if old is None:
            if not given.get("api_key"):
                raise InvalidRequest(_KEY_IS_NEEDED, field="apiKey")
            new = await self._editor.create_key(provider.id, given)
        elif "api_key" not in given and not self._editor.may_stay(provider, old):
            raise InvalidRequest(_KEY_IS_NEEDED_THERE, field="apiKey")
        elif "api_key" not in given and is_same(old, given):
            return
        else:
            new = await self._editor.update_key(provider.id, old.id, given)
        self._run.tell(_label(provider, new), old, new)
        if old is not None and old.ciphertext != new.ciphertext:
            self._run.lines.append(f"rotated {_label(provider, new)}")


def _name(entry: ProviderEntry) -> str:
    return entry.given.get("name", "").casefold()


def _label(provider: Provider, key: Key) -> str:
    return f"{key.api_id} of provider {provider.name!r}"


def _matched(old: Sequence[Key], entries: Sequence[KeyEntry]) -> list[Key | None]:
    """Return for each entry the key that it speaks of: by id, else by name, each key once."""
    left = {key.api_id: key for key in old}
    found = [left.pop(entry.id, None) for entry in entries]
    by_name: dict[str, list[Key]] = {}
    for key in reversed(left.values()):
        by_name.setdefault(key.name, []).append(key)
    return [match or _take(by_name, entry) for match, entry in zip(found, entries, strict=True)]


def _take(by_name: dict[str, list[Key]], entry: KeyEntry) -> Key | None:
    name = entry.given.get("name", "")
    matches = by_name.get(name) if name else None
    return matches.pop() if matches else None
