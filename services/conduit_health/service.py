"""The HealthService: messages in, messages out."""

from collections.abc import Callable, Iterator, Sequence

from conduit.v1 import provider_health_requests_pb2 as pb
from conduit.v1.provider_health_pb2 import HEALTH_STATUS_UNHEALTHY, HealthRecord, KeyRateLimits
from conduit_health.checks.scheduler import CheckScheduler
from conduit_health.history.recorder import HistoryPoint
from conduit_health.history.writer import HistoryWriter
from conduit_health.notification_service import NotificationService
from conduit_health.notifications.hub import NotificationHub
from conduit_health.notifications.mailboxes import Mailboxes
from conduit_health.notifications.tickets import Tickets
from conduit_health.publish.messages import moment
from conduit_health.state.monitor import Monitor
from conduit_health.webhook_service import WebhookService
from conduit_health.webhooks.store import WebhookStore
from conduit_kernel.limits import number_of
from conduit_kernel.pagination import page_of
from conduit_kernel.rpc.auth_interceptor import Context
from conduit_kernel.secrets import Vault

MAX_RECORDS = 10_000
DEFAULT_RECORDS = 1_000
DEFAULT_HOURS = 24
# Of the numbers of history points of one millisecond.
TIE_BITS = 16


class HealthService(NotificationService, WebhookService):
    """Answers the RPCs of the contract."""

    def __init__(
        self,
        *,
        monitor: Monitor,
        checks: CheckScheduler,
        writer: HistoryWriter,
        notifications: NotificationHub,
        webhooks: WebhookStore,
        vault: Vault,
        allow_private: bool,
        clock: Callable[[], float],
    ) -> None:
        """Take the parts, and a clock of seconds since 1970.

        `allow_private` lets webhooks lead into private networks.
        """
        self._monitor = monitor
        self._checks = checks
        self._writer = writer
        self._hub = notifications
        self._tickets, self._mailboxes = Tickets(clock), Mailboxes()
        self._webhooks = webhooks
        self._vault = vault
        self._allow_private = allow_private
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
        page = page_of(request, "health")
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
        hours = number_of(request, "hours") or DEFAULT_HOURS
        page = page_of(
            request,
            *("history", config.id, hours),
            default=DEFAULT_RECORDS,
        )
        since = self._clock() - hours * 3600
        points = await self._writer.since(config.id, since, MAX_RECORDS)
        listed, token = page.pick(_numbered(points), lambda each: each[0])
        times = sorted(
            each.response_time_ms for each in points if each.response_time_ms is not None
        )
        return pb.ListHealthHistoryResponse(
            provider_id=config.id,
            provider_name=config.name,
            hours=hours,
            history=[_record(point) for _, point in listed],
            uptime_percentage=_uptime(points),
            next_page_token=token,
            response_time_p50_ms=_percentile(times, 50),
            response_time_p95_ms=_percentile(times, 95),
            response_time_p99_ms=_percentile(times, 99),
        )

    async def GetRateLimits(
        self, request: pb.GetRateLimitsRequest, context: Context
    ) -> pb.GetRateLimitsResponse:
        """Return the limits of an instance's keys."""
        page = page_of(request, "limits", request.provider_id)
        known = sorted(self._monitor.limits(request.provider_id), key=_key_number)
        limits, token = page.pick(known, _key_number)
        return pb.GetRateLimitsResponse(
            provider_id=request.provider_id, rate_limits=limits, next_page_token=token
        )

    def end_watches(self) -> None:
        """End all streams, so that a draining server need not wait for them."""
        self._hub.close()
        self._mailboxes.close()


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


def _percentile(times: Sequence[int], percent: int) -> int | None:
    """Return the time that so many in a hundred of sorted ones do not exceed: the nearest rank."""
    return times[-(-percent * len(times) // 100) - 1] if times else None
