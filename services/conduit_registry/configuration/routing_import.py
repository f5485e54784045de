"""Makes mappings and fallback chains what a document says."""

from collections.abc import Callable, Sequence

from conduit_registry.configuration.document import Members
from conduit_registry.configuration.import_run import ImportRun, is_same
from conduit_registry.configuration.plan import (
    Instances,
    RoutingEntry,
    chain_given,
    mapping_given,
)
from conduit_registry.patches import MappingPatch, PatchT
from conduit_registry.store import FALLBACK_CHAIN, MAPPING

Route = tuple[str, int]


class RoutingImport:
    """The mappings and chains of one import."""

    def __init__(self, run: ImportRun, instances: Instances, unsound: set[str]) -> None:
        """Take the instances, and the names of those of which something is wrong already."""
        self._run = run
        self._editor = run.editor
        self._instances = instances
        self._unsound = unsound

    async def mappings(self, entries: Sequence[RoutingEntry]) -> None:
        """Make mappings so."""
        run = self._run
        known = {(m.model_alias, m.provider_id): m for m in await run.reading.every(MAPPING)}
        names = {number: name for name, number in self._instances.by_name.items()}
        given = await self._given(entries, mapping_given)
        wanted = run.named_once([(_route(each), path) for path, each in given], "modelAlias")
        for route, mapping in known.items():
            if route not in wanted and run.removes(f"mapping {_arrow(route, names)}"):
                await self._editor.delete_mapping(mapping.id)
        for path, each in given:
            old = known.get(_route(each))
            await run.slices.pause()
            if old is not None and is_same(old, each):
                continue
            with run.problems.at(path):
                new = (
                    await self._editor.update_mapping(old.id, each)
                    if old
                    else await self._editor.create_mapping(each)
                )
                run.tell(f"mapping {_arrow(_route(each), names)}", old, new)

    async def chains(self, entries: Sequence[RoutingEntry]) -> None:
        """Make chains so."""
        run = self._run
        known = {chain.model_alias: chain for chain in await run.reading.every(FALLBACK_CHAIN)}
        given = await self._given(entries, chain_given)
        aliases = [(each.get("model_alias"), path) for path, each in given]
        wanted = run.named_once(aliases, "modelAlias")
        for alias, chain in known.items():
            if alias not in wanted and run.removes(f"fallback chain {alias!r}"):
                await self._editor.delete_chain(chain.id)
        for path, each in given:
            old = known.get(each.get("model_alias", ""))
            await run.slices.pause()
            if old is not None and is_same(old, each):
                continue
            with run.problems.at(path):
                new = (
                    await self._editor.update_chain(old.id, each)
                    if old
                    else await self._editor.create_chain(each)
                )
                run.tell(f"fallback chain {new.model_alias!r}", old, new)

    async def _given(
        self, entries: Sequence[RoutingEntry], read: Callable[[RoutingEntry, Instances], PatchT]
    ) -> list[tuple[str, PatchT]]:
        given: list[tuple[str, PatchT]] = []
        for entry in entries:
            await self._run.slices.pause()
            # What is wrong with its instance is said there.
            if self._unsound and _named(entry.members) & self._unsound:
                continue
            with self._run.problems.at(entry.path):
                given.append((entry.path, read(entry, self._instances)))
        return given


def _named(entry: Members) -> set[str]:
    """Return the names of instances that a mapping or a chain has."""
    steps = entry.get("providers")
    parts = [entry, *(steps if isinstance(steps, list) else ())]
    return {str(p.get("provider", "")).strip().casefold() for p in parts if isinstance(p, dict)}


def _route(given: MappingPatch) -> Route:
    return given.get("model_alias", ""), given.get("provider_id", 0)


def _arrow(route: Route, names: dict[int, str]) -> str:
    alias, provider_id = route
    return f"{alias!r} to provider {names.get(provider_id, str(provider_id))!r}"
