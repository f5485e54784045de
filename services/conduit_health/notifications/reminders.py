"""Reminds administrators of what is due, once each, over restarts and all Health processes."""

from abc import ABC, abstractmethod
from collections.abc import Iterator

from conduit.v1.notification_pb2 import Notification
from conduit_health.notifications.hub import NotificationHub
from conduit_health.reminders.store import Reminder, ReminderStore

DAY_SECONDS = 86_400.0


class Reminders(ABC):
    """Posts each reminder once. Who was away meanwhile is reminded of the last one alone."""

    def __init__(self, store: ReminderStore, hub: NotificationHub) -> None:
        """Take what was reminded of, and who tells."""
        self._store = store
        self._hub = hub
        # What this process knows to be stored.
        self._known = set[Reminder]()

    @abstractmethod
    def due(self) -> Iterator[tuple[Reminder, Notification]]:
        """Yield the reminders that are due now, each with its words."""

    async def post_due(self) -> None:
        """Post what is due: a step of a loop. ServiceUnavailable without database."""
        due = list(self.due())
        self._known &= {reminder for reminder, _ in due}
        for reminder, notification in due:
            if reminder not in self._known:
                is_new = await self._store.add(reminder)
                self._known.add(reminder)
                if is_new:
                    self._hub.post(notification)
