"""Keeps what administrators were reminded of."""

from typing import NamedTuple

from sqlalchemy import delete, insert
from sqlalchemy.exc import IntegrityError
from sqlalchemy.ext.asyncio import AsyncEngine

from conduit_health.reminders.tables import ReminderRow
from conduit_kernel.database import guarded, writer

SERVICE = "health"


class Reminder(NamedTuple):
    """A reminder of what is due."""

    # Such as `key_3`, or `mapping_7`.
    subject: str
    # Seconds since 1970.
    due_at: int
    days_left: int


class ReminderStore:
    """Stores reminders."""

    def __init__(self, engine: AsyncEngine) -> None:
        self._writer = writer(engine)

    async def add(self, reminder: Reminder) -> bool:
        """Store a reminder; return whether nobody had before."""
        try:
            async with guarded(SERVICE), self._writer.begin() as connection:
                await connection.execute(insert(ReminderRow).values(**reminder._asdict()))
        except IntegrityError:
            return False
        return True

    async def forget(self, due_before: float) -> None:
        """Delete reminders of what was due before a time."""
        async with guarded(SERVICE), self._writer.begin() as connection:
            old = delete(ReminderRow).where(ReminderRow.due_at < due_before)
            await connection.execute(old)
