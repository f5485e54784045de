"""Reminders of any kind: each is posted once, also where the database was away in between."""

from collections.abc import Iterator

import pytest
from sqlalchemy.ext.asyncio import AsyncEngine

from conduit.v1.notification_pb2 import Notification
from conduit_health.notifications.hub import NotificationHub
from conduit_health.notifications.reminders import Reminders
from conduit_health.reminders.store import Reminder, ReminderStore


class Two(Reminders):
    """Two things are due at once, of which one may be over."""

    subjects = ("key_1", "mapping_1")

    def due(self) -> Iterator[tuple[Reminder, Notification]]:
        """Yield them."""
        for subject in self.subjects:
            yield Reminder(subject, 1000, 0), Notification(message=subject)


class Away(ReminderStore):
    """A database that is away at the second of them."""

    is_away = True

    async def add(self, reminder: Reminder) -> bool:
        """Store the first one."""
        if self.is_away and reminder.subject == "mapping_1":
            raise ConnectionError("no database")
        return await super().add(reminder)


async def test_what_could_not_be_stored_is_posted_later(engine: AsyncEngine) -> None:
    """And what was, not again."""
    hub, store = NotificationHub(lambda: 1000.0), Away(engine)
    reminders, queue = Two(store, hub), hub.subscribe()
    with pytest.raises(ConnectionError):
        await reminders.post_due()
    store.is_away = False
    for _ in range(2):
        await reminders.post_due()
    posted = [queue.get_nowait() for _ in range(queue.qsize())]
    assert [each.message for each in posted if each is not None] == ["key_1", "mapping_1"]
