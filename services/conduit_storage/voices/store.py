"""Keeps which voices callers have made."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, insert, not_, select, update
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from conduit.internal.v1.voice_storage_service_pb2 import MadeVoice
from conduit_kernel.database import guarded, reader, writer
from conduit_storage.voices.tables import VoiceRow

SERVICE = "storage"
# Characters of a name, and of a description.
MAX_NAME = 1000
# For so long routers, and providers, may still list a voice that was deleted.
LISTED_SECONDS = 3600
_COLUMNS = tuple(each for each in VoiceRow.__table__.columns if each.name != "deleted_at")
_TEXTS = frozenset({"name", "description"})


class VoiceStore:
    """Stores voices; times are in seconds since 1970."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._writer = writer(engine)
        self._reader = reader(engine)

    async def add(self, voice: MadeVoice) -> None:
        """Store a voice, unless one of its id is stored."""
        values = {column.name: getattr(voice, column.name) for column in _COLUMNS}
        values |= {name: storable(values[name]) for name in _TEXTS}
        async with guarded(SERVICE), self._writer.begin() as connection:
            known = select(VoiceRow.id).where(VoiceRow.id == voice.id)
            if (await connection.execute(known)).first() is None:
                await connection.execute(insert(VoiceRow).values(**values))

    async def voice(self, virtual_key_id: int, voice_id: str) -> MadeVoice | None:
        """Return a voice of an owner; None if the owner has none of this id."""
        async with guarded(SERVICE), self._reader.connect() as connection:
            query = select(*_COLUMNS).where(*_of(virtual_key_id, voice_id))
            row = (await connection.execute(query)).one_or_none()
            return None if row is None else _voice(row)

    async def voices(self, virtual_key_id: int) -> tuple[Sequence[MadeVoice], Sequence[str]]:
        """Return an owner's voices in order of id, and the providers' ids of all others.

        Of those that are no more as well, for as long as somebody may still list them.
        """
        is_own = and_(VoiceRow.virtual_key_id == virtual_key_id, _IS_THERE)
        own = select(*_COLUMNS).where(is_own).order_by(VoiceRow.id)
        others = select(VoiceRow.upstream_id).where(not_(is_own))
        async with guarded(SERVICE), self._reader.connect() as connection:
            voices = [_voice(row) for row in (await connection.execute(own)).all()]
            return voices, (await connection.execute(others)).scalars().all()

    async def delete(self, virtual_key_id: int, voice_id: str, now: float) -> None:
        """Note that a voice of an owner is no more, if the owner has one of this id."""
        change = update(VoiceRow).where(*_of(virtual_key_id, voice_id))
        async with guarded(SERVICE), self._writer.begin() as connection:
            await connection.execute(change.values(deleted_at=int(now)))

    async def forget(self, now: float) -> None:
        """Delete what is kept of voices that nobody lists any more."""
        old = delete(VoiceRow).where(VoiceRow.deleted_at <= int(now) - LISTED_SECONDS)
        async with guarded(SERVICE), self._writer.begin() as connection:
            await connection.execute(old)


_IS_THERE = VoiceRow.deleted_at.is_(None)


def _of(virtual_key_id: int, voice_id: str) -> tuple[ColumnElement[bool], ...]:
    return VoiceRow.id == voice_id, VoiceRow.virtual_key_id == virtual_key_id, _IS_THERE


def _voice(row: Row[Any]) -> MadeVoice:
    return MadeVoice(**row._asdict())


def storable(text: str) -> str:
    """Return a text as both databases can keep it."""
    # PostgreSQL keeps no text with zeros.
    return text[:MAX_NAME].replace("\0", "\ufffd")
