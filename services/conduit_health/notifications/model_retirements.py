"""Reminds of mappings whose models their providers turn off, as the catalog has it."""

from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime

from conduit.v1 import notification_pb2 as pb
from conduit.v1.model_mapping_pb2 import ModelMapping
from conduit.v1.provider_pb2 import Provider
from conduit_health.notifications.hub import NotificationHub
from conduit_health.notifications.reminders import DAY_SECONDS, Reminders
from conduit_health.reminders.store import Reminder, ReminderStore
from conduit_kernel.errors import ProviderTypeUnknown
from conduit_kernel.snapshot import SnapshotState
from conduit_providers.catalog import Catalog

# How many days before, from the last to the first; 0 is the day itself.
DAYS_LEFT = (0, 1, 14, 60)
# Who has not heeded them for so long needs no more of them.
OVER_DAYS = 7


class ModelRetirementReminders(Reminders):
    """Posts a reminder once for each of `DAYS_LEFT`."""

    def __init__(
        self,
        state: SnapshotState,
        catalog: Catalog,
        store: ReminderStore,
        hub: NotificationHub,
        clock: Callable[[], float],
    ) -> None:
        """Take the configuration, what was reminded of, and a clock of seconds since 1970."""
        super().__init__(store, hub)
        self._state = state
        self._catalog = catalog
        self._clock = clock

    def due(self) -> Iterator[tuple[Reminder, pb.Notification]]:
        """Yield the reminders of enabled mappings at enabled instances."""
        now = self._clock()
        for mapping in self._state.mappings.values():
            provider = self._state.providers.get(mapping.provider_id)
            if provider is None or not (mapping.is_enabled and provider.is_enabled):
                continue
            day = self._day_of(provider, mapping.actual_model_name)
            if day is None:
                continue
            due_at = datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()
            left = next((n for n in DAYS_LEFT if due_at - now <= n * DAY_SECONDS), None)
            if left is not None and now - due_at < OVER_DAYS * DAY_SECONDS:
                reminder = Reminder(f"mapping_{mapping.id}", round(due_at), left)
                yield reminder, _notification(reminder, mapping, provider, day)

    def _day_of(self, provider: Provider, model: str) -> date | None:
        try:
            return self._catalog.find(provider.provider_type).retires_on(model)
        except ProviderTypeUnknown:
            # Of a catalog that is no more.
            return None


def _notification(
    reminder: Reminder, mapping: ModelMapping, provider: Provider, day: date
) -> pb.Notification:
    name, alias = mapping.actual_model_name, mapping.model_alias
    words = "is turned off on" if reminder.days_left else "is turned off since"
    return pb.Notification(
        kind=pb.NOTIFICATION_KIND_MODEL_RETIRING,
        provider_id=provider.id,
        provider_name=provider.name,
        message=f"The model {name} of {provider.name}, mapped as {alias}, {words} {day}",
        model_retirement=pb.ModelRetirementNotification(
            mapping_id=mapping.id,
            model_alias=alias,
            actual_model_name=name,
            retires_on=day.isoformat(),
            days_left=reminder.days_left,
        ),
    )
