"""The Registry's configuration as a follower holds it."""

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from google.protobuf.message import Message

from conduit.internal.v1.snapshot_pb2 import (
    Snapshot,
    SnapshotAdministrator,
    SnapshotChange,
    SnapshotKey,
    SnapshotMcpServer,
    SnapshotVirtualKey,
)
from conduit.internal.v1.snapshot_service_pb2 import WatchSnapshotResponse
from conduit.v1.administrator_session_pb2 import AdministratorSession
from conduit.v1.fallback_chain_pb2 import FallbackChain
from conduit.v1.maintenance_window_pb2 import MaintenanceWindow
from conduit.v1.model_mapping_pb2 import ModelMapping
from conduit.v1.provider_pb2 import Provider
from conduit.v1.virtual_key_group_pb2 import VirtualKeyGroup
from conduit.v1.virtual_key_pb2 import VirtualKey
from conduit_kernel.index import Index

# Messages that are taken or given at a time.
PIECE = 200


class Changes(msgspec.Struct):
    """The changes of a state since somebody last took them: ids, and the aliases concerned."""

    # Whether anything at all may have changed; the rest is of no account then.
    is_everything: bool = False
    provider_ids: set[int] = msgspec.field(default_factory=set[int])
    aliases: set[str] = msgspec.field(default_factory=set[str])
    virtual_key_ids: set[int] = msgspec.field(default_factory=set[int])
    # Whether maintenance began or ended.
    is_maintenance: bool = False

    def __bool__(self) -> bool:
        """Return whether there is anything."""
        is_any = self.is_everything or self.is_maintenance
        return bool(is_any or self.provider_ids or self.aliases or self.virtual_key_ids)

    def add(self, other: "Changes") -> None:
        """Take in the changes that came after these."""
        self.is_everything |= other.is_everything
        self.provider_ids |= other.provider_ids
        self.aliases |= other.aliases
        self.virtual_key_ids |= other.virtual_key_ids
        self.is_maintenance |= other.is_maintenance


class SnapshotState:
    """Everything that the Registry reported, by id. Change it with `apply` only."""

    def __init__(self) -> None:
        self.epoch = ""
        self.revision = 0
        self.providers: dict[int, Provider] = {}
        self.keys: dict[str, SnapshotKey] = {}
        self.mappings: dict[int, ModelMapping] = {}
        self.fallback_chains: dict[int, FallbackChain] = {}
        self.virtual_keys: dict[int, SnapshotVirtualKey] = {}
        self.virtual_key_groups: dict[int, VirtualKeyGroup] = {}
        # Those that cover all virtual keys: one at most.
        self._wholes: dict[int, VirtualKeyGroup] = {}
        self.administrators: dict[int, SnapshotAdministrator] = {}
        self.administrator_sessions: dict[int, AdministratorSession] = {}
        self.mcp_servers: dict[int, SnapshotMcpServer] = {}
        self.maintenance_windows: dict[int, MaintenanceWindow] = {}
        self._keys_by_provider = Index[int, str, SnapshotKey]()
        self._mappings_by_alias = Index[str, int, ModelMapping]()
        self._mappings_by_provider = Index[int, int, ModelMapping]()
        self._chains_by_alias = Index[str, int, FallbackChain]()
        self._chains_by_provider = Index[int, int, FallbackChain]()
        # Single changes are gathered once everything was taken.
        self._changes = Changes(is_everything=True)

    @classmethod
    def of(cls, snapshot: Snapshot) -> "SnapshotState":
        """Return the state that a snapshot describes."""
        state = cls()
        state._load(snapshot)
        return state

    @property
    def is_known(self) -> bool:
        """Return whether the Registry, or a file that it once filled, has reported anything yet."""
        return bool(self.epoch)

    def apply(self, response: WatchSnapshotResponse) -> bool:
        """Take a message of `WatchSnapshot`; return whether it changed anything."""
        if response.HasField("snapshot"):
            self._load(response.snapshot)
            return True
        for _ in self._applying(response):
            pass
        return bool(response.changes)

    async def apply_in_slices(self, response: WatchSnapshotResponse) -> bool:
        """Take a message like `apply`, and let others run in between.

        They may see the first of several changes without the last, as of several messages.
        """
        is_whole = response.HasField("snapshot")
        for _ in self._loading(response.snapshot) if is_whole else self._applying(response):
            await asyncio.sleep(0)
        return is_whole or bool(response.changes)

    def _applying(self, response: WatchSnapshotResponse) -> Iterator[None]:
        for number, change in enumerate(response.changes, 1):
            self._apply_one(change)
            if number % PIECE == 0:
                yield
        if self._changes.is_everything:
            # Where nobody takes changes, they are not gathered either.
            self._changes = Changes(is_everything=True)
        self.revision = max(self.revision, response.revision)

    def take_changes(self) -> Changes:
        """Return what changed since the last time; everything the first time."""
        changes, self._changes = self._changes, Changes()
        return changes

    def capture(self) -> Callable[[], bytes]:
        """Return what serializes the state of this moment, in small pieces, in any thread."""
        pieces = [Snapshot(epoch=self.epoch, revision=self.revision)]
        values: dict[str, list[Message]] = {
            "providers": [*self.providers.values()],
            "keys": [*self.keys.values()],
            "mappings": [*self.mappings.values()],
            "fallback_chains": [*self.fallback_chains.values()],
            "virtual_keys": [*self.virtual_keys.values()],
            "virtual_key_groups": [*self.virtual_key_groups.values()],
            "administrators": [*self.administrators.values()],
            "administrator_sessions": [*self.administrator_sessions.values()],
            "mcp_servers": [*self.mcp_servers.values()],
            "maintenance_windows": [*self.maintenance_windows.values()],
        }

        def serialize() -> bytes:
            # A message is its fields, one after the other; nobody changes those that are taken.
            data = [piece.SerializeToString() for piece in pieces]
            for name, messages in values.items():
                for start in range(0, len(messages), PIECE):
                    piece = Snapshot()
                    getattr(piece, name).extend(messages[start : start + PIECE])
                    data.append(piece.SerializeToString())
            return b"".join(data)

        return serialize

    def maintenance(self) -> dict[int, MaintenanceWindow]:
        """Return what is under maintenance, by instance; all of Conduit by 0."""
        return {each.provider_id: each for each in self.maintenance_windows.values()}

    def keys_of(self, provider_id: int) -> list[SnapshotKey]:
        """Return the keys of an instance, in order of id."""
        return sorted(self._keys_by_provider.values(provider_id), key=_key_order)

    def mappings_of(self, alias: str) -> list[ModelMapping]:
        """Return the mappings of an alias, in order of id."""
        return sorted(self._mappings_by_alias.values(alias), key=_order)

    def chains_of(self, alias: str) -> list[FallbackChain]:
        """Return the chains of an alias, in order of id."""
        return sorted(self._chains_by_alias.values(alias), key=_order)

    def groups_of(self, key: VirtualKey) -> tuple[VirtualKeyGroup, ...]:
        """Return the groups that a virtual key belongs to: its own, and the one that covers all."""
        own = self.virtual_key_groups.get(key.group_id)
        wholes = tuple(self._wholes.values())
        return wholes if own is None else (own, *wholes)

    def members_of(self, group: VirtualKeyGroup) -> tuple[int, ...]:
        """Return the virtual keys that belong to a group."""
        keys = (each.virtual_key for each in self.virtual_keys.values())
        return tuple(key.id for key in keys if group.covers_all or key.group_id == group.id)

    def aliases(self) -> set[str]:
        """Return everything that is mapped or has a chain."""
        return {*self._mappings_by_alias.groups, *self._chains_by_alias.groups}

    def aliases_of(self, provider_id: int) -> set[str]:
        """Return the aliases whose mappings or chains name an instance."""
        return {
            *(mapping.model_alias for mapping in self._mappings_by_provider.values(provider_id)),
            *(chain.model_alias for chain in self._chains_by_provider.values(provider_id)),
        }

    def _load(self, snapshot: Snapshot) -> None:
        for _ in self._loading(snapshot):
            pass

    def _loading(self, snapshot: Snapshot) -> Iterator[None]:
        """Become what a snapshot describes, at the end of all small pieces of work."""
        new = SnapshotState()
        new.epoch, new.revision = snapshot.epoch, snapshot.revision
        for number, _ in enumerate(new._filling(snapshot)):
            if number % PIECE == 0:
                yield
        new._changes = Changes(is_everything=True)
        former = self._dicts()
        vars(self).update(vars(new))
        # Freed all at once, thousands of messages would hold others up.
        for values in former:
            while values:
                for _ in range(min(PIECE, len(values))):
                    values.popitem()
                yield

    def _dicts(self) -> list[dict[Any, Any]]:
        found = [each.groups if isinstance(each, Index) else each for each in vars(self).values()]
        return [each for each in found if isinstance(each, dict)]

    def _filling(self, snapshot: Snapshot) -> Iterator[None]:
        for provider in snapshot.providers:
            self.providers[provider.id] = provider
            yield
        for key in snapshot.keys:
            self._set_key(key.credential.id, key)
            yield
        for mapping in snapshot.mappings:
            self._set_mapping(mapping.id, mapping)
            yield
        for chain in snapshot.fallback_chains:
            self._set_chain(chain.id, chain)
            yield
        for entry in snapshot.virtual_keys:
            self.virtual_keys[entry.virtual_key.id] = entry
            yield
        for group in snapshot.virtual_key_groups:
            self._put_group(group)
            yield
        for each in snapshot.administrators:
            self.administrators[each.administrator.id] = each
            yield
        for session in snapshot.administrator_sessions:
            self.administrator_sessions[session.id] = session
            yield
        yield from self._filling_rest(snapshot)

    def _filling_rest(self, snapshot: Snapshot) -> Iterator[None]:
        for server in snapshot.mcp_servers:
            self.mcp_servers[server.server.id] = server
            yield
        for window in snapshot.maintenance_windows:
            self.maintenance_windows[window.id] = window
            yield

    def _apply_one(self, change: SnapshotChange) -> None:
        match change.WhichOneof("change"):
            case "provider":
                self.providers[change.provider.id] = change.provider
                self._changes.provider_ids.add(change.provider.id)
            case "key":
                self._set_key(change.key.credential.id, change.key)
            case "mapping":
                self._set_mapping(change.mapping.id, change.mapping)
            case "fallback_chain":
                self._set_chain(change.fallback_chain.id, change.fallback_chain)
            case "virtual_key":
                number = change.virtual_key.virtual_key.id
                self.virtual_keys[number] = change.virtual_key
                self._changes.virtual_key_ids.add(number)
            case "virtual_key_group":
                self._set_group(change.virtual_key_group.id, change.virtual_key_group)
            case "administrator":
                self.administrators[change.administrator.administrator.id] = change.administrator
            case "administrator_session":
                session = change.administrator_session
                self.administrator_sessions[session.id] = session
            case kind:
                self._apply_other(change, kind or "")

    def _apply_other(self, change: SnapshotChange, kind: str) -> None:
        match kind:
            case "mcp_server":
                self.mcp_servers[change.mcp_server.server.id] = change.mcp_server
            case "deleted_mcp_server_id":
                self.mcp_servers.pop(change.deleted_mcp_server_id, None)
            case "maintenance_window":
                self._set_window(change.maintenance_window.id, change.maintenance_window)
            case "deleted_maintenance_window_id":
                self._set_window(change.deleted_maintenance_window_id, None)
            case _:
                self._delete_one(change, kind)

    def _delete_one(self, change: SnapshotChange, kind: str) -> None:
        # Ids that are not there are no error: a change may be reported twice.
        match kind:
            case "deleted_provider_id":
                self.providers.pop(change.deleted_provider_id, None)
                self._changes.provider_ids.add(change.deleted_provider_id)
            case "deleted_key_id":
                self._set_key(change.deleted_key_id, None)
            case "deleted_mapping_id":
                self._set_mapping(change.deleted_mapping_id, None)
            case "deleted_fallback_chain_id":
                self._set_chain(change.deleted_fallback_chain_id, None)
            case "deleted_virtual_key_id":
                self.virtual_keys.pop(change.deleted_virtual_key_id, None)
                self._changes.virtual_key_ids.add(change.deleted_virtual_key_id)
            case "deleted_virtual_key_group_id":
                self._set_group(change.deleted_virtual_key_group_id, None)
            case "deleted_administrator_id":
                self.administrators.pop(change.deleted_administrator_id, None)
            case "deleted_administrator_session_id":
                self.administrator_sessions.pop(change.deleted_administrator_session_id, None)

    def _set_window(self, number: int, window: MaintenanceWindow | None) -> None:
        former = self.maintenance_windows.pop(number, None)
        if window is not None:
            self.maintenance_windows[number] = window
        self._changes.is_maintenance = True
        for each in (former, window):
            if each is not None:
                self._changes.aliases |= self.aliases_of(each.provider_id)

    def _set_group(self, number: int, group: VirtualKeyGroup | None) -> None:
        former = self.virtual_key_groups.pop(number, None)
        self._wholes.pop(number, None)
        if group is not None:
            self._put_group(group)
        # What a group says is compiled into its keys.
        is_whole = any(each is not None and each.covers_all for each in (former, group))
        self._changes.virtual_key_ids |= {
            each.virtual_key.id
            for each in self.virtual_keys.values()
            if is_whole or each.virtual_key.group_id == number
        }

    def _put_group(self, group: VirtualKeyGroup) -> None:
        self.virtual_key_groups[group.id] = group
        if group.covers_all:
            self._wholes[group.id] = group

    def _set_key(self, name: str, key: SnapshotKey | None) -> None:
        if (old := self.keys.pop(name, None)) is not None:
            self._keys_by_provider.remove(old.credential.provider_id, name)
            self._changes.provider_ids.add(old.credential.provider_id)
        if key is not None:
            provider_id = key.credential.provider_id
            self.keys[name] = key
            self._keys_by_provider.put(provider_id, name, key)
            self._changes.provider_ids.add(provider_id)

    def _set_mapping(self, number: int, mapping: ModelMapping | None) -> None:
        if (old := self.mappings.pop(number, None)) is not None:
            self._mappings_by_alias.remove(old.model_alias, number)
            self._mappings_by_provider.remove(old.provider_id, number)
            self._changes.aliases.add(old.model_alias)
        if mapping is not None:
            # Read once: each time it would be another string.
            alias = mapping.model_alias
            self.mappings[number] = mapping
            self._mappings_by_alias.put(alias, number, mapping)
            self._mappings_by_provider.put(mapping.provider_id, number, mapping)
            self._changes.aliases.add(alias)

    def _set_chain(self, number: int, chain: FallbackChain | None) -> None:
        if (old := self.fallback_chains.pop(number, None)) is not None:
            self._chains_by_alias.remove(old.model_alias, number)
            for step in old.providers:
                self._chains_by_provider.remove(step.provider_id, number)
            self._changes.aliases.add(old.model_alias)
        if chain is not None:
            self.fallback_chains[number] = chain
            self._index_chain(number, chain)
            self._changes.aliases.add(chain.model_alias)

    def _index_chain(self, number: int, chain: FallbackChain) -> None:
        self._chains_by_alias.put(chain.model_alias, number, chain)
        for step in chain.providers:
            self._chains_by_provider.put(step.provider_id, number, chain)


def _order(each: ModelMapping | FallbackChain) -> int:
    return each.id


def _key_order(key: SnapshotKey) -> tuple[int, str]:
    # `key_9` comes before `key_10`.
    name = key.credential.id
    return len(name), name
