"""Keeps the routing table up to date: only what a change concerns is compiled, a slice at a time.

Requests are served by the table that was before until the new one takes its place.
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Iterator, Sequence

import structlog

from conduit.v1 import decision_pb2 as pb
from conduit_kernel.background import Background
from conduit_kernel.slices import Slices
from conduit_kernel.snapshot import Changes, SnapshotState
from conduit_providers.auth.secret_files import NO_FOLDERS, FileTexts, SecretFiles
from conduit_router.routing.callers import caller_of, former_of
from conduit_router.routing.compile import Compiler
from conduit_router.routing.routes import compile_route
from conduit_router.routing.table import (
    EMPTY_TABLE,
    Instance,
    RoutingTable,
    TableChange,
)

# How long a change may wait for the files that hold keys.
FILES_SECONDS = 2.0
# How long after files that could not be read they are looked at again.
RETRY_FILES_SECONDS = 60.0


class TableDraft:
    """The next table, as long as it is compiled. Its methods yield between small pieces of work."""

    def __init__(self, table: RoutingTable, state: SnapshotState, compiler: Compiler) -> None:
        self._before = table
        self._state = state
        self._compiler = compiler
        self._routes = dict(table.routes)
        self._instances = dict(table.instances)
        self._unusable = dict(table.unusable)
        self._callers = dict(table.callers)
        self._hashes = dict(table.hashes)
        self._former_hashes = dict(table.former_hashes)
        self._log = structlog.get_logger("router")
        self._is_unsorted = False
        # Where the table will differ from the one before.
        self._provider_ids = set[int]()
        self._aliases = set[str]()
        # Instances whose routes are not compiled yet.
        self._fresh = set[int]()
        # Instances that wait for files, by id, and the paths of those.
        self._waiting: dict[int, set[str]] = {}
        # Instances with keys in files that could not be read.
        self.unread = set[int]()

    @property
    def files(self) -> set[str]:
        """Return the paths of the files that `finish_instances` needs."""
        return set[str]().union(*self._waiting.values())

    def types(self, changes: Changes) -> set[str]:
        """Return the provider types of the instances that changed."""
        known = self._state.providers
        changed = self._changed_instances(changes)
        return {known[number].provider_type for number in changed if number in known}

    def instances(self, changes: Changes) -> Iterator[None]:
        """Compile the instances that changed, but for those that wait for files."""
        state = self._state
        for provider_id in self._changed_instances(changes):
            self._waiting.pop(provider_id, None)
            provider = state.providers.get(provider_id)
            if provider is None:
                self._compiler.forget(provider_id)
                self._set_instance(provider_id, None)
                continue
            self.unread.discard(provider_id)
            keys = state.keys_of(provider_id)
            self._take(provider_id, (yield from self._compiler.compile(provider, keys, None)))
            yield

    def finish_instances(self, files: FileTexts) -> Iterator[None]:
        """Compile the instances that waited for files."""
        state = self._state
        while self._waiting:
            provider_id, paths = self._waiting.popitem()
            if not paths <= files.texts.keys():
                self.unread.add(provider_id)
            provider = state.providers.get(provider_id)
            if provider is not None:
                keys = state.keys_of(provider_id)
                self._take(provider_id, (yield from self._compiler.compile(provider, keys, files)))
            yield

    def routes(self, changes: Changes) -> Iterator[None]:
        """Compile the routes of the aliases that changed, or whose instances did."""
        state = self._state
        aliases = set(changes.aliases)
        for provider_id in self._fresh:
            aliases |= state.aliases_of(provider_id)
            yield
        self._fresh = set()
        if changes.is_everything:
            aliases |= state.aliases() | self._routes.keys()
        # In order, so that little is left to sort of a first table.
        for alias in sorted(aliases):
            route = yield from compile_route(alias, state, self._instances, self._unusable)
            if route is None:
                self._routes.pop(alias, None)
            else:
                self._is_unsorted |= alias not in self._routes
                self._routes[alias] = route
            yield
        self._aliases |= aliases

    def callers(self, changes: Changes) -> Iterator[None]:
        """Compile the virtual keys that changed."""
        numbers: Iterable[int] = changes.virtual_key_ids
        if changes.is_everything:
            numbers = [*self._state.virtual_keys, *self._hashes]
        # First all that go: what they leave behind another may have.
        for number in numbers:
            for hashes in (self._hashes, self._former_hashes):
                if (gone := hashes.pop(number, None)) is not None:
                    self._callers.pop(gone, None)
            yield
        for number in numbers:
            entry = self._state.virtual_keys.get(number)
            if entry is not None:
                self._hashes[number] = entry.hash
                groups = self._state.groups_of(entry.virtual_key)
                caller = self._callers[entry.hash] = caller_of(entry.virtual_key, groups)
                if entry.former_hash:
                    self._former_hashes[number] = entry.former_hash
                    self._callers[entry.former_hash] = former_of(caller, entry.virtual_key)
                yield

    def finish(self) -> TableChange:
        """Return the new table."""
        if self._is_unsorted:
            self._routes = {alias: self._routes[alias] for alias in sorted(self._routes)}
        after = RoutingTable(
            revision=self._state.revision,
            routes=self._routes,
            instances=self._instances,
            unusable=self._unusable,
            callers=self._callers,
            hashes=self._hashes,
            former_hashes=self._former_hashes,
            maintenance=self._state.maintenance(),
        )
        return TableChange(
            self._before, after, frozenset(self._provider_ids), frozenset(self._aliases)
        )

    def _changed_instances(self, changes: Changes) -> set[int]:
        if not changes.is_everything:
            return changes.provider_ids
        return {*self._state.providers, *self._instances, *self._unusable}

    def _take(self, provider_id: int, made: Instance | pb.Rejection | set[str]) -> None:
        if isinstance(made, set):
            self._waiting[provider_id] = made
        else:
            self._set_instance(provider_id, made)

    def _set_instance(self, provider_id: int, made: Instance | pb.Rejection | None) -> None:
        before = self._instances.pop(provider_id, None)
        self._unusable.pop(provider_id, None)
        if isinstance(made, Instance):
            self._instances[provider_id] = made
        elif made is not None:
            self._unusable[provider_id] = made
        if made is None or made is not before:
            self._report(provider_id, made)
            self._provider_ids.add(provider_id)
            self._fresh.add(provider_id)

    def _report(self, provider_id: int, made: Instance | pb.Rejection | None) -> None:
        if isinstance(made, pb.Rejection):
            self._log.warning("provider_unusable", provider_id=provider_id, reason=made.detail)
        elif made is not None:
            for each in made.rejections:
                self._log.warning("key_unusable", key_id=each.key_id, reason=each.detail)


class TableUpdater:
    """Makes a new table of what changed, and hands it to all who work by it."""

    def __init__(
        self,
        state: SnapshotState,
        compiler: Compiler,
        subscribers: Sequence[Callable[[TableChange], None]],
        *,
        secret_files: SecretFiles = NO_FOLDERS,
        timer: Callable[[], float] = time.monotonic,
    ) -> None:
        """Take whom to call with every change: all at once, before the next request."""
        self.table = EMPTY_TABLE
        # Set while there is something to do.
        self.changed = asyncio.Event()
        self._state = state
        self._compiler = compiler
        self._secret_files = secret_files
        self._subscribers = subscribers
        self._timer = timer
        # What changed since the table was made.
        self._changes = Changes()
        # Instances with keys in files that could not be read.
        self._unread = set[int]()

    def run(self, background: Background) -> None:
        """Begin to put changes in force as they come."""
        background.run("routing_table", self.update, when=self.changed, is_vital=True)
        background.run("key_files", self.retry_files, every=RETRY_FILES_SECONDS)

    async def retry_files(self) -> None:
        """Have the files read again that could not be read."""
        if self._unread:
            self._changes.provider_ids |= self._unread
            self.changed.set()

    async def update(self) -> None:
        """Put what changed in force."""
        slices = Slices(timer=self._timer)
        draft = TableDraft(self.table, self._state, self._compiler)
        draft.unread |= self._unread
        new = self._changes
        new.add(self._state.take_changes())
        while True:
            await self._compiler.import_types(draft.types(new))
            await slices.run(draft.instances(new))
            if files := draft.files:
                texts = await self._secret_files.read_all(files, FILES_SECONDS)
                await slices.run(draft.finish_instances(texts))
            await slices.run(draft.routes(new))
            await slices.run(draft.callers(new))
            await asyncio.sleep(0)
            # What changed meanwhile belongs to the same revision of the state.
            new = self._state.take_changes()
            if not new:
                break
            self._changes.add(new)
        self._unread = draft.unread
        former = _parts(self.table) if self._changes.is_everything else []
        self._publish(draft.finish())
        del draft
        await slices.run(_let_go(former))

    def _publish(self, change: TableChange) -> None:
        for subscriber in self._subscribers:
            subscriber(change)
        # Not before: if one of them fails, all are handed the same change once more.
        self.table = change.after
        self._changes = Changes()


def _parts(table: RoutingTable) -> list[object]:
    return [*table.routes.values(), *table.callers.values(), *table.instances.values()]


def _let_go(parts: list[object]) -> Iterator[None]:
    """Give back the parts of a table one by one: of 10,000 at once that takes 20 ms."""
    while parts:
        parts.pop()
        yield
