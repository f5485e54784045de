"""Thousands of changes within one transaction, written some at a time."""

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from conduit_registry.store import tables
from conduit_registry.store.audit_chain import EntryRow
from conduit_registry.store.kinds import (
    FALLBACK_CHAIN,
    KEY,
    MAPPING,
    PROVIDER,
    VIRTUAL_KEY,
    VIRTUAL_KEY_GROUP,
    Kind,
    ValueT,
)
from conduit_registry.store.write_transaction import WriteTransaction
from conduit_registry.values import ChangedResource, FallbackChain, ModelMapping, VirtualKey

# Changes that are written together. More of them hold up the event loop for longer.
PIECE = 100


def _by_name(value: Any) -> Hashable:  # noqa: ANN401 # of any kind that has a name
    return str(value.name).casefold()


def _by_route(value: ModelMapping) -> Hashable:
    return value.model_alias, value.provider_id


def _by_alias(value: FallbackChain) -> Hashable:
    return value.model_alias


# By what a thing of each kind is known beside its id.
_KEYS: Mapping[str, Callable[[Any], Hashable]] = {
    PROVIDER.name: _by_name,
    VIRTUAL_KEY.name: _by_name,
    VIRTUAL_KEY_GROUP.name: _by_name,
    MAPPING.name: _by_route,
    FALLBACK_CHAIN.name: _by_alias,
    KEY.name: lambda key: key.id,
}


@dataclass
class _Entry:
    """A line of the log that is written with others."""

    revision: int
    occurred_at: int
    actor: str
    peer: str
    action: int
    resource_kind: str
    resource_id: str
    changes: Mapping[str, object]
    request_id: str
    record_id: str | None
    hash: bytes | None = None


class Loaded:
    """All things of one kind, as this transaction has them, with their rows."""

    def __init__(self, kind: Kind[Any]) -> None:
        self._key_of = _KEYS[kind.name]
        # In order of id.
        self.values: dict[int, Any] = {}
        # Held, because a session forgets the rows that nobody holds.
        self.rows: dict[int, tables.Row] = {}
        self._ids: dict[Hashable, int] = {}

    def put(self, value: Any, row: tables.Row) -> None:  # noqa: ANN401 # of the kind
        """Have a thing, in the place of the one of its id."""
        self.drop(value.id, keeps_place=True)
        self.values[value.id], self.rows[value.id] = value, row
        self._ids[self._key_of(value)] = value.id

    def drop(self, number: int, *, keeps_place: bool = False) -> None:
        """Have a thing no more."""
        old = self.values.get(number) if keeps_place else self.values.pop(number, None)
        if old is None:
            return
        if not keeps_place:
            del self.rows[number]
        if self._ids.get(self._key_of(old)) == number:
            del self._ids[self._key_of(old)]

    def known_by(self, key: Hashable) -> Any:  # noqa: ANN401 # of the kind
        """Return the thing that is known by this, or None."""
        number = self._ids.get(key)
        return None if number is None else self.values[number]


class BulkTransaction(WriteTransaction):
    """Knows all things of the kinds that it is asked about, and reads each kind once.

    It does what a WriteTransaction does, in some statements for a hundred things rather than in a
    dozen for each of them.
    """

    def __init__(self, *parts: Any) -> None:  # noqa: ANN401 # those of a WriteTransaction
        super().__init__(*parts)
        self._loaded: dict[str, Loaded] = {}
        self._counters: dict[str, tables.CounterRow] = {}
        # Changes that are not written yet, and what is to be logged of them.
        self._waiting = 0
        self._entries: list[dict[str, object]] = []
        self._touched: list[dict[str, object]] = []
        self._has_deleted = False
        # Ids of virtual keys, once somebody asks by a hash.
        self._hashes: dict[bytes, int] = {}
        # Of the things that were made last.
        self._kind = ""

    async def find(self, kind: Kind[ValueT], number: int) -> ValueT | None:
        """Return a thing, or None."""
        if kind.name not in _KEYS:
            return await super().find(kind, number)
        found: ValueT | None = (await self._all(kind)).values.get(number)
        return found

    async def every(self, kind: Kind[ValueT], **where: object) -> list[ValueT]:
        """Return all things whose fields have these values, in order of id."""
        if kind.name not in _KEYS:
            return await super().every(kind, **where)
        found = (await self._all(kind)).values.values()
        return [v for v in found if all(getattr(v, name) == each for name, each in where.items())]

    async def named(self, kind: Kind[ValueT], name: str) -> ValueT | None:
        """Return the thing of a name, without regard to case."""
        if kind.name not in _KEYS:
            return await super().named(kind, name)
        return await self._known_by(kind, name.casefold())

    async def virtual_key_of(self, known_by: bytes) -> VirtualKey | None:
        """Return the virtual key whose value has this hash."""
        keys = (await self._all(VIRTUAL_KEY)).values
        # One that was removed since is none.
        if not self._hashes:
            self._hashes = {each.hash: each.id for each in keys.values()}
        found: VirtualKey | None = keys.get(self._hashes.get(known_by, 0))
        return found

    async def mapping_like(self, alias: str, provider_id: int) -> ModelMapping | None:
        """Return the mapping of an alias to an instance."""
        return await self._known_by(MAPPING, (alias, provider_id))

    async def chain_of(self, alias: str) -> FallbackChain | None:
        """Return the chain of an alias."""
        return await self._known_by(FALLBACK_CHAIN, alias)

    async def chains_with(self, provider_id: int) -> list[FallbackChain]:
        """Return the chains that an instance has a place in."""
        chains = await self.every(FALLBACK_CHAIN)
        return [c for c in chains if any(s.provider_id == provider_id for s in c.providers)]

    async def _row(self, kind: Kind[Any], number: int) -> tables.Row:
        return (await self._all(kind)).rows[number]

    async def _stored(self, kind: Kind[Any], value: Any, row: tables.Row) -> None:  # noqa: ANN401 # of the kind
        (await self._all(kind)).put(value, row)
        if self._hashes and kind.name == VIRTUAL_KEY.name:
            self._hashes[value.hash] = value.id
        await self._wait()

    async def _drop(self, kind: Kind[ValueT], number: int) -> None:
        loaded = await self._all(kind)
        row = loaded.rows[number]
        # One that is not written cannot be removed; with an instance the database removes its
        # places in chains.
        if row in self._session.new or kind.name == PROVIDER.name:
            await self._write()
        await self._session.delete(row)
        loaded.drop(number)
        self._has_deleted = True
        await self._wait(PIECE if kind.name == PROVIDER.name else 1)

    async def _drop_all(
        self, row: type[tables.KeyRow | tables.ModelMappingRow], kind: str, provider_id: int
    ) -> list[ChangedResource]:
        await self._write()
        gone = await super()._drop_all(row, kind, provider_id)
        if loaded := self._loaded.get(kind):
            for each in gone:
                loaded.drop(each.id)
        return gone

    async def _next_id(self, kind: str) -> int:
        # A session writes what is new before it removes, so that a name would be taken still, and
        # in no order of kinds, so that a key might come before its instance.
        if self._has_deleted or kind != self._kind:
            await self._write()
            self._kind = kind
        if not self._counters:
            rows = await self._session.scalars(sa.select(tables.CounterRow))
            self._counters = {row.kind: row for row in rows}
        counter = self._counters[kind]
        counter.last_id += 1
        return counter.last_id

    def _entry(self, **said: Any) -> EntryRow:  # noqa: ANN401 # of each column
        return _Entry(**said)

    def _keep(self, row: EntryRow, resources: list[list[Any]]) -> None:
        # Not as objects of the session: of these are two for each change.
        self._entries.append(vars(row))
        self._touched.append({"revision": row.revision, "resources": resources})

    async def finish(self) -> None:
        """Write what is not written yet, before the transaction ends."""
        await self._write()

    async def _wait(self, weight: int = 1) -> None:
        self._waiting += weight
        if self._waiting >= PIECE:
            await self._write()

    async def _write(self) -> None:
        self._waiting, self._has_deleted = 0, False
        await self._session.flush()
        if self._entries:
            await self._session.execute(sa.insert(tables.AuditRow), self._entries)
            await self._session.execute(sa.insert(tables.ChangeRow), self._touched)
            self._entries, self._touched = [], []

    async def _all(self, kind: Kind[Any]) -> Loaded:
        loaded = self._loaded.get(kind.name)
        if loaded is None:
            loaded = self._loaded[kind.name] = Loaded(kind)
            for row in await self._rows(sa.select(kind.row).order_by(kind.row.id)):
                loaded.put(kind.read(row), row)
        return loaded

    async def _known_by(self, kind: Kind[ValueT], key: Hashable) -> ValueT | None:
        found: ValueT | None = (await self._all(kind)).known_by(key)
        return found
