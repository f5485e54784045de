"""Keeps which voices callers have made."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, delete, insert, select
from sqlalchemy.engine import Row
from sqlalchemy.ext.asyncio import AsyncEngine

from conduit.internal.v1.voice_storage_service_pb2 import MadeVoice
from conduit_kernel.database import guarded, reader, writer
from conduit_storage.voices.tables import VoiceRow

SERVICE = "storage"
# Characters of a name, and of a description.
MAX_NAME = 1000
_COLUMNS = tuple(VoiceRow.__table__.columns)
_TEXTS = frozenset({"name", "description"})


class VoiceStore:
    """Stores voices."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._writer = writer(engine)
        self._reader = reader(engine)

    async def add(self, voice: MadeVoice) -> None:
        """Store a voice, unless one of its id is stored."""
        values = {column.name: getattr(voice, column.name) for column in _COLUMNS}
        values |= {name: _storable(values[name]) for name in _TEXTS}
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
        """Return an owner's voices in order of id, and the providers' ids of all others."""
        is_own = VoiceRow.virtual_key_id == virtual_key_id
        own = select(*_COLUMNS).where(is_own).order_by(VoiceRow.id)
        others = select(VoiceRow.upstream_id).where(~is_own)
        async with guarded(SERVICE), self._reader.connect() as connection:
            voices = [_voice(row) for row in (await connection.execute(own)).all()]
            return voices, (await connection.execute(others)).scalars().all()

    async def forget(self, virtual_key_id: int, voice_id: str) -> None:
        """Delete a voice of an owner, if the owner has one of this id."""
        async with guarded(SERVICE), self._writer.begin() as connection:
            await connection.execute(delete(VoiceRow).where(*_of(virtual_key_id, voice_id)))


def _of(virtual_key_id: int, voice_id: str) -> tuple[ColumnElement[bool], ...]:
    return VoiceRow.id == voice_id, VoiceRow.virtual_key_id == virtual_key_id


def _voice(row: Row[Any]) -> MadeVoice:
    return MadeVoice(**row._asdict())


def _storable(text: str) -> str:
    # PostgreSQL keeps no text with zeros.
    return text[:MAX_NAME].replace("\0", "\ufffd")
