"""Serves grpc.health.v1 for the services and for `provider/<name>`.

Ordinary probes may ask for `""`, for each service of the suite, and for `provider/<name>`.
See https://github.com/grpc/grpc/blob/master/doc/health-checking.md.
"""

import asyncio
from typing import Protocol

import grpc
from grpc_health.v1 import health, health_pb2

from conduit.v1.provider_health_pb2 import (
    HEALTH_STATUS_DEGRADED,
    HEALTH_STATUS_HEALTHY,
    HEALTH_STATUS_UNKNOWN,
)
from conduit_health.publish.subscribers import Subscribers
from conduit_health.state.monitor import Monitor
from conduit_kernel.rpc.health import HealthStatuses
from conduit_kernel.rpc.watch_stream import WatchStream

_STATUSES = {
    HEALTH_STATUS_HEALTHY: health_pb2.HealthCheckResponse.SERVING,
    HEALTH_STATUS_DEGRADED: health_pb2.HealthCheckResponse.SERVING,
    HEALTH_STATUS_UNKNOWN: health_pb2.HealthCheckResponse.UNKNOWN,
}


class ProviderStatuses:
    """Publishes `provider/<name>` as the instances are."""

    def __init__(
        self, statuses: HealthStatuses, monitor: Monitor, subscribers: Subscribers
    ) -> None:
        self._statuses = statuses
        self._monitor = monitor
        self._subscribers = subscribers
        self._shown: set[str] = set()

    async def publish(self) -> None:
        """Publish all instances, then wait until one changes: a step of a loop."""
        with self._subscribers.watching() as watch:
            self._show_all()
            await watch.next()
            if watch.is_closed:
                # Nothing will change any more.
                await asyncio.Event().wait()

    def _show_all(self) -> None:
        names = {
            f"provider/{each.provider_name}": _STATUSES.get(
                each.status, health_pb2.HealthCheckResponse.NOT_SERVING
            )
            for each in self._monitor.all()
        }
        for name, status in names.items():
            self._statuses.set(name, status)
        for gone in self._shown - names.keys():
            self._statuses.remove(gone)
        self._shown = set(names)


class ReportService(Protocol):
    """Takes whether a service is serving."""

    def __call__(self, *, is_serving: bool) -> None:
        """Take it."""
        ...


class ServiceStatus:
    """Publishes a service of the suite as its own server says it is."""

    def __init__(
        self,
        statuses: HealthStatuses,
        service: str,
        channel: grpc.aio.Channel,
        report: ReportService,
    ) -> None:
        """Take what to call with whether the service is serving, whenever that is heard."""
        self._report = report
        self._statuses = statuses
        self._service = service
        watch: grpc.aio.UnaryStreamMultiCallable[
            health_pb2.HealthCheckRequest, health_pb2.HealthCheckResponse
        ] = channel.unary_stream(
            f"/{health.SERVICE_NAME}/Watch",
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        request = health_pb2.HealthCheckRequest(service=service)
        # The protocol has no sign of life: a status that lasts is not said again.
        self._stream = WatchStream(lambda: watch(request), silence_seconds=None)

    async def follow(self) -> None:
        """Take the next status; NOT_SERVING if the service cannot be asked: a step of a loop."""
        try:
            answer = await self._stream.read()
        except Exception:
            self._statuses.set(self._service, health_pb2.HealthCheckResponse.NOT_SERVING)
            self._report(is_serving=False)
            raise
        self._statuses.set(self._service, answer.status)
        self._report(is_serving=answer.status == health_pb2.HealthCheckResponse.SERVING)
