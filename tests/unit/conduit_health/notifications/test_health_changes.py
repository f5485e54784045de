"""What a change of health means to administrators."""

import pytest

from conduit.v1 import notification_pb2 as pb
from conduit.v1.provider_health_pb2 import (
    CIRCUIT_STATE_CLOSED,
    CIRCUIT_STATE_HALF_OPEN,
    CIRCUIT_STATE_OPEN,
    CIRCUIT_STATE_UNSPECIFIED,
    HEALTH_STATUS_DEGRADED,
    HEALTH_STATUS_DISABLED,
    HEALTH_STATUS_HEALTHY,
    HEALTH_STATUS_UNHEALTHY,
    HEALTH_STATUS_UNKNOWN,
    KEY_STATUS_ACTIVE,
    KEY_STATUS_INVALID_CREDENTIALS,
    KEY_STATUS_NO_FUNDS,
    KEY_STATUS_RATE_LIMITED,
    CircuitState,
    HealthStatus,
    KeyHealth,
    KeyStatus,
    ProviderHealth,
)
from conduit_health.notifications.health_changes import health_notifications

UNHEALTHY, RECOVERED = (
    pb.NOTIFICATION_KIND_PROVIDER_UNHEALTHY,
    pb.NOTIFICATION_KIND_PROVIDER_RECOVERED,
)
OPENED, CLOSED = pb.NOTIFICATION_KIND_CIRCUIT_OPENED, pb.NOTIFICATION_KIND_CIRCUIT_CLOSED


def health(**fields: object) -> ProviderHealth:
    """Return how an instance is."""
    return ProviderHealth(provider_id=1, provider_name="Main", **fields)  # type: ignore[arg-type] # checked by protobuf


def kinds(old: ProviderHealth | None, new: ProviderHealth) -> list[int]:
    """Return the kinds of what is told of a change."""
    return [each.kind for each in health_notifications(old, new)]


@pytest.mark.parametrize(
    ("was", "now", "kind"),
    [
        (HEALTH_STATUS_HEALTHY, HEALTH_STATUS_UNHEALTHY, UNHEALTHY),
        (HEALTH_STATUS_UNKNOWN, HEALTH_STATUS_UNHEALTHY, UNHEALTHY),
        (HEALTH_STATUS_UNHEALTHY, HEALTH_STATUS_HEALTHY, RECOVERED),
        (HEALTH_STATUS_UNHEALTHY, HEALTH_STATUS_DEGRADED, RECOVERED),
        (HEALTH_STATUS_UNHEALTHY, HEALTH_STATUS_UNHEALTHY, None),
        (HEALTH_STATUS_UNHEALTHY, HEALTH_STATUS_DISABLED, None),
        (HEALTH_STATUS_DISABLED, HEALTH_STATUS_HEALTHY, None),
        (HEALTH_STATUS_HEALTHY, HEALTH_STATUS_DEGRADED, None),
        (HEALTH_STATUS_UNKNOWN, HEALTH_STATUS_HEALTHY, None),
    ],
)
def test_failure_and_recovery_are_told(
    was: HealthStatus.ValueType, now: HealthStatus.ValueType, kind: int | None
) -> None:
    """What an operator did is no news to operators."""
    assert kinds(health(status=was), health(status=now)) == ([] if kind is None else [kind])


def test_an_instance_that_is_unhealthy_from_the_first_is_told_of() -> None:
    """With why, as far as that is known."""
    new = health(status=HEALTH_STATUS_UNHEALTHY, last_error="is away", response_time_ms=7)
    [told] = health_notifications(None, new)
    assert told.message == "Provider Main is unhealthy: is away"
    assert (told.provider.last_error, told.provider.response_time_ms) == ("is away", 7)
    [told] = health_notifications(None, health(status=HEALTH_STATUS_UNHEALTHY))
    assert told.message == "Provider Main is unhealthy"
    assert not told.provider.HasField("response_time_ms")
    assert kinds(None, health(status=HEALTH_STATUS_HEALTHY)) == []


@pytest.mark.parametrize(
    ("was", "now", "kind"),
    [
        (CIRCUIT_STATE_CLOSED, CIRCUIT_STATE_OPEN, OPENED),
        (CIRCUIT_STATE_UNSPECIFIED, CIRCUIT_STATE_OPEN, OPENED),
        (CIRCUIT_STATE_OPEN, CIRCUIT_STATE_CLOSED, CLOSED),
        (CIRCUIT_STATE_HALF_OPEN, CIRCUIT_STATE_CLOSED, CLOSED),
        (CIRCUIT_STATE_OPEN, CIRCUIT_STATE_HALF_OPEN, None),
        (CIRCUIT_STATE_HALF_OPEN, CIRCUIT_STATE_OPEN, None),
        (CIRCUIT_STATE_UNSPECIFIED, CIRCUIT_STATE_CLOSED, None),
    ],
)
def test_a_circuit_is_told_of_once_until_it_closes(
    was: CircuitState.ValueType, now: CircuitState.ValueType, kind: int | None
) -> None:
    """A probe that fails opens again what never closed."""
    assert kinds(health(circuit=was), health(circuit=now)) == ([] if kind is None else [kind])


def with_key(status: KeyStatus.ValueType, key_id: str = "key_1") -> ProviderHealth:
    """Return an instance with a key."""
    return health(key_credentials=[KeyHealth(key_id=key_id, status=status)])


@pytest.mark.parametrize(
    ("was", "now", "kind"),
    [
        (KEY_STATUS_ACTIVE, KEY_STATUS_INVALID_CREDENTIALS, pb.NOTIFICATION_KIND_KEY_INVALID),
        (KEY_STATUS_ACTIVE, KEY_STATUS_NO_FUNDS, pb.NOTIFICATION_KIND_KEY_WITHOUT_FUNDS),
        (
            KEY_STATUS_NO_FUNDS,
            KEY_STATUS_INVALID_CREDENTIALS,
            pb.NOTIFICATION_KIND_KEY_INVALID,
        ),
        (KEY_STATUS_NO_FUNDS, KEY_STATUS_ACTIVE, pb.NOTIFICATION_KIND_KEY_RECOVERED),
        (KEY_STATUS_RATE_LIMITED, KEY_STATUS_ACTIVE, None),
        (KEY_STATUS_ACTIVE, KEY_STATUS_RATE_LIMITED, None),
        (KEY_STATUS_NO_FUNDS, KEY_STATUS_NO_FUNDS, None),
    ],
)
def test_keys_that_need_an_operator_are_told_of(
    was: KeyStatus.ValueType, now: KeyStatus.ValueType, kind: int | None
) -> None:
    """A rest ends by itself."""
    assert kinds(with_key(was), with_key(now)) == ([] if kind is None else [kind])


def test_a_key_is_named_and_not_mistaken_for_another() -> None:
    """One that is refused from the first is told of, too."""
    old = with_key(KEY_STATUS_INVALID_CREDENTIALS, "key_1")
    [told] = health_notifications(old, with_key(KEY_STATUS_INVALID_CREDENTIALS, "key_2"))
    assert told.message == "The key key_2 of provider Main is not accepted any more"
    assert (told.key.key_id, told.key.status) == ("key_2", KEY_STATUS_INVALID_CREDENTIALS)
    assert kinds(old, with_key(KEY_STATUS_ACTIVE, "key_2")) == []
