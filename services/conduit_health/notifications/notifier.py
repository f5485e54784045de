"""Tells administrators of what the monitor sees."""

from collections.abc import Collection

from conduit.v1.provider_health_pb2 import KeyRateLimits, ProviderHealth
from conduit_health.notifications.health_changes import health_notifications
from conduit_health.notifications.hub import NotificationHub
from conduit_health.notifications.mappings import MappingWatch
from conduit_health.notifications.rate_limits import RateLimitWatch
from conduit_health.notifications.services import ServiceWatch
from conduit_health.state.provider_config import InstanceConfig
from conduit_kernel.snapshot import SnapshotState


class Notifier:
    """Turns what changed into notifications, and posts them."""

    def __init__(self, hub: NotificationHub) -> None:
        self._hub = hub
        self._limits = RateLimitWatch()
        self._mappings = MappingWatch()
        self._services = ServiceWatch()

    def health_changed(self, old: ProviderHealth | None, new: ProviderHealth) -> None:
        """Tell what became of an instance and its keys."""
        for notification in health_notifications(old, new):
            self._hub.post(notification)

    def limits_seen(
        self, config: InstanceConfig, key_id: str, limits: KeyRateLimits, now: float
    ) -> None:
        """Tell of limits that are nearly used up."""
        for notification in self._limits.observe(config.id, key_id, limits, now):
            notification.provider_id, notification.provider_name = config.id, config.name
            self._hub.post(notification)

    def provider_gone(self, provider_id: int) -> None:
        """Forget an instance."""
        self._limits.forget(provider_id)

    def configuration_changed(self, state: SnapshotState) -> None:
        """Tell of mappings that changed."""
        for notification in self._mappings.reload(state):
            if (provider := state.providers.get(notification.provider_id)) is not None:
                notification.provider_name = provider.name
            self._hub.post(notification)

    def usability_changed(self, state: SnapshotState, unusable: Collection[int]) -> None:
        """Tell of aliases that are served by nobody any more, or by somebody again."""
        for notification in self._mappings.availability(state, unusable):
            self._hub.post(notification)

    def service_reported(self, service: str, now: float, *, is_serving: bool) -> None:
        """Take how a service of Conduit's own is."""
        for notification in self._services.report(service, now, is_serving=is_serving):
            self._hub.post(notification)

    def tick(self, now: float) -> None:
        """Tell of services that have been away for long."""
        for notification in self._services.tick(now):
            self._hub.post(notification)
