"""What a change of an instance's health means to administrators. Pure."""

from collections.abc import Iterator

from conduit.v1 import notification_pb2 as pb
from conduit.v1.provider_health_pb2 import (
    CIRCUIT_STATE_CLOSED,
    CIRCUIT_STATE_OPEN,
    HEALTH_STATUS_DEGRADED,
    HEALTH_STATUS_HEALTHY,
    HEALTH_STATUS_UNHEALTHY,
    KEY_STATUS_ACTIVE,
    KEY_STATUS_INVALID_CREDENTIALS,
    KEY_STATUS_NO_FUNDS,
    KeyHealth,
    KeyStatus,
    ProviderHealth,
)

_REFUSED = {
    KEY_STATUS_INVALID_CREDENTIALS: (
        pb.NOTIFICATION_KIND_KEY_INVALID,
        "is not accepted any more",
    ),
    KEY_STATUS_NO_FUNDS: (pb.NOTIFICATION_KIND_KEY_WITHOUT_FUNDS, "has no funds"),
}
_WORKS = (HEALTH_STATUS_HEALTHY, HEALTH_STATUS_DEGRADED)


def health_notifications(old: ProviderHealth | None, new: ProviderHealth) -> list[pb.Notification]:
    """Return what the change from old to new means; `old` is None for what was not known yet."""
    found = [
        *_status_changes(old, new),
        *_circuit_changes(old, new),
        *_key_changes(old, new),
    ]
    for notification in found:
        notification.provider_id = new.provider_id
        notification.provider_name = new.provider_name
    return found


def _status_changes(old: ProviderHealth | None, new: ProviderHealth) -> Iterator[pb.Notification]:
    before = old.status if old else None
    data = pb.ProviderNotification(
        status=new.status,
        response_time_ms=new.response_time_ms if new.HasField("response_time_ms") else None,
        health_details=new.health_details,
        last_error=new.last_error,
    )
    if new.status == HEALTH_STATUS_UNHEALTHY != before:
        why = f": {new.last_error}" if new.last_error else ""
        message = f"Provider {new.provider_name} is unhealthy{why}"
        kind = pb.NOTIFICATION_KIND_PROVIDER_UNHEALTHY
        yield pb.Notification(kind=kind, message=message, provider=data)
    elif new.status in _WORKS and before == HEALTH_STATUS_UNHEALTHY:
        message = f"Provider {new.provider_name} works again"
        kind = pb.NOTIFICATION_KIND_PROVIDER_RECOVERED
        yield pb.Notification(kind=kind, message=message, provider=data)


def _circuit_changes(old: ProviderHealth | None, new: ProviderHealth) -> Iterator[pb.Notification]:
    before = old.circuit if old else CIRCUIT_STATE_CLOSED
    data = pb.CircuitNotification(circuit=new.circuit)
    was_closed, is_closed = before <= CIRCUIT_STATE_CLOSED, new.circuit <= CIRCUIT_STATE_CLOSED
    # A probe that fails opens again what never closed.
    if was_closed and new.circuit == CIRCUIT_STATE_OPEN:
        message = f"The circuit of provider {new.provider_name} is open: it gets no calls"
        kind = pb.NOTIFICATION_KIND_CIRCUIT_OPENED
        yield pb.Notification(kind=kind, message=message, circuit=data)
    elif is_closed and not was_closed:
        message = f"The circuit of provider {new.provider_name} is closed: it gets calls again"
        kind = pb.NOTIFICATION_KIND_CIRCUIT_CLOSED
        yield pb.Notification(kind=kind, message=message, circuit=data)


def _key_changes(old: ProviderHealth | None, new: ProviderHealth) -> Iterator[pb.Notification]:
    before = {key.key_id: key.status for key in old.key_credentials} if old else {}
    for key in new.key_credentials:
        found = _key_change(before.get(key.key_id), key)
        if found is not None:
            kind, words = found
            message = f"The key {key.key_id} of provider {new.provider_name} {words}"
            data = pb.KeyNotification(key_id=key.key_id, status=key.status)
            yield pb.Notification(kind=kind, message=message, key=data)


def _key_change(
    was: KeyStatus.ValueType | None, key: KeyHealth
) -> tuple[pb.NotificationKind.ValueType, str] | None:
    if key.status != was and key.status in _REFUSED:
        return _REFUSED[key.status]
    if key.status == KEY_STATUS_ACTIVE and was in _REFUSED:
        return pb.NOTIFICATION_KIND_KEY_RECOVERED, "works again"
    return None
