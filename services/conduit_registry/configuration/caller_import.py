"""Makes virtual keys and their groups what a document says."""

from collections.abc import Sequence

from conduit_kernel.errors import InvalidRequest
from conduit_registry.configuration.import_run import ImportRun, is_same
from conduit_registry.configuration.plan import Entry, VirtualKeyEntry
from conduit_registry.configuration.virtual_key_groups import VirtualKeyGroupEditor
from conduit_registry.patches import VirtualKeyGroupPatch, VirtualKeyPatch
from conduit_registry.store import VIRTUAL_KEY, VIRTUAL_KEY_GROUP
from conduit_registry.values import VirtualKey, VirtualKeyGroup


class CallerImport:
    """The virtual keys and groups of one import."""

    def __init__(self, run: ImportRun) -> None:
        self._run = run
        self._editor = run.editor
        self._groups = VirtualKeyGroupEditor(run.reading)
        # Groups that go once no key is in them.
        self._leaving: list[VirtualKeyGroup] = []

    async def groups(self, entries: Sequence[Entry[VirtualKeyGroupPatch]]) -> None:
        """Make groups so; those that keys are in yet are removed by `finish`."""
        run = self._run
        known = {g.name.casefold(): g for g in await run.reading.every(VIRTUAL_KEY_GROUP)}
        wanted = run.named_once([(_name(e), e.path) for e in entries], "name")
        for name, group in known.items():
            if name in wanted or not run.removes(f"group {group.name!r}"):
                continue
            if group.covers_all:
                # Another one may cover all in its place.
                await self._groups.delete(group.id)
            else:
                self._leaving.append(group)
        for entry in entries:
            await run.slices.pause()
            with run.problems.at(entry.path):
                await self._group(entry.given, known.get(_name(entry)))

    async def virtual_keys(self, entries: Sequence[VirtualKeyEntry]) -> None:
        """Make virtual keys so."""
        run = self._run
        known = {v.name.casefold(): v for v in await run.reading.every(VIRTUAL_KEY)}
        wanted = run.named_once([(_name(e), e.path) for e in entries], "name")
        for name, virtual_key in known.items():
            if name not in wanted and run.removes(f"virtual key {virtual_key.name!r}"):
                await self._editor.delete_virtual_key(virtual_key.id)
        for entry in entries:
            await run.slices.pause()
            with run.problems.at(entry.path):
                await self._virtual_key(await self._given(entry), known.get(_name(entry)))

    async def finish(self) -> None:
        """Remove the groups that the document does not name."""
        for group in self._leaving:
            with self._run.problems.at("virtualKeyGroups"):
                await self._groups.delete(group.id)

    async def _group(self, given: VirtualKeyGroupPatch, old: VirtualKeyGroup | None) -> None:
        if old is None:
            new = await self._groups.create(given)
        elif is_same(old, given):
            return
        else:
            new = await self._groups.update(old.id, given)
        self._run.tell(f"group {new.name!r}", old, new)

    async def _given(self, entry: VirtualKeyEntry) -> VirtualKeyPatch:
        if not entry.group:
            return entry.given
        group = await self._run.reading.named(VIRTUAL_KEY_GROUP, entry.group.strip())
        if group is None:
            message = f"There is no group of virtual keys named {entry.group[:200]!r}"
            raise InvalidRequest(message, field="group")
        return {**entry.given, "group_id": group.id}

    async def _virtual_key(self, given: VirtualKeyPatch, old: VirtualKey | None) -> None:
        if old is None:
            await self._new_virtual_key(given)
            return
        # One that is there keeps its value: the one that it came with may have been replaced.
        given = {**given}
        given.pop("hash", None)
        if not is_same(old, given):
            new = await self._editor.update_virtual_key(old.id, given)
            self._run.tell(f"virtual key {new.name!r}", old, new)

    async def _new_virtual_key(self, given: VirtualKeyPatch) -> None:
        value, secret = await self._editor.create_virtual_key(given)
        # Nothing else ever shows it.
        shown = "" if self._run.is_rehearsal else f": {secret}"
        if not secret:
            shown = ", by its hash"
        self._run.lines.append(f"created virtual key {value.name!r}{shown}")


def _name(entry: Entry[VirtualKeyGroupPatch] | VirtualKeyEntry) -> str:
    return entry.given.get("name", "").casefold()
