"""What can be done to the Registry's tables within one transaction."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import replace
from typing import Any, Self, cast

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from conduit.v1 import audit_entry_pb2 as audit_pb
from conduit_kernel.audit.author import Author
from conduit_kernel.audit.changes import differences
from conduit_kernel.secrets import Vault
from conduit_registry.audit_values import RecordedElsewhere
from conduit_registry.messages import shown
from conduit_registry.store import tables
from conduit_registry.store.audit_chain import CHAIN_ID, AuditChain, EntryRow
from conduit_registry.store.kinds import FALLBACK_CHAIN, KEY, MAPPING, PROVIDER, Kind, ValueT
from conduit_registry.store.read_transaction import STATE_ID, ReadTransaction
from conduit_registry.values import ChangedResource, Provider

# What lines are about that are about no kind of thing.
CONFIGURATION = "configuration"
LOGIN = "login"
# Who was refused is not known.
ANONYMOUS = "anonymous"


class WriteTransaction(ReadTransaction):
    """Reads and writes, alone among writers. Each change leaves one line in the audit log."""

    def __init__(
        self,
        session: AsyncSession,
        state: tables.StateRow,
        author: Author,
        now: int,
        chain: AuditChain,
    ) -> None:
        super().__init__(session)
        self._chain = chain
        self._state = state
        self._author = author
        # Microseconds since 1970; the time of all that this transaction does.
        self.now = now
        self.began_at = state.revision

    @classmethod
    async def begin(cls, session: AsyncSession, author: Author, now: int, vault: Vault) -> Self:
        """Wait until no other transaction writes, here or in another process."""
        state = await session.get_one(tables.StateRow, STATE_ID, with_for_update=True)
        chain = await session.get(tables.AuditChainRow, CHAIN_ID)
        ends = AuditChain(chain, vault, state.revision, state.epoch)
        return cls(session, state, author, now, ends)

    @property
    def revision(self) -> int:
        """The revision of the configuration, with what this transaction did to it."""
        return self._state.revision

    async def create(
        self,
        kind: Kind[ValueT],
        make: Callable[[int], ValueT],
        action: audit_pb.AuditAction.ValueType = audit_pb.AUDIT_ACTION_CREATED,
    ) -> ValueT:
        """Add what is made for a fresh id."""
        value = make(await self._next_id(kind.name))
        value = replace(value, created_at=self.now, updated_at=self.now)
        row = kind.row()
        kind.write(row, value)
        self._session.add(row)
        await self._stored(kind, value, row)
        self._note(action, kind, value.id, differences({}, shown(value)))
        return value

    async def update(
        self,
        kind: Kind[ValueT],
        old: ValueT,
        new: ValueT,
        action: audit_pb.AuditAction.ValueType = audit_pb.AUDIT_ACTION_UPDATED,
        **untold: object,
    ) -> ValueT:
        """Make a thing what it shall be. Nothing happens if it is that already.

        `untold` are changes for the audit log that the API does not show.
        """
        if new == old:
            return old
        value = replace(new, updated_at=self.now)
        row = await self._row(kind, old.id)
        kind.write(row, value)
        await self._stored(kind, value, row)
        self._note(action, kind, old.id, differences(shown(old), shown(value)) | untold)
        return value

    async def delete(
        self,
        kind: Kind[ValueT],
        value: ValueT,
        action: audit_pb.AuditAction.ValueType = audit_pb.AUDIT_ACTION_DELETED,
    ) -> None:
        """Remove a thing, and with a provider what cannot be without it."""
        changes: dict[str, object] = {**differences(shown(value), {})}
        more = await self._delete_with(value) if isinstance(value, Provider) else []
        if more:
            changes["alsoAffected"] = [f"{other.kind} {other.id}" for other in more]
        await self._drop(kind, value.id)
        self._note(action, kind, value.id, changes, more)

    def note_use(
        self,
        action: audit_pb.AuditAction.ValueType,
        provider_id: int,
        changes: Mapping[str, object],
    ) -> None:
        """Leave a line about a use of an instance's keys, which changes no configuration."""
        self._write_entry(action, PROVIDER.name, str(provider_id), changes)

    def note_key_use(self, key_id: str, changes: Mapping[str, object]) -> None:
        """Leave a line about calls that a key was used for."""
        self._write_entry(audit_pb.AUDIT_ACTION_USED, KEY.name, key_id, changes)

    def note_configuration(
        self, action: audit_pb.AuditAction.ValueType, changes: Mapping[str, object]
    ) -> None:
        """Leave a line about the configuration as a whole."""
        self._write_entry(action, CONFIGURATION, "", changes)

    def note_refused_logins(self, address: str, since: int, changes: Mapping[str, object]) -> None:
        """Leave a line about logins of an address that were refused from a moment on."""
        self._write_entry(
            audit_pb.AUDIT_ACTION_REFUSED,
            LOGIN,
            "",
            changes,
            author=Author(ANONYMOUS, address),
            occurred_at=since,
        )

    async def record(self, records: Iterable[RecordedElsewhere]) -> None:
        """Leave a line about each thing that another service did, but for those that are there."""
        given = list(records)
        row = tables.AuditRow
        query = sa.select(row.record_id).where(row.record_id.in_([each.id for each in given]))
        known = set(await self._session.scalars(query))
        for each in given:
            if each.id not in known:
                known.add(each.id)
                self._write_entry(
                    each.action,
                    each.resource_kind,
                    each.resource_id,
                    each.changes,
                    author=each.author,
                    # A clock that is ahead must not keep a line from being forgotten.
                    occurred_at=min(each.occurred_at, self.now),
                    record_id=each.id,
                )

    async def note_attempt(self, provider_id: int, *, succeeded: bool) -> None:
        """Remember that an instance was asked for its models now."""
        row = tables.DiscoveryRow(
            provider_id=provider_id, attempted_at=self.now, succeeded=succeeded
        )
        await self._session.merge(row)

    async def replace_discovered(self, provider_id: int, names: Iterable[str]) -> None:
        """Store an instance's models; those it had keep the time when they were first seen."""
        row = tables.DiscoveredModelRow
        known = {model.name for model in await self.discovered(provider_id)}
        wanted = set(names)
        for name in sorted(known - wanted):
            key = (row.provider_id == provider_id) & (row.name == name)
            await self._session.execute(sa.delete(row).where(key))
        self._session.add_all(
            row(provider_id=provider_id, name=name, discovered_at=self.now)
            for name in sorted(wanted - known)
        )
        await self._session.flush()

    async def forget_changes(self, kept: int) -> None:
        """Delete what all revisions touched but the last ones: who is behind them gets all."""
        row = tables.ChangeRow
        await self._session.execute(sa.delete(row).where(row.revision <= self.revision - kept))

    async def forget_audit_entries(self, before: int) -> None:
        """Delete the lines of the audit log from before a moment."""
        row = tables.AuditRow
        # By revision, so that what is left has no gap, whatever clocks did.
        kept = await self._session.scalar(
            sa.select(sa.func.min(row.revision)).where(row.occurred_at >= before)
        )
        oldest = kept if kept is not None else self.revision + 1
        last = await self._session.get(row, oldest - 1)
        if last is not None:
            self._chain.begin_behind(last)
            await self._session.execute(sa.delete(row).where(row.revision < oldest))

    async def mark_used(self, uses: Mapping[int, int]) -> None:
        """Store when keys, by id, were last used. What was later stays; strange ids are skipped."""
        row = tables.KeyRow
        for number, used_at in sorted(uses.items()):
            is_later = row.last_used.is_(None) | (row.last_used < used_at)
            await self._session.execute(
                sa.update(row).where(row.id == number, is_later).values(last_used=used_at)
            )

    async def _delete_with(self, provider: Provider) -> list[ChangedResource]:
        touched = [
            *await self._drop_all(tables.KeyRow, KEY.name, provider.id),
            *await self._drop_all(tables.ModelMappingRow, MAPPING.name, provider.id),
        ]
        for chain in await self.chains_with(provider.id):
            await self._leave(chain.id, provider.id)
            touched.append(ChangedResource(FALLBACK_CHAIN.name, chain.id))
        return touched

    async def _drop_all(
        self, row: type[tables.KeyRow | tables.ModelMappingRow], kind: str, provider_id: int
    ) -> list[ChangedResource]:
        """Remove all rows of an instance at once: there may be thousands."""
        query = sa.delete(row).where(row.provider_id == provider_id).returning(row.id)
        return [
            ChangedResource(kind, number) for number in sorted(await self._session.scalars(query))
        ]

    async def _leave(self, chain_id: int, provider_id: int) -> None:
        chain = await self.get(FALLBACK_CHAIN, chain_id)
        steps = tuple(step for step in chain.providers if step.provider_id != provider_id)
        row = await self._row(FALLBACK_CHAIN, chain_id)
        left = replace(chain, providers=steps, updated_at=self.now)
        FALLBACK_CHAIN.write(row, left)
        await self._stored(FALLBACK_CHAIN, left, row)

    async def _row(self, kind: Kind[Any], number: int) -> tables.Row:
        return await self._session.get_one(kind.row, number)

    async def _stored(self, kind: Kind[Any], value: Any, row: tables.Row) -> None:  # noqa: ANN401 # of the kind
        """Write a row that says what a value says."""
        await self._session.flush()

    async def _drop(self, kind: Kind[ValueT], number: int) -> None:
        await self._session.delete(await self._session.get_one(kind.row, number))
        await self._session.flush()

    async def _next_id(self, kind: str) -> int:
        row = tables.CounterRow
        query = sa.update(row).where(row.kind == kind).values(last_id=row.last_id + 1)
        return cast("int", await self._session.scalar(query.returning(row.last_id)))

    def _note(
        self,
        action: audit_pb.AuditAction.ValueType,
        kind: Kind[ValueT],
        number: int,
        changes: Mapping[str, object],
        more: Iterable[ChangedResource] = (),
    ) -> None:
        touched = [ChangedResource(kind.name, number), *more]
        self._write_entry(action, kind.name, kind.show_id(number), changes, touched=touched)

    def _write_entry(
        self,
        action: audit_pb.AuditAction.ValueType,
        resource_kind: str,
        resource_id: str,
        changes: Mapping[str, object],
        *,
        touched: Iterable[ChangedResource] = (),
        author: Author | None = None,
        occurred_at: int | None = None,
        record_id: str | None = None,
    ) -> None:
        self._state.revision += 1
        author = author or self._author
        row = self._entry(
            revision=self._state.revision,
            occurred_at=self.now if occurred_at is None else occurred_at,
            actor=author.actor,
            peer=author.peer,
            action=action,
            resource_kind=resource_kind,
            resource_id=resource_id,
            changes=changes,
            request_id=author.request_id,
            record_id=record_id,
        )
        self._chain.add(row)
        self._session.add(self._chain.row)
        self._keep(row, [list(pair) for pair in touched])

    def _entry(self, **said: Any) -> EntryRow:  # noqa: ANN401 # of each column
        """Return what a line of the log says, for the chain to take it in."""
        return tables.AuditRow(**said)

    def _keep(self, row: EntryRow, resources: list[list[Any]]) -> None:
        """Store a line of the log, and what its revision touched."""
        self._session.add_all((row, tables.ChangeRow(revision=row.revision, resources=resources)))

    async def finish(self) -> None:
        """Write what is not written yet, before the transaction ends."""
