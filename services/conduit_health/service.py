"""The HealthService: messages in, messages out."""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence

from conduit.v1 import health_service_pb2 as pb
from conduit.v1.health_service_pb2_grpc import HealthServiceServicer
from conduit.v1.notification_pb2 import (
    NOTIFICATION_KIND_ANNOUNCEMENT,
    AnnouncementNotification,
    Notification,
)
from conduit.v1.provider_health_pb2 import HEALTH_STATUS_UNHEALTHY, HealthRecord, KeyRateLimits
from conduit_health.checks.scheduler import CheckScheduler
from conduit_health.history.recorder import HistoryPoint
from conduit_health.history.store import HistoryStore
from conduit_health.history.writer import HistoryWriter
from conduit_health.notifications.hub import NotificationHub
from conduit_health.publish.messages import moment
from conduit_health.state.monitor import Monitor
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.pagination import page_of
from conduit_kernel.rpc.auth_interceptor import Context

MAX_ANNOUNCEMENT = 1_000
MAX_CATEGORY = 100
DEFAULT_CATEGORY = "general"
MAX_RECORDS = 10_000
DEFAULT_RECORDS = 1_000
DEFAULT_HOURS = 24
# Of the numbers of history points of one millisecond.
TIE_BITS = 16
MAX_HOURS = 720


class HealthService(HealthServiceServicer):
    """Answers the RPCs of the contract."""

    def __init__(
        self,
        *,
        monitor: Monitor,
        checks: CheckScheduler,
        history: HistoryStore,
        writer: HistoryWriter,
        notifications: NotificationHub,
        clock: Callable[[], float],
    ) -> None:
        """Take the parts, and a clock of seconds since 1970."""
        self._monitor = monitor
        self._checks = checks
        self._history = history
        self._writer = writer
        self._hub = notifications
        self._clock = clock

    async def GetProviderHealth(
        self, request: pb.GetProviderHealthRequest, context: Context
    ) -> pb.GetProviderHealthResponse:
        """Return how an instance is; ask the provider first when nobody has for a while."""
        await self._checks.check_if_old(request.provider_id)
        return pb.GetProviderHealthResponse(health=self._monitor.health(request.provider_id))

    async def ListProviderHealth(
        self, request: pb.ListProviderHealthRequest, context: Context
    ) -> pb.ListProviderHealthResponse:
        """Return how all instances are, without asking them."""
        page = page_of(request.page_size, request.page_token, "health")
        providers, token = page.pick(self._monitor.all(), lambda each: each.provider_id)
        return pb.ListProviderHealthResponse(providers=providers, next_page_token=token)

    async def CheckProvider(
        self, request: pb.CheckProviderRequest, context: Context
    ) -> pb.CheckProviderResponse:
        """Ask an instance now, with each of its keys."""
        await self._checks.check(request.provider_id)
        return pb.CheckProviderResponse(health=self._monitor.health(request.provider_id))

    async def ListHealthHistory(
        self, request: pb.ListHealthHistoryRequest, context: Context
    ) -> pb.ListHealthHistoryResponse:
        """Return how an instance was, oldest first."""
        config = self._monitor.config(request.provider_id)
        if not 0 <= request.hours <= MAX_HOURS:
            message = f"hours must be from 1 to {MAX_HOURS}, not {request.hours}"
            raise InvalidRequest(message, field="hours")
        hours = request.hours or DEFAULT_HOURS
        page = page_of(
            request.page_size,
            request.page_token,
            *("history", config.id, hours),
            default=DEFAULT_RECORDS,
            most=MAX_RECORDS,
        )
        await self._writer.write()
        since = self._clock() - hours * 3600
        points = await self._history.since(config.id, since, MAX_RECORDS)
        listed, token = page.pick(_numbered(points), lambda each: each[0])
        return pb.ListHealthHistoryResponse(
            provider_id=config.id,
            provider_name=config.name,
            hours=hours,
            history=[_record(point) for _, point in listed],
            uptime_percentage=_uptime(points),
            next_page_token=token,
        )

    async def GetRateLimits(
        self, request: pb.GetRateLimitsRequest, context: Context
    ) -> pb.GetRateLimitsResponse:
        """Return the limits of an instance's keys."""
        page = page_of(request.page_size, request.page_token, "limits", request.provider_id)
        known = sorted(self._monitor.limits(request.provider_id), key=_key_number)
        limits, token = page.pick(known, _key_number)
        return pb.GetRateLimitsResponse(
            provider_id=request.provider_id, rate_limits=limits, next_page_token=token
        )

    async def WatchNotifications(
        self, request: pb.WatchNotificationsRequest, context: Context
    ) -> AsyncIterator[pb.WatchNotificationsResponse]:
        """Stream what administrators should know, from now on or from what they had last on."""
        with self._hub.watching(max(request.after_id, request.last_event_id)) as queue:
            # Tells the caller that from here on nothing is missed.
            await context.send_initial_metadata(())
            while (notification := await queue.get()) is not None:
                yield pb.WatchNotificationsResponse(notification=notification)

    async def Announce(self, request: pb.AnnounceRequest, context: Context) -> pb.AnnounceResponse:
        """Tell all others what an administrator has to say."""
        for field, most in (("message", MAX_ANNOUNCEMENT), ("category", MAX_CATEGORY)):
            if len(getattr(request, field)) > most:
                raise InvalidRequest(f"{field} may have at most {most} characters", field=field)
        if not request.message.strip():
            raise InvalidRequest("message must say something", field="message")
        announcement = AnnouncementNotification(category=request.category or DEFAULT_CATEGORY)
        notification = Notification(
            kind=NOTIFICATION_KIND_ANNOUNCEMENT,
            message=request.message,
            announcement=announcement,
        )
        return pb.AnnounceResponse(notification=self._hub.post(notification))

    def end_watches(self) -> None:
        """End all streams, so that a draining server need not wait for them."""
        self._hub.close()


def _record(each: HistoryPoint) -> HealthRecord:
    return HealthRecord(
        recorded_at=moment(each.at),
        status=each.status,
        response_time_ms=each.response_time_ms,
        error=each.error,
        source="probe" if each.is_probe else "calls",
    )


def _numbered(points: Sequence[HistoryPoint]) -> Iterator[tuple[int, HistoryPoint]]:
    """Yield points with numbers that grow with their times, also those of one millisecond."""
    number = 0
    for point in points:
        number = max(number + 1, round(point.at * 1000) << TIE_BITS)
        yield number, point


def _key_number(limits: KeyRateLimits) -> int:
    return int(limits.key_id.removeprefix("key_"))


def _uptime(points: Sequence[HistoryPoint]) -> float | None:
    if not points:
        return None
    up = sum(each.status != HEALTH_STATUS_UNHEALTHY for each in points)
    return round(100 * up / len(points), 3)
