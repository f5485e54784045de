"""Keeps which calls were made with an idempotency key, and what they came to, within bounds."""

from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine

from conduit.internal.v1.idempotency_storage_service_pb2 import (
    IDEMPOTENCY_STATE_CLAIMED,
    IDEMPOTENCY_STATE_ENDED,
    IDEMPOTENCY_STATE_NOT_KEPT,
    IDEMPOTENCY_STATE_OTHER_REQUEST,
    IDEMPOTENCY_STATE_UNDER_WAY,
    IdempotencyClaim,
    IdempotencyState,
)
from conduit_kernel.database import guarded, writer
from conduit_kernel.errors import StorageFull
from conduit_storage.idempotency.tables import IdempotentCallRow as Row

SERVICE = "storage"
# What a call takes beside its result, about: its row, and its places in the indexes.
ROW_BYTES = 512
# A router that is silent about a call for so long is lost.
LEASE_SECONDS = 20.0


class ResultBounds(NamedTuple):
    """The most that is kept."""

    # Of one result.
    result_bytes: int
    # Of all calls of a virtual key.
    key_bytes: int
    # Since a call's end.
    retention_seconds: float


class Standing(NamedTuple):
    """The state of a key; `result` where its call has ended."""

    state: IdempotencyState.ValueType
    result: bytes = b""


class IdempotencyStore:
    """Stores calls by the key that they were made with; times are in seconds since 1970."""

    def __init__(self, engine: AsyncEngine, bounds: ResultBounds) -> None:
        self._writer = writer(engine)
        self._bounds = bounds

    async def claim(self, claim: IdempotencyClaim, fingerprint: bytes, now: float) -> Standing:
        """Give a key to a call, or return what became of the one that has it.

        StorageFull if the owner's calls leave no room for it.
        """
        async with guarded(SERVICE), self._writer.begin() as connection:
            query = select(*Row.__table__.columns).where(*_of(claim)).with_for_update()
            row = (await connection.execute(query)).one_or_none()
            if row is not None and (standing := _standing(row, claim, fingerprint, now)):
                return standing
            values = self._claimed(claim, fingerprint, now)
            if row is not None:
                # Its call was lost, or is kept no longer: it is this one's room.
                await connection.execute(update(Row).where(*_of(claim)).values(**values))
                return Standing(IDEMPOTENCY_STATE_CLAIMED)
            await self._check_room(connection, claim.virtual_key_id)
            is_postgres = connection.dialect.name == "postgresql"
            insert = postgresql.insert(Row) if is_postgres else sqlite.insert(Row)
            statement = insert.values(**values).on_conflict_do_nothing()
            is_first = (await connection.execute(statement)).rowcount
        return Standing(IDEMPOTENCY_STATE_CLAIMED if is_first else IDEMPOTENCY_STATE_UNDER_WAY)

    async def renew(self, claim: IdempotencyClaim, now: float) -> None:
        """Lease a key for longer to the call that has it."""
        lease = update(Row).where(*_of(claim), *_held_by(claim))
        async with guarded(SERVICE), self._writer.begin() as connection:
            await connection.execute(lease.values(leased_until=_millis(now + LEASE_SECONDS)))

    async def keep(self, claim: IdempotencyClaim, result: bytes, now: float) -> bool:
        """Keep what a call came to; return whether there was room for it."""
        mine = *_of(claim), *_held_by(claim)
        async with guarded(SERVICE), self._writer.begin() as connection:
            is_kept = 0 < len(result) <= self._bounds.result_bytes
            if is_kept:
                taken = await self._taken(connection, claim.virtual_key_id)
                is_kept = taken + len(result) <= self._bounds.key_bytes
            values: dict[str, Any] = {
                "leased_until": None,
                "expires_at": _millis(now + self._bounds.retention_seconds),
            }
            if is_kept:
                values |= {"result": result, "size": ROW_BYTES + len(result)}
            found = await connection.execute(update(Row).where(*mine).values(**values))
        return is_kept and bool(found.rowcount)

    async def release(self, claim: IdempotencyClaim) -> None:
        """Give a key up whose call failed."""
        async with guarded(SERVICE), self._writer.begin() as connection:
            await connection.execute(delete(Row).where(*_of(claim), *_held_by(claim)))

    async def forget(self, now: float) -> None:
        """Delete the calls that are kept no longer."""
        async with guarded(SERVICE), self._writer.begin() as connection:
            await connection.execute(delete(Row).where(Row.expires_at <= _millis(now)))

    def _claimed(self, claim: IdempotencyClaim, fingerprint: bytes, now: float) -> dict[str, Any]:
        return {
            "virtual_key_id": claim.virtual_key_id,
            "key_hash": claim.key_hash,
            "fingerprint": fingerprint,
            "claim_id": claim.id,
            "size": ROW_BYTES,
            "expires_at": _millis(now + self._bounds.retention_seconds),
            "leased_until": _millis(now + LEASE_SECONDS),
            "result": None,
        }

    async def _check_room(self, connection: AsyncConnection, owner: int) -> None:
        taken, most = await self._taken(connection, owner), self._bounds.key_bytes
        if taken + ROW_BYTES > most:
            message = f"The kept answers of this virtual key take {taken} of {most} bytes"
            raise StorageFull(message, limit_bytes=str(most))

    async def _taken(self, connection: AsyncConnection, owner: int) -> int:
        query = select(func.sum(Row.size)).where(Row.virtual_key_id == owner)
        # PostgreSQL's sums of large numbers are decimals.
        return int(await connection.scalar(query) or 0)


def _standing(
    row: Any,  # noqa: ANN401 # a row of many columns
    claim: IdempotencyClaim,
    fingerprint: bytes,
    now: float,
) -> Standing | None:
    """Return how a key stands that a call has; None if it has it no longer."""
    is_under_way = row.leased_until is not None
    if row.expires_at <= _millis(now) or (is_under_way and row.leased_until <= _millis(now)):
        return None
    if row.fingerprint != fingerprint:
        return Standing(IDEMPOTENCY_STATE_OTHER_REQUEST)
    if is_under_way:
        is_own = row.claim_id == claim.id
        return Standing(IDEMPOTENCY_STATE_CLAIMED if is_own else IDEMPOTENCY_STATE_UNDER_WAY)
    if row.result is None:
        return Standing(IDEMPOTENCY_STATE_NOT_KEPT)
    return Standing(IDEMPOTENCY_STATE_ENDED, row.result)


def _of(claim: IdempotencyClaim) -> tuple[ColumnElement[bool], ...]:
    return Row.virtual_key_id == claim.virtual_key_id, Row.key_hash == claim.key_hash


def _held_by(claim: IdempotencyClaim) -> tuple[ColumnElement[bool], ...]:
    return Row.claim_id == claim.id, Row.leased_until.is_not(None)


def _millis(seconds: float) -> int:
    return int(seconds * 1000)
