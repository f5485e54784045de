"""Notifications as the hub's clients know them: names of methods with one argument. Pure."""

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, NamedTuple

from conduit.v1 import notification_pb2 as pb
from conduit.v1.provider_health_json import provider_health_to_json
from conduit.v1.provider_health_pb2 import (
    HEALTH_FINDING_FAILED,
    HEALTH_STATUS_DEGRADED,
    HEALTH_STATUS_HEALTHY,
    HealthDetails,
    HealthStatus,
    ProviderHealth,
)

Json = Mapping[str, Any]


class Event(NamedTuple):
    """A call of a client's method."""

    target: str
    argument: Json
    # Those who subscribed to other instances do not get it; zero for all.
    provider_id: int = 0


_URGENT = frozenset(
    {
        pb.NOTIFICATION_KIND_PROVIDER_UNHEALTHY,
        pb.NOTIFICATION_KIND_KEY_INVALID,
        pb.NOTIFICATION_KIND_KEY_WITHOUT_FUNDS,
        pb.NOTIFICATION_KIND_CIRCUIT_OPENED,
        pb.NOTIFICATION_KIND_SERVICE_DEGRADED,
    }
)
_USUAL = frozenset(
    {
        pb.NOTIFICATION_KIND_RATE_LIMIT_NEAR,
        pb.NOTIFICATION_KIND_MODEL_AVAILABILITY_CHANGED,
        pb.NOTIFICATION_KIND_KEY_ROTATION_DUE,
        pb.NOTIFICATION_KIND_MODEL_RETIRING,
        pb.NOTIFICATION_KIND_BUDGET_THRESHOLD_REACHED,
    }
)

_CHANGES = {
    value: name.removeprefix("MAPPING_CHANGE_").title() for name, value in pb.MappingChange.items()
}


def events_of(notification: pb.Notification) -> list[Event]:
    """Return what clients are told of a notification, in order."""
    write = _WRITERS.get(notification.WhichOneof("data") or "")
    return write(notification) if write is not None else []


def health_update(health: ProviderHealth, timestamp: str) -> Json:
    """Return how an instance is, in the shape of `ProviderHealthUpdate`."""
    milliseconds = health.response_time_ms if health.HasField("response_time_ms") else None
    return {
        **_update(
            health.provider_id, health.status, health.health_details, milliseconds, timestamp
        ),
        "providerName": health.provider_name,
    }


def _provider(notification: pb.Notification) -> list[Event]:
    told, number = notification.provider, notification.provider_id
    milliseconds = told.response_time_ms if told.HasField("response_time_ms") else None
    changed = _health_changed(notification) | {
        "status": _status(told.status),
        "responseTimeMs": milliseconds,
    }
    update = _update(number, told.status, told.health_details, milliseconds, _time(notification))
    return [
        Event("ProviderHealthUpdate", update, number),
        Event("OnProviderHealthChanged", changed),
    ]


def _part_of_provider(notification: pb.Notification) -> list[Event]:
    return [Event("OnProviderHealthChanged", _health_changed(notification))]


def _rate_limit(notification: pb.Notification) -> list[Event]:
    told = notification.rate_limit
    argument = _base(notification) | {
        "providerId": notification.provider_id,
        "keyId": told.key_id,
        "endpoint": told.limit_name,
        "remaining": told.remaining,
        "percentageUsed": told.percentage_used,
        "resetTime": told.resets_at.ToJsonString() if told.HasField("resets_at") else None,
    }
    return [Event("OnRateLimitWarning", argument)]


def _mapping(notification: pb.Notification) -> list[Event]:
    told = notification.mapping
    argument = _base(notification) | {
        "mappingId": told.mapping_id,
        "modelAlias": told.model_alias,
        # One that only a newer Health knows is a change all the same.
        "changeType": _CHANGES.get(told.change_type, "Unknown"),
    }
    return [Event("OnModelMappingChanged", argument)]


def _model(notification: pb.Notification) -> list[Event]:
    told = notification.model
    argument = _base(notification) | {
        "modelId": told.model_alias,
        "isAvailable": told.is_available,
    }
    return [Event("OnModelAvailabilityChanged", argument)]


def _service(notification: pb.Notification) -> list[Event]:
    is_away = notification.kind == pb.NOTIFICATION_KIND_SERVICE_DEGRADED
    argument = _base(notification) | {
        "service": notification.service.service_name,
        "message": notification.message,
    }
    return [Event("OnServiceDegraded" if is_away else "OnServiceRestored", argument)]


def _announcement(notification: pb.Notification) -> list[Event]:
    argument = _base(notification) | {
        "message": notification.message,
        "category": notification.announcement.category,
    }
    return [Event("OnSystemAnnouncement", argument)]


def _as_announcement(category: str, notification: pb.Notification) -> list[Event]:
    """Tell what the hub's clients know no event of."""
    argument = _base(notification) | {"message": notification.message, "category": category}
    return [Event("OnSystemAnnouncement", argument)]


_WRITERS: Mapping[str, Callable[[pb.Notification], list[Event]]] = {
    "provider": _provider,
    "key": _part_of_provider,
    "circuit": _part_of_provider,
    "rate_limit": _rate_limit,
    "mapping": _mapping,
    "model": _model,
    "service": _service,
    "announcement": _announcement,
    "key_rotation": partial(_as_announcement, "key-rotation"),
    "model_retirement": partial(_as_announcement, "model-retirement"),
    "budget": partial(_as_announcement, "budget"),
}


def _base(notification: pb.Notification) -> dict[str, Any]:
    priority = "Low"
    if notification.kind in _URGENT:
        priority = "High"
    elif notification.kind in _USUAL:
        priority = "Medium"
    return {
        # Text, as clients compare it only.
        "id": str(notification.id),
        "timestamp": _time(notification),
        "priority": priority,
    }


def _health_changed(notification: pb.Notification) -> dict[str, Any]:
    return _base(notification) | {
        "providerId": notification.provider_id,
        "providerName": notification.provider_name,
        # Of a key or a circuit nothing is said of the instance as a whole.
        "status": None,
        "responseTimeMs": None,
        "details": notification.message,
    }


def _update(
    provider_id: int,
    status: HealthStatus.ValueType,
    details: HealthDetails,
    milliseconds: int | None,
    timestamp: str,
) -> Json:
    return {
        "providerId": provider_id,
        "status": _status(status),
        "isHealthy": status in {HEALTH_STATUS_HEALTHY, HEALTH_STATUS_DEGRADED},
        "healthData": {
            "responseTimeMs": milliseconds,
            "errorCategory": _category(details),
            "timestamp": timestamp,
        },
        "timestamp": timestamp,
    }


def _category(details: HealthDetails) -> str | None:
    """Return what does not work; None if all does."""
    findings = {
        "Connectivity": details.api_connectivity,
        "Authentication": details.authentication,
        "RateLimit": details.rate_limit,
        "ModelAvailability": details.model_availability,
    }
    return next((name for name, f in findings.items() if f == HEALTH_FINDING_FAILED), None)


def _status(status: HealthStatus.ValueType) -> str:
    return str(provider_health_to_json(ProviderHealth(status=status))["status"])


def _time(notification: pb.Notification) -> str:
    return notification.occurred_at.ToJsonString()
