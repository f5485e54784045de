"""Notifications as the hub's clients know them."""

from typing import Any

import pytest
from google.protobuf.timestamp_pb2 import Timestamp

from conduit.v1 import notification_pb2 as pb
from conduit.v1 import provider_health_pb2 as health_pb
from conduit.v1.budget_pb2 import BudgetNotification
from conduit_bridge.signalr.events import Event, events_of, health_update

AT = "2026-11-29T12:00:00Z"


def notification(kind: int = 0, **data: Any) -> pb.Notification:  # noqa: ANN401 # messages of each kind
    """Return a notification of provider 7."""
    at = Timestamp()
    at.FromJsonString(AT)
    made = pb.Notification(
        id=5,
        occurred_at=at,
        provider_id=7,
        provider_name="p",
        message="what happened",
        **data,
    )
    made.kind = kind  # type: ignore[assignment] # also one of another version
    return made


def only(told: pb.Notification) -> Event:
    """Return the one event of a notification."""
    [event] = events_of(told)
    return event


def test_an_instance_is_told_to_its_subscribers_and_to_all() -> None:
    """In the two shapes that clients know."""
    provider = pb.ProviderNotification(
        status=health_pb.HEALTH_STATUS_UNHEALTHY,
        health_details=health_pb.HealthDetails(authentication=health_pb.HEALTH_FINDING_FAILED),
    )
    update, changed = events_of(
        notification(pb.NOTIFICATION_KIND_PROVIDER_UNHEALTHY, provider=provider)
    )
    assert (update.target, update.provider_id) == ("ProviderHealthUpdate", 7)
    assert update.argument == {
        "providerId": 7,
        "status": "Unhealthy",
        "isHealthy": False,
        "healthData": {
            "responseTimeMs": None,
            "errorCategory": "Authentication",
            "timestamp": AT,
        },
        "timestamp": AT,
    }
    assert (changed.target, changed.provider_id) == ("OnProviderHealthChanged", 0)
    assert changed.argument == {
        "id": "5",
        "timestamp": AT,
        "priority": "High",
        "providerId": 7,
        "providerName": "p",
        "status": "Unhealthy",
        "responseTimeMs": None,
        "details": "what happened",
    }


@pytest.mark.parametrize(
    "data", [{"key": pb.KeyNotification()}, {"circuit": pb.CircuitNotification()}]
)
def test_a_key_or_a_circuit_says_nothing_of_the_whole_instance(data: dict[str, Any]) -> None:
    """Its words do."""
    event = only(notification(**data))
    assert event.target == "OnProviderHealthChanged"
    assert event.argument["status"] is None
    assert event.argument["details"] == "what happened"


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        (pb.MAPPING_CHANGE_CREATED, "Created"),
        (pb.MAPPING_CHANGE_DELETED, "Deleted"),
        (99, "Unknown"),
    ],
)
def test_a_change_of_another_version_is_told_all_the_same(change: int, expected: str) -> None:
    """A Health service that is newer must not end what all clients hear."""
    told = notification(mapping=pb.MappingNotification(mapping_id=3, model_alias="m"))
    told.mapping.change_type = change  # type: ignore[assignment] # also one of another version
    assert only(told).target == "OnModelMappingChanged"
    assert only(told).argument["changeType"] == expected


@pytest.mark.parametrize(
    ("kind", "target"),
    [
        (pb.NOTIFICATION_KIND_SERVICE_DEGRADED, "OnServiceDegraded"),
        (pb.NOTIFICATION_KIND_SERVICE_RESTORED, "OnServiceRestored"),
    ],
)
def test_a_service_goes_away_and_comes_back(kind: int, target: str) -> None:
    """Under two names."""
    event = only(notification(kind, service=pb.ServiceNotification(service_name="registry")))
    assert (event.target, event.argument["service"]) == (target, "registry")


@pytest.mark.parametrize(
    ("data", "target", "expected"),
    [
        (
            {"rate_limit": pb.RateLimitNotification(key_id="key_1", remaining=2)},
            "OnRateLimitWarning",
            {"keyId": "key_1", "remaining": 2, "resetTime": None},
        ),
        (
            {"model": pb.ModelNotification(model_alias="m", is_available=True)},
            "OnModelAvailabilityChanged",
            {"modelId": "m", "isAvailable": True},
        ),
        (
            {"announcement": pb.AnnouncementNotification(category="maintenance")},
            "OnSystemAnnouncement",
            {"category": "maintenance", "message": "what happened"},
        ),
        (
            {"key_rotation": pb.KeyRotationNotification(key_id="key_1", days_left=7)},
            "OnSystemAnnouncement",
            {"category": "key-rotation", "message": "what happened"},
        ),
        (
            {"model_retirement": pb.ModelRetirementNotification(model_alias="m")},
            "OnSystemAnnouncement",
            {"category": "model-retirement", "message": "what happened"},
        ),
        (
            {"budget": BudgetNotification(level="group", percent=90)},
            "OnSystemAnnouncement",
            {"category": "budget", "message": "what happened"},
        ),
    ],
)
def test_other_notifications_have_a_method_each(
    data: dict[str, Any], target: str, expected: dict[str, Any]
) -> None:
    """Told to everybody."""
    event = only(notification(**data))
    assert (event.target, event.provider_id) == (target, 0)
    assert expected.items() <= event.argument.items()


def test_a_notification_of_another_version_is_nothing() -> None:
    """Clients have no method for it."""
    assert events_of(notification(99)) == []


@pytest.mark.parametrize(
    ("status", "name", "is_healthy"),
    [
        (health_pb.HEALTH_STATUS_HEALTHY, "Healthy", True),
        (health_pb.HEALTH_STATUS_DEGRADED, "Degraded", True),
        (health_pb.HEALTH_STATUS_UNHEALTHY, "Unhealthy", False),
        (health_pb.HEALTH_STATUS_UNSPECIFIED, "Unknown", False),
    ],
)
def test_how_an_instance_is_has_a_name_and_a_number(
    status: int, name: str, *, is_healthy: bool
) -> None:
    """What nothing is known of is not said to be healthy."""
    told = health_pb.ProviderHealth(provider_id=7, provider_name="p", response_time_ms=12)
    told.status = status  # type: ignore[assignment] # of the enum
    update = health_update(told, AT)
    assert (update["status"], update["isHealthy"]) == (name, is_healthy)
    assert (update["providerName"], update["healthData"]["responseTimeMs"]) == ("p", 12)
    assert update["healthData"]["errorCategory"] is None
