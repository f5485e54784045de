"""Numbers notifications, keeps the last ones, and hands them to all who watch."""

import asyncio
import contextlib
from collections import deque
from collections.abc import Callable, Iterator

import structlog

from conduit.v1.notification_pb2 import (
    NOTIFICATION_KIND_ANNOUNCEMENT,
    NOTIFICATION_KIND_CIRCUIT_CLOSED,
    NOTIFICATION_KIND_KEY_RECOVERED,
    NOTIFICATION_KIND_MAPPING_CHANGED,
    NOTIFICATION_KIND_PROVIDER_RECOVERED,
    NOTIFICATION_KIND_SERVICE_RESTORED,
    Notification,
    NotificationKind,
)

# Who reads more slowly loses the oldest.
MAX_WAITING = 1_000
# For those who come back.
MAX_KEPT = 1_000
# Numbers of one millisecond; all of them are below what JSON's readers take for exact.
NUMBERS_PER_MS = 1_000
# Nobody has to do anything about these.
_GOOD = frozenset(
    {
        NOTIFICATION_KIND_ANNOUNCEMENT,
        NOTIFICATION_KIND_CIRCUIT_CLOSED,
        NOTIFICATION_KIND_KEY_RECOVERED,
        NOTIFICATION_KIND_MAPPING_CHANGED,
        NOTIFICATION_KIND_PROVIDER_RECOVERED,
        NOTIFICATION_KIND_SERVICE_RESTORED,
    }
)

Queue = asyncio.Queue[Notification | None]


class NotificationHub:
    """Hands notifications to all who watch, each at its own pace."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """Take a clock of seconds since 1970."""
        self._clock = clock
        self._queues: set[Queue] = set()
        self._kept: deque[Notification] = deque(maxlen=MAX_KEPT)
        self._last_id = 0
        self._is_closed = False
        self._log = structlog.get_logger("health")

    def post(self, notification: Notification) -> Notification:
        """Give a notification number and date, log it, and hand it to everybody who watches now."""
        now = self._clock()
        # Larger than any before a restart, whose number is not known.
        self._last_id = max(self._last_id + 1, round(now * 1000) * NUMBERS_PER_MS)
        notification.id = self._last_id
        notification.occurred_at.FromMilliseconds(round(now * 1000))
        self._kept.append(notification)
        log = self._log.warning if _is_bad(notification) else self._log.info
        log(
            "notification",
            kind=kind_name(notification.kind),
            provider_id=notification.provider_id,
            message=notification.message,
        )
        for queue in self._queues:
            _put(queue, notification)
        return notification

    def close(self) -> None:
        """End all watches, those to come as well."""
        self._is_closed = True
        for queue in self._queues:
            _put(queue, None)

    def subscribe(self) -> Queue:
        """Return a queue of all that happens from here on, for as long as this process lives."""
        queue = Queue(MAX_WAITING)
        self._queues.add(queue)
        return queue

    @contextlib.contextmanager
    def watching(self, after_id: int = 0) -> Iterator[Queue]:
        """Watch from here on, or from after a notification that is still kept; None is the end."""
        queue = Queue(MAX_WAITING)
        if after_id:
            for notification in self._kept:
                if notification.id > after_id:
                    _put(queue, notification)
        if self._is_closed:
            _put(queue, None)
        self._queues.add(queue)
        try:
            yield queue
        finally:
            self._queues.discard(queue)


def kind_name(kind: NotificationKind.ValueType) -> str:
    """Return the name that a kind has in JSON, such as `ProviderUnhealthy`."""
    name = NotificationKind.Name(kind).removeprefix("NOTIFICATION_KIND_")
    return name.title().replace("_", "")


def _is_bad(notification: Notification) -> bool:
    """Tell whether somebody should look at what happened."""
    return not (notification.kind in _GOOD or notification.model.is_available)


def _put(queue: Queue, notification: Notification | None) -> None:
    if queue.full():
        queue.get_nowait()
    queue.put_nowait(notification)
