"""Notifications to administrators about changes of instances and keys."""

import asyncio
import contextlib
from collections.abc import Iterator

from conduit.v1.health_service_pb2 import WatchNotificationsResponse as Notice
from conduit.v1.provider_health_pb2 import (
    HEALTH_STATUS_DEGRADED,
    HEALTH_STATUS_HEALTHY,
    HEALTH_STATUS_UNHEALTHY,
    KEY_STATUS_ACTIVE,
    KEY_STATUS_INVALID,
    KEY_STATUS_NO_FUNDS,
    KeyStatus,
    ProviderHealth,
)
from conduit_health.publish.messages import moment

# Who reads more slowly loses the oldest.
MAX_WAITING = 1_000

_KEY_WORDS = {
    KEY_STATUS_INVALID: ("KeyInvalid", "is not accepted any more"),
    KEY_STATUS_NO_FUNDS: ("KeyWithoutFunds", "has no funds"),
}


def notifications_of(old: ProviderHealth | None, new: ProviderHealth, now: float) -> list[Notice]:
    """Return what the change from old to new means to an administrator."""
    changes = [_status_words(old, new), *_key_changes(old, new)]
    return [
        Notice(
            occurred_at=moment(now),
            kind=words[0],
            provider_id=new.provider_id,
            provider_name=new.provider_name,
            message=words[1],
        )
        for words in changes
        if words
    ]


Queue = asyncio.Queue[Notice | None]


class NotificationHub:
    """Hands notifications to all who watch, each at its own pace."""

    def __init__(self) -> None:
        self._queues: set[Queue] = set()
        self._is_closed = False

    def post(self, notification: Notice) -> None:
        """Hand a notice to everybody who watches now."""
        for queue in self._queues:
            _put(queue, notification)

    def close(self) -> None:
        """End all watches, those to come as well."""
        self._is_closed = True
        for queue in self._queues:
            _put(queue, None)

    @contextlib.contextmanager
    def watching(self) -> Iterator[Queue]:
        """Watch from here on; None in the queue is the end."""
        queue = Queue(MAX_WAITING)
        if self._is_closed:
            _put(queue, None)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)


def _put(queue: Queue, notification: Notice | None) -> None:
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(notification)


def _status_words(old: ProviderHealth | None, new: ProviderHealth) -> tuple[str, str] | None:
    before = old.status if old else None
    if new.status == HEALTH_STATUS_UNHEALTHY != before:
        why = f": {new.last_error}" if new.last_error else ""
        return "ProviderUnhealthy", f"Provider {new.provider_name} is unhealthy{why}"
    works = new.status in {HEALTH_STATUS_HEALTHY, HEALTH_STATUS_DEGRADED}
    if works and before == HEALTH_STATUS_UNHEALTHY:
        return "ProviderRecovered", f"Provider {new.provider_name} works again"
    return None


def _key_changes(old: ProviderHealth | None, new: ProviderHealth) -> list[tuple[str, str]]:
    before: dict[str, KeyStatus.ValueType] = {}
    if old:
        before = {key.key_id: key.status for key in old.key_credentials}
    found = []
    for key in new.key_credentials:
        name = f"The key {key.key_id} of provider {new.provider_name}"
        was = before.get(key.key_id)
        if key.status in _KEY_WORDS and key.status != was:
            kind, words = _KEY_WORDS[key.status]
            found.append((kind, f"{name} {words}"))
        elif key.status == KEY_STATUS_ACTIVE and was in _KEY_WORDS:
            found.append(("KeyRecovered", f"{name} works again"))
    return found
