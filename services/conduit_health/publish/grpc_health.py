"""Serves grpc.health.v1 for the services and for `provider/<name>`.

Ordinary probes may ask for `""`, for each service of the suite, and for `provider/<name>`.
See https://github.com/grpc/grpc/blob/master/doc/health-checking.md.
"""

import asyncio
import contextlib

import grpc
from grpc_health.v1 import health, health_pb2

from conduit.v1.provider_health_pb2 import (
    HEALTH_STATUS_DEGRADED,
    HEALTH_STATUS_HEALTHY,
    HEALTH_STATUS_UNKNOWN,
)
from conduit_health.publish.subscribers import Subscribers
from conduit_health.state.monitor import Monitor
from conduit_kernel.rpc import connect

Serving = health_pb2.HealthCheckResponse.ServingStatus
_STATUSES = {
    HEALTH_STATUS_HEALTHY: health_pb2.HealthCheckResponse.SERVING,
    HEALTH_STATUS_DEGRADED: health_pb2.HealthCheckResponse.SERVING,
    HEALTH_STATUS_UNKNOWN: health_pb2.HealthCheckResponse.UNKNOWN,
}
RETRY_SECONDS = 2.0


async def publish(
    beacon: health.aio.HealthServicer, monitor: Monitor, subscribers: Subscribers
) -> None:
    """Keep `provider/<name>` as the instances are, until the subscribers are closed."""
    shown: set[str] = set()
    with subscribers.watching() as watch:
        while not watch.is_closed:
            await _show_all(beacon, monitor, shown)
            await watch.next()


async def follow_service(beacon: health.aio.HealthServicer, service: str, target: str) -> None:
    """Keep a service of the suite as its own server says it is, for ever; cancel to stop."""
    channel = connect(target)
    watch = channel.unary_stream(
        f"/{health.SERVICE_NAME}/Watch",
        request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
        response_deserializer=health_pb2.HealthCheckResponse.FromString,
    )
    try:
        while True:
            call = watch(health_pb2.HealthCheckRequest(service=service))
            with contextlib.suppress(grpc.RpcError):
                async for answer in call:
                    await beacon.set(service, answer.status)
            await beacon.set(service, health_pb2.HealthCheckResponse.NOT_SERVING)
            await asyncio.sleep(RETRY_SECONDS)
    finally:
        await channel.close()


async def _show_all(beacon: health.aio.HealthServicer, monitor: Monitor, shown: set[str]) -> None:
    names = {
        f"provider/{each.provider_name}": _STATUSES.get(
            each.status, health_pb2.HealthCheckResponse.NOT_SERVING
        )
        for each in monitor.all()
    }
    for name, status in names.items():
        await beacon.set(name, status)
    for gone in shown - names.keys():
        await beacon.set(gone, health_pb2.HealthCheckResponse.SERVICE_UNKNOWN)
    shown.clear()
    shown |= names.keys()
