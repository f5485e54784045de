"""What can be asked of the Registry's tables within one transaction."""

from collections.abc import AsyncIterator, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncSession

from conduit_kernel.pagination import Page
from conduit_kernel.secrets import Vault
from conduit_registry.audit_values import EVERY_ENTRY, AuditEntry, AuditFilter
from conduit_registry.store import tables
from conduit_registry.store.audit_chain import (
    CHAIN_ID,
    AuditVerification,
    hash_of,
    is_signed,
)
from conduit_registry.store.kinds import (
    FALLBACK_CHAIN,
    KEY,
    MAPPING,
    VIRTUAL_KEY,
    Kind,
    ValueT,
)
from conduit_registry.values import (
    ChangedResource,
    DiscoveredModel,
    FallbackChain,
    Key,
    ModelMapping,
    State,
    VirtualKey,
)

STATE_ID = 1
# Rows that are read at a time, so that others may run in between.
PIECE = 100


class ReadTransaction:
    """Reads. All of it is of one moment."""

    def __init__(self, session: AsyncSession) -> None:
        self._session = session

    async def state(self) -> State:
        """Return where the configuration stands."""
        row = await self._session.get_one(tables.StateRow, STATE_ID)
        return State(row.epoch, row.revision)

    async def find(self, kind: Kind[ValueT], number: int) -> ValueT | None:
        """Return a thing, or None."""
        row = await self._session.get(kind.row, number) if _is_id(number) else None
        return None if row is None else kind.read(row)

    async def get(self, kind: Kind[ValueT], number: int) -> ValueT:
        """Return a thing. NotFound, of its kind, if there is none."""
        found = await self.find(kind, number)
        if found is None:
            raise kind.not_found(number)
        return found

    async def key_of(self, provider_id: int, number: int) -> Key:
        """Return a key of this instance. KeyNotFound if it is another's."""
        key = await self.get(KEY, number)
        if key.provider_id != provider_id:
            raise KEY.not_found(number)
        return key

    async def every(self, kind: Kind[ValueT], **where: object) -> list[ValueT]:
        """Return all things whose columns have these values, in order of id."""
        return [value async for piece in self.pieces(kind, **where) for value in piece]

    async def pieces(self, kind: Kind[ValueT], **where: object) -> AsyncIterator[list[ValueT]]:
        """Yield what `every` returns, some at a time."""
        after = 0
        while True:
            query = _query(kind, where).where(kind.row.id > after).limit(PIECE)
            piece = [kind.read(row) for row in await self._rows(query)]
            if piece:
                yield piece
            if len(piece) < PIECE:
                return
            after = piece[-1].id

    async def some(self, kind: Kind[ValueT], numbers: Sequence[int]) -> list[ValueT]:
        """Return those things of these ids that exist."""
        found: list[ValueT] = []
        for start in range(0, len(numbers), PIECE):
            piece = numbers[start : start + PIECE]
            query = sa.select(kind.row).where(kind.row.id.in_(piece)).order_by(kind.row.id)
            found += [kind.read(row) for row in await self._rows(query)]
        return found

    async def page(self, kind: Kind[ValueT], page: Page[int], **where: object) -> list[ValueT]:
        """Return a page of things, and one more if there are more, in order of id."""
        query = _query(kind, where).where(kind.row.id > page.after).limit(page.size + 1)
        return [kind.read(row) for row in await self._rows(query)]

    async def named(self, kind: Kind[ValueT], name: str) -> ValueT | None:
        """Return the provider or virtual key of a name, without regard to case."""
        found = await self.every(kind, folded_name=name.casefold())
        return found[0] if found else None

    async def virtual_key_of(self, known_by: bytes) -> VirtualKey | None:
        """Return the virtual key whose value has this hash."""
        found = await self.every(VIRTUAL_KEY, hash=known_by)
        return found[0] if found else None

    async def mapping_like(self, alias: str, provider_id: int) -> ModelMapping | None:
        """Return the mapping of an alias to an instance."""
        found = await self.every(MAPPING, model_alias=alias, provider_id=provider_id)
        return found[0] if found else None

    async def chain_of(self, alias: str) -> FallbackChain | None:
        """Return the chain of an alias."""
        found = await self.every(FALLBACK_CHAIN, model_alias=alias)
        return found[0] if found else None

    async def chains_with(self, provider_id: int) -> list[FallbackChain]:
        """Return the chains that an instance has a place in."""
        ids = sa.select(tables.StepRow.chain_id).where(tables.StepRow.provider_id == provider_id)
        row = tables.FallbackChainRow
        query = sa.select(row).where(row.id.in_(ids)).order_by(row.id)
        return [FALLBACK_CHAIN.read(found) for found in await self._rows(query)]

    async def discovered(self, provider_id: int) -> list[DiscoveredModel]:
        """Return what the last discovery of an instance found, in order of name."""
        row = tables.DiscoveredModelRow
        query = sa.select(row).where(row.provider_id == provider_id)
        found = [DiscoveredModel(r.name, r.discovered_at) for r in await self._rows(query)]
        # Sorted here, because databases sort by their locale.
        return sorted(found, key=lambda model: model.name)

    async def attempts(self) -> dict[int, tuple[int, bool]]:
        """Return by instance when its models were last asked for, and whether that succeeded."""
        rows = await self._rows(sa.select(tables.DiscoveryRow))
        return {row.provider_id: (row.attempted_at, row.succeeded) for row in rows}

    async def changed_resources(self, after: int) -> list[ChangedResource] | None:
        """Return what the revisions after this one touched, each once, in order.

        None if that is forgotten.
        """
        row = tables.ChangeRow
        query = sa.select(row).where(row.revision > after).order_by(row.revision)
        rows = await self._rows(query)
        # Revisions have no gaps, and the oldest are forgotten first.
        if len(rows) < (await self.state()).revision - after:
            return None
        pairs = (pair for each in rows for pair in each.resources)
        return list(dict.fromkeys(ChangedResource(*pair) for pair in pairs))

    async def keys_retiring(self, now: int) -> list[int]:
        """Return the keys whose time is over."""
        row = tables.KeyRow
        query = sa.select(row.id).where(row.retires_at <= now).order_by(row.id)
        return list(await self._session.scalars(query))

    async def keys_of_other_wrapping(self, encryption_key: str, after: int, most: int) -> list[int]:
        """Return keys behind one that another encryption key has wrapped, in order of id."""
        row = tables.KeyRow
        query = sa.select(row.id).where(row.encryption_key_id != encryption_key, row.id > after)
        return list(await self._session.scalars(query.order_by(row.id).limit(most)))

    async def servers_of_other_wrapping(self, encryption_key: str) -> list[int]:
        """Return the MCP servers whose headers another encryption key has wrapped."""
        row = tables.McpServerRow
        others = row.encryption_key_id.not_in((encryption_key, ""))
        return list(await self._session.scalars(sa.select(row.id).where(others).order_by(row.id)))

    async def audit_page(
        self, page: Page[int], wanted: AuditFilter = EVERY_ENTRY
    ) -> list[AuditEntry]:
        """Return a page of the audit log, and one more if there are more, newest first."""
        row = tables.AuditRow
        query = sa.select(row).order_by(row.revision.desc()).limit(page.size + 1)
        if page.after:
            query = query.where(row.revision < page.after)
        return [_entry(found) for found in await self._rows(query.where(*_conditions(wanted)))]

    async def verify_audit(self, vault: Vault) -> AuditVerification:
        """Look at each line of the audit log that is in its chain, from the first to the last."""
        row = tables.AuditRow
        chain = await self._session.get(tables.AuditChainRow, CHAIN_ID)
        if chain is None:
            first = sa.select(sa.func.min(row.revision)).where(row.hash.is_not(None))
            lost = await self._session.scalar(first) or 0
            return AuditVerification(0, 0, "", "The chain is gone" if lost else "", lost)
        revision, previous, entries = chain.base_revision, chain.base_hash, 0

        def found(problem: str = "", at: int = 0) -> AuditVerification:
            head = chain.head_hash.hex()
            return AuditVerification(entries, chain.head_revision, head, problem, at)

        while True:
            query = sa.select(row).where(row.revision > revision).order_by(row.revision)
            piece = await self._rows(query.limit(PIECE))
            for each in piece:
                if each.revision != revision + 1:
                    return found("A line is gone", revision + 1)
                expected = hash_of(each, previous)
                if each.hash != expected:
                    return found("A line was changed", each.revision)
                revision, previous, entries = each.revision, expected, entries + 1
            if len(piece) < PIECE:
                break
        if revision != chain.head_revision or previous != chain.head_hash:
            return found("The last line is not the one that was written last", revision)
        if not is_signed(chain, vault):
            return found("Conduit did not write the ends of the chain", revision)
        return found()

    async def _rows(self, query: sa.Select[tables.BaseT]) -> Sequence[tables.BaseT]:
        rows: Sequence[tables.BaseT] = (await self._session.scalars(query)).all()
        return rows


def _query(kind: Kind[Any], where: dict[str, object]) -> sa.Select[tables.Row]:
    return sa.select(kind.row).filter_by(**where).order_by(kind.row.id)


def _is_id(number: int) -> bool:
    # What a 64-bit column cannot hold cannot be there either.
    return 0 < number < 1 << 63


def _conditions(wanted: AuditFilter) -> list[sa.ColumnElement[bool]]:
    row = tables.AuditRow
    conditions: list[sa.ColumnElement[bool]] = []
    if wanted.resource_kind:
        conditions.append(row.resource_kind == wanted.resource_kind)
    if wanted.resource_id:
        conditions.append(row.resource_id == wanted.resource_id)
    if wanted.actor:
        # An administrator's name follows their id, and may change.
        named = row.actor.startswith(f"{wanted.actor} ", autoescape=True)
        conditions.append((row.actor == wanted.actor) | named)
    if wanted.action:
        conditions.append(row.action == wanted.action)
    if wanted.since is not None:
        conditions.append(row.occurred_at >= wanted.since)
    if wanted.until is not None:
        conditions.append(row.occurred_at < wanted.until)
    return conditions


def _entry(row: tables.AuditRow) -> AuditEntry:
    return AuditEntry(
        revision=row.revision,
        occurred_at=row.occurred_at,
        actor=row.actor,
        peer=row.peer,
        action=row.action,
        resource_kind=row.resource_kind,
        resource_id=row.resource_id,
        changes=row.changes,
        request_id=row.request_id,
        hash=row.hash or b"",
    )
