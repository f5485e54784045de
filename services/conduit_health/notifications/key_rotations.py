"""Reminds of keys whose values are to be replaced."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime

from conduit.v1 import notification_pb2 as pb
from conduit.v1.key_credential_pb2 import KeyCredential
from conduit_health.notifications.hub import NotificationHub
from conduit_health.notifications.reminders import DAY_SECONDS, Reminders
from conduit_health.reminders.store import Reminder, ReminderStore
from conduit_kernel.snapshot import SnapshotState

# How many days before, from the last to the first; 0 is the day itself.
DAYS_LEFT = (0, 1, 7, 14)


class KeyRotationReminders(Reminders):
    """Posts a reminder once for each of `DAYS_LEFT`."""

    def __init__(
        self,
        state: SnapshotState,
        store: ReminderStore,
        hub: NotificationHub,
        clock: Callable[[], float],
    ) -> None:
        """Take the configuration, what was reminded of, and a clock of seconds since 1970."""
        super().__init__(store, hub)
        self._state = state
        self._clock = clock

    def due(self) -> Iterator[tuple[Reminder, pb.Notification]]:
        """Yield the reminders of enabled keys of instances with a policy."""
        now = self._clock()
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
                    reminder = Reminder(credential.id, round(due_at), left)
                    yield reminder, self._notification(reminder, credential)

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
