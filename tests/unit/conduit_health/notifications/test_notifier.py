"""What the monitor sees, told to administrators."""

from tests.integration.health.conftest import NOW
from tests.unit.conduit_health.conftest import Watched, drained

from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit.v1.model_mapping_pb2 import ModelMapping
from conduit.v1.notification_pb2 import NOTIFICATION_KIND_RATE_LIMIT_NEAR
from conduit.v1.provider_health_pb2 import (
    HEALTH_STATUS_HEALTHY,
    HEALTH_STATUS_UNHEALTHY,
    KeyRateLimits,
    ProviderHealth,
    RateLimit,
)
from conduit.v1.provider_pb2 import Provider
from conduit_health.notifications.notifier import Notifier
from conduit_health.notifications.services import AWAY_SECONDS
from conduit_health.state.provider_config import InstanceConfig
from conduit_kernel.snapshot import SnapshotState

CONFIG = InstanceConfig(1, "Main", "OpenAI", True, 1, (), frozenset())  # noqa: FBT003 # a tuple's field
NEAR = KeyRateLimits(requests_per_minute=RateLimit(limit=100, remaining=1))


def state(*mappings: ModelMapping) -> SnapshotState:
    """Return a configuration of one instance."""
    providers = [Provider(id=1, name="Main", is_enabled=True)]
    return SnapshotState.of(Snapshot(epoch="e", providers=providers, mappings=mappings))


def test_a_limit_is_told_with_the_name_of_its_instance(watched: Watched) -> None:
    """Once; of an instance that went and came back, again."""
    notifier = Notifier(watched.hub)
    with watched.hub.watching() as queue:
        notifier.limits_seen(CONFIG, "key_1", NEAR, NOW)
        notifier.limits_seen(CONFIG, "key_1", NEAR, NOW)
        told = queue.get_nowait()
        assert told is not None
        assert (told.kind, told.provider_id, told.provider_name) == (
            NOTIFICATION_KIND_RATE_LIMIT_NEAR,
            1,
            "Main",
        )
        assert queue.empty()
        notifier.provider_gone(1)
        notifier.limits_seen(CONFIG, "key_1", NEAR, NOW)
        assert len(drained(queue)) == 1


def test_mappings_are_told_with_the_names_of_their_instances(watched: Watched) -> None:
    """As far as these are there."""
    notifier = Notifier(watched.hub)
    notifier.configuration_changed(state())
    with watched.hub.watching() as queue:
        notifier.configuration_changed(
            state(
                ModelMapping(id=1, model_alias="a", provider_id=1),
                ModelMapping(id=2, model_alias="b", provider_id=9),
            )
        )
        told = [queue.get_nowait(), queue.get_nowait()]
    assert [each.provider_name for each in told if each is not None] == ["Main", ""]


def test_health_is_told_by_what_changed(watched: Watched) -> None:
    """Nothing of what did not."""
    notifier = Notifier(watched.hub)
    up = ProviderHealth(provider_id=1, provider_name="Main", status=HEALTH_STATUS_HEALTHY)
    down = ProviderHealth(provider_id=1, provider_name="Main", status=HEALTH_STATUS_UNHEALTHY)
    with watched.hub.watching() as queue:
        notifier.health_changed(None, up)
        notifier.health_changed(up, down)
        notifier.health_changed(down, down)
        assert drained(queue) == ["Provider Main is unhealthy"]


def test_aliases_are_told_of_by_who_can_be_used(watched: Watched) -> None:
    """The first time is no news."""
    notifier = Notifier(watched.hub)
    configured = state(ModelMapping(id=1, model_alias="a", provider_id=1, is_enabled=True))
    with watched.hub.watching() as queue:
        notifier.usability_changed(configured, set())
        notifier.usability_changed(configured, {1})
        assert drained(queue) == ["The model a is served by no instance that works"]


def test_services_are_told_of_once_they_are_away_for_long(watched: Watched) -> None:
    """By the passing of time, and by their coming back."""
    notifier = Notifier(watched.hub)
    notifier.service_reported("billing", NOW, is_serving=True)
    with watched.hub.watching() as queue:
        notifier.service_reported("billing", NOW, is_serving=False)
        notifier.tick(NOW + AWAY_SECONDS - 1)
        assert drained(queue) == []
        notifier.tick(NOW + AWAY_SECONDS)
        notifier.service_reported("billing", NOW + 60, is_serving=True)
        assert drained(queue) == [
            "The billing service is not serving",
            "The billing service is back",
        ]
