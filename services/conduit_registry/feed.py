"""What `Watch` tells: everything, then what changes.

Watchers fetch; nobody pushes. Who writes only says that there is a new revision, so a slow watcher
delays nobody but itself, and watchers at the same revision share one message.
"""

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence

from conduit.internal.v1.snapshot_pb2 import Snapshot, SnapshotChange
from conduit.internal.v1.snapshot_service_pb2 import WatchSnapshotResponse
from conduit_registry import messages, snapshot_messages
from conduit_registry.maintenance_messages import maintenance_window
from conduit_registry.mcp_values import McpServer
from conduit_registry.store import (
    ADMINISTRATOR,
    ADMINISTRATOR_SESSION,
    FALLBACK_CHAIN,
    KEY,
    KINDS,
    MAINTENANCE_WINDOW,
    MAPPING,
    MCP_SERVER,
    PROVIDER,
    VIRTUAL_KEY,
    VIRTUAL_KEY_GROUP,
    ReadTransaction,
    Store,
)
from conduit_registry.values import (
    Administrator,
    AdministratorSession,
    ChangedResource,
    FallbackChain,
    Key,
    MaintenanceWindow,
    ModelMapping,
    Provider,
    Resource,
    State,
    VirtualKey,
    VirtualKeyGroup,
    key_id,
)

HEARTBEAT_SECONDS = 10.0
POLL_SECONDS = 1.0
# Who is further behind than this gets everything.
MAX_RESOURCES = 5000
# Changes that are told at a time, so that others may run in between.
PIECE = 100


class Feed:
    """Tells watchers of the configuration and its changes."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._revision = -1
        self._changed = asyncio.Event()
        self._is_closed = False
        # What several ask for at the same time is read once; changes do not wait for everything.
        self._loading = asyncio.Lock()
        self._loading_everything = asyncio.Lock()
        # By the revision of those who asked; None for those who know nothing.
        self._cache: dict[int | None, WatchSnapshotResponse] = {}
        self._cached_at = State("", -1)
        # Set with each revision that becomes known, for whoever follows within this process.
        self.announced = asyncio.Event()

    def announce(self, revision: int) -> None:
        """Wake the watchers that are behind this revision."""
        if revision > self._revision:
            self._revision = revision
            self._wake()

    def close(self) -> None:
        """End all streams."""
        self._is_closed = True
        self._wake()

    async def poll(self) -> None:
        """Look for revisions that other processes made and nobody announced."""
        before = self._revision
        async with self._store.read() as reading:
            state = await reading.state()
        if state.revision < before:
            # Somebody put an older database in place.
            self._revision = state.revision
            self._wake()
        self.announce(state.revision)

    async def watch(self, epoch: str, revision: int) -> AsyncIterator[WatchSnapshotResponse]:
        """Yield what the caller does not have, then every change, and signs of life."""
        announced = self._revision
        message = await self._after(epoch, revision)
        yield message
        while not self._is_closed:
            changed = self._changed
            if self._revision != announced:
                announced = self._revision
                epoch = message.snapshot.epoch or epoch
                revision = message.revision
                message = await self._after(epoch, revision)
                if message.revision != revision:
                    yield message
                continue
            try:
                async with asyncio.timeout(HEARTBEAT_SECONDS):
                    await changed.wait()
            except TimeoutError:
                yield WatchSnapshotResponse(revision=message.revision)

    def _wake(self) -> None:
        self.announced.set()
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    async def _after(self, epoch: str, revision: int) -> WatchSnapshotResponse:
        is_behind = _known(epoch, revision, self._cached_at) is None
        async with self._loading_everything if is_behind else self._loading:
            if self._cached_at.revision == self._revision:
                hit = self._cache.get(_known(epoch, revision, self._cached_at))
                if hit is not None:
                    return hit
            return await self._read(epoch, revision)

    async def _read(self, epoch: str, revision: int) -> WatchSnapshotResponse:
        async with self._store.read() as reading:
            state = await reading.state()
            if state != self._cached_at:
                self._cache.clear()
                self._cached_at = state
            known = _known(epoch, revision, state)
            message = await self._load(reading, state, known)
        # There may be a later state by now.
        if state == self._cached_at:
            self._cache[known] = message
        self.announce(state.revision)
        return message

    async def _load(
        self, reading: ReadTransaction, state: State, known: int | None
    ) -> WatchSnapshotResponse:
        if known is None:
            return await self._everything(reading, state)
        resources = await reading.changed_resources(known)
        if resources is None or len(resources) > MAX_RESOURCES:
            return await self._everything(reading, state)
        changes = await self._changes(reading, resources)
        return WatchSnapshotResponse(revision=state.revision, changes=changes)

    async def _everything(self, reading: ReadTransaction, state: State) -> WatchSnapshotResponse:
        message = WatchSnapshotResponse(revision=state.revision)
        snapshot = message.snapshot
        snapshot.epoch, snapshot.revision = state
        rotation_days: dict[int, int] = {}
        now = self._store.now()
        async for providers in reading.pieces(PROVIDER):
            rotation_days |= {each.id: each.key_rotation_days for each in providers}
            snapshot.providers.extend(map(messages.provider, providers))
        async for keys in reading.pieces(KEY):
            snapshot.keys.extend(
                snapshot_messages.key(key, rotation_days=rotation_days[key.provider_id], now=now)
                for key in keys
            )
        async for mappings in reading.pieces(MAPPING):
            snapshot.mappings.extend(map(messages.mapping, mappings))
        async for chains in reading.pieces(FALLBACK_CHAIN):
            snapshot.fallback_chains.extend(map(messages.fallback_chain, chains))
        async for virtual_keys in reading.pieces(VIRTUAL_KEY):
            snapshot.virtual_keys.extend(map(snapshot_messages.virtual_key, virtual_keys))
        async for groups in reading.pieces(VIRTUAL_KEY_GROUP):
            snapshot.virtual_key_groups.extend(map(messages.virtual_key_group, groups))
        async for administrators in reading.pieces(ADMINISTRATOR):
            snapshot.administrators.extend(map(snapshot_messages.administrator, administrators))
        async for sessions in reading.pieces(ADMINISTRATOR_SESSION):
            snapshot.administrator_sessions.extend(map(messages.administrator_session, sessions))
        await self._add_rest(reading, snapshot)
        return message

    @staticmethod
    async def _add_rest(reading: ReadTransaction, snapshot: Snapshot) -> None:
        async for servers in reading.pieces(MCP_SERVER):
            snapshot.mcp_servers.extend(map(snapshot_messages.mcp_server, servers))
        async for windows in reading.pieces(MAINTENANCE_WINDOW):
            snapshot.maintenance_windows.extend(map(maintenance_window, windows))

    async def _changes(
        self, reading: ReadTransaction, resources: Sequence[ChangedResource]
    ) -> list[SnapshotChange]:
        found: dict[ChangedResource, Resource] = {}
        for kind in KINDS.values():
            numbers = [each.id for each in resources if each.kind == kind.name]
            for value in await reading.some(kind, numbers):
                found[ChangedResource(kind.name, value.id)] = value
        owners = {value.provider_id for value in found.values() if isinstance(value, Key)}
        rotation_days = {
            provider.id: provider.key_rotation_days
            for provider in await reading.some(PROVIDER, sorted(owners))
        }
        changes = []
        for number, each in enumerate(resources, 1):
            is_there = each in found
            changes.append(self._change(found[each], rotation_days) if is_there else _deleted(each))
            if number % PIECE == 0:
                await asyncio.sleep(0)
        return changes

    def _change(self, value: Resource, rotation_days: Mapping[int, int]) -> SnapshotChange:
        match value:
            case Provider():
                change = SnapshotChange(provider=messages.provider(value))
            case Key():
                change = SnapshotChange(
                    key=snapshot_messages.key(
                        value,
                        rotation_days=rotation_days[value.provider_id],
                        now=self._store.now(),
                    )
                )
            case ModelMapping():
                change = SnapshotChange(mapping=messages.mapping(value))
            case FallbackChain():
                change = SnapshotChange(fallback_chain=messages.fallback_chain(value))
            case VirtualKey():
                change = SnapshotChange(virtual_key=snapshot_messages.virtual_key(value))
            case VirtualKeyGroup():
                change = SnapshotChange(virtual_key_group=messages.virtual_key_group(value))
            case Administrator():
                change = SnapshotChange(administrator=snapshot_messages.administrator(value))
            case AdministratorSession():
                change = SnapshotChange(administrator_session=messages.administrator_session(value))
            case McpServer() | MaintenanceWindow():
                change = _rarer_change(value)
        return change


def _rarer_change(value: McpServer | MaintenanceWindow) -> SnapshotChange:
    if isinstance(value, McpServer):
        return SnapshotChange(mcp_server=snapshot_messages.mcp_server(value))
    return SnapshotChange(maintenance_window=maintenance_window(value))


def _known(epoch: str, revision: int, state: State) -> int | None:
    return revision if epoch == state.epoch and 0 <= revision <= state.revision else None


# The field that tells of a kind of thing that it is gone.
_GONE = {
    PROVIDER.name: "deleted_provider_id",
    KEY.name: "deleted_key_id",
    MAPPING.name: "deleted_mapping_id",
    FALLBACK_CHAIN.name: "deleted_fallback_chain_id",
    VIRTUAL_KEY.name: "deleted_virtual_key_id",
    VIRTUAL_KEY_GROUP.name: "deleted_virtual_key_group_id",
    ADMINISTRATOR.name: "deleted_administrator_id",
    ADMINISTRATOR_SESSION.name: "deleted_administrator_session_id",
    MCP_SERVER.name: "deleted_mcp_server_id",
    MAINTENANCE_WINDOW.name: "deleted_maintenance_window_id",
}


def _deleted(resource: ChangedResource) -> SnapshotChange:
    number = key_id(resource.id) if resource.kind == KEY.name else resource.id
    change = SnapshotChange()
    setattr(change, _GONE[resource.kind], number)
    return change
