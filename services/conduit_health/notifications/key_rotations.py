"""Reminds of keys whose values are to be replaced."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import NamedTuple

from conduit.v1 import notification_pb2 as pb
from conduit.v1.key_credential_pb2 import KeyCredential
from conduit_health.notifications.hub import NotificationHub
from conduit_health.reminders.store import Reminder, ReminderStore
from conduit_kernel.snapshot import SnapshotState

# How many days before, from the last to the first; 0 is the day itself.
DAYS_LEFT = (0, 1, 7, 14)
DAY_SECONDS = 86_400.0


class _Due(NamedTuple):
    reminder: Reminder
    credential: KeyCredential


class KeyRotationReminders:
    """Posts a reminder once for each of `DAYS_LEFT`, over restarts and all Health processes.

    Who was away meanwhile is reminded of the last one alone.
    """

    def __init__(
        self,
        state: SnapshotState,
        store: ReminderStore,
        hub: NotificationHub,
        clock: Callable[[], float],
    ) -> None:
        """Take the configuration, what was reminded of, and a clock of seconds since 1970."""
        self._state = state
        self._store = store
        self._hub = hub
        self._clock = clock
        # What this process knows to be stored.
        self._known = set[Reminder]()

    async def post_due(self) -> None:
        """Post what is due: a step of a loop. ServiceUnavailable without database."""
        due = list(self._due(self._clock()))
        self._known &= {each.reminder for each in due}
        for reminder, credential in due:
            if reminder not in self._known:
                is_new = await self._store.add(reminder)
                self._known.add(reminder)
                if is_new:
                    self._hub.post(self._notification(reminder, credential))

    def _due(self, now: float) -> Iterator[_Due]:
        for each in self._state.keys.values():
            credential = each.credential
            if credential.is_enabled and credential.HasField("rotation_due_at"):
                days = self._rotation_days(credential)
                due_at = credential.rotation_due_at.ToNanoseconds() / 1e9
                left = next(
                    (
                        count
                        for count in DAYS_LEFT
                        # Who rotates every week needs no reminder of two.
                        if count < days and due_at - now <= count * DAY_SECONDS
                    ),
                    None,
                )
                if left is not None:
                    yield _Due(Reminder(credential.id, round(due_at), left), credential)

    def _rotation_days(self, credential: KeyCredential) -> int:
        provider = self._state.providers.get(credential.provider_id)
        return provider.security.key_rotation_days if provider is not None else 0

    def _notification(self, reminder: Reminder, credential: KeyCredential) -> pb.Notification:
        provider = self._state.providers[credential.provider_id]
        day = datetime.fromtimestamp(reminder.due_at, UTC).date().isoformat()
        words = f"is to be replaced by {day}" if reminder.days_left else "is to be replaced now"
        message = pb.Notification(
            kind=pb.NOTIFICATION_KIND_KEY_ROTATION_DUE,
            provider_id=provider.id,
            provider_name=provider.name,
            message=f"The key {credential.id} of {provider.name} {words}",
            key_rotation=pb.KeyRotationNotification(
                key_id=credential.id, days_left=reminder.days_left
            ),
        )
        message.key_rotation.due_at.CopyFrom(credential.rotation_due_at)
        return message
