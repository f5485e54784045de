"""Keeps which consents callers have stored at providers."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import delete, insert, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from conduit.internal.v1.voice_storage_service_pb2 import StoredConsent
from conduit_kernel.database import guarded, reader, writer
from conduit_storage.voices.store import SERVICE, storable
from conduit_storage.voices.tables import ConsentRow

_COLUMNS = tuple(ConsentRow.__table__.columns)


class ConsentStore:
    """Stores consents."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._writer = writer(engine)
        self._reader = reader(engine)

    async def put(self, consent: StoredConsent) -> None:
        """Store a consent; of one that is stored its owner changes the name alone."""
        values = {column.name: getattr(consent, column.name) for column in _COLUMNS}
        name = values["name"] = storable(consent.name)
        values["language"] = storable(consent.language)
        is_known = ConsentRow.id == consent.id
        is_own = ConsentRow.virtual_key_id == consent.virtual_key_id
        change = update(ConsentRow).where(is_known, is_own).values(name=name)
        async with guarded(SERVICE), self._writer.begin() as connection:
            known = select(ConsentRow.id).where(is_known)
            if (await connection.execute(known)).first() is None:
                await connection.execute(insert(ConsentRow).values(**values))
            else:
                await connection.execute(change)

    async def consents(self, virtual_key_id: int) -> tuple[Sequence[StoredConsent], Sequence[str]]:
        """Return an owner's consents in order of id, and the providers' ids of all others."""
        is_own = ConsentRow.virtual_key_id == virtual_key_id
        own = select(*_COLUMNS).where(is_own).order_by(ConsentRow.id)
        others = select(ConsentRow.upstream_id).where(~is_own)
        async with guarded(SERVICE), self._reader.connect() as connection:
            consents = [_consent(row) for row in (await connection.execute(own)).all()]
            return consents, (await connection.execute(others)).scalars().all()

    async def delete(self, virtual_key_id: int, consent_id: str) -> None:
        """Forget a consent of an owner, if the owner has one of this id."""
        is_own = ConsentRow.virtual_key_id == virtual_key_id
        gone = delete(ConsentRow).where(ConsentRow.id == consent_id, is_own)
        async with guarded(SERVICE), self._writer.begin() as connection:
            await connection.execute(gone)


def _consent(row: Row[Any]) -> StoredConsent:
    return StoredConsent(**row._asdict())
