"""Channels to our own services."""

import asyncio
import contextlib
from typing import Any

import grpc
import orjson

from conduit.v1.methods import Method
from conduit.v1.options_pb2 import ACCESS_SERVICE
from conduit_kernel.auth import SERVICE_HEADER
from conduit_kernel.rpc.credentials import channel_credentials
from conduit_kernel.rpc.methods import METHODS
from conduit_kernel.rpc.server import MAX_LARGE_MESSAGE_BYTES
from conduit_kernel.settings import UNIX, Settings
from conduit_kernel.tls import read_material

# Over about two seconds: a service that is being restarted is back by then.
_RETRY = {
    "maxAttempts": 5,
    "initialBackoff": "0.2s",
    "maxBackoff": "1s",
    "backoffMultiplier": 2,
    "retryableStatusCodes": ["UNAVAILABLE", "CANCELLED"],
}
# Calls that meet a stopping server are cancelled by it, whether they had begun or not; those of
# models may begin anew elsewhere. Other codes are the Router's own, which has tried already.
_TRY_ELSEWHERE = {
    "maxAttempts": 5,
    "initialBackoff": "0.02s",
    "maxBackoff": "0.5s",
    "backoffMultiplier": 3,
    "retryableStatusCodes": ["CANCELLED"],
}
_ROUTER = "conduit.v1.RouterService"
# What is kept of a request for another attempt.
RETRY_BUFFER_BYTES = 4 * 1024 * 1024


def link(settings: Settings, service: str) -> grpc.aio.Channel:
    """Open a channel to a service of ours, where the settings say that it is.

    Over TLS where there is a certificate, but for sockets of this machine. The certificate is the
    one that there is now: channels cannot change it. Raises as `read_material` does.
    """
    target = settings.target(service)
    if settings.tls is None or target.startswith(UNIX):
        return connect(target)
    return connect(target, channel_credentials(read_material(settings.tls)))


def connect(target: str, credentials: grpc.ChannelCredentials | None = None) -> grpc.aio.Channel:
    """Open a channel that finds a service again within seconds after it was away.

    In clear without credentials. Idempotent calls are tried again by gRPC itself, see
    https://grpc.io/docs/guides/retry/.
    """
    options: list[tuple[str, Any]] = [
        ("grpc.max_receive_message_length", MAX_LARGE_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_LARGE_MESSAGE_BYTES),
        # Calls carry keys in clear: they go to the service itself, through nobody.
        ("grpc.enable_http_proxy", 0),
        # Another channel's failures are no reason to wait.
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.initial_reconnect_backoff_ms", 100),
        ("grpc.min_reconnect_backoff_ms", 100),
        ("grpc.max_reconnect_backoff_ms", 2000),
        # A peer that vanished without a word is noticed after 15 s.
        ("grpc.keepalive_time_ms", 10000),
        ("grpc.keepalive_timeout_ms", 5000),
        ("grpc.http2.max_pings_without_data", 0),
        ("grpc.keepalive_permit_without_calls", 1),
        ("grpc.per_rpc_retry_buffer_size", RETRY_BUFFER_BYTES),
        ("grpc.service_config", _service_config()),
    ]
    if credentials is None:
        return grpc.aio.insecure_channel(target, options)
    return grpc.aio.secure_channel(target, credentials, options)


async def until_connected(channel: grpc.aio.Channel, seconds: float) -> None:
    """Return once a channel is connected, or after a time.

    A call that is made then fails at once if nobody is there; before it, it would also fail while
    the service is only just starting.
    """
    if channel.get_state(try_to_connect=True) is not grpc.ChannelConnectivity.READY:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await channel.channel_ready()


def service_metadata(token: str) -> tuple[tuple[str, str], ...]:
    """Return the metadata with which our services call each other."""
    return ((SERVICE_HEADER, token),)


def _service_config() -> str:
    paths = (path.strip("/").partition("/") for path, method in METHODS.items() if _retries(method))
    names = [{"service": service, "method": name} for service, _, name in paths]
    config = [
        {"name": names, "retryPolicy": _RETRY},
        {"name": [{"service": _ROUTER}], "retryPolicy": _TRY_ELSEWHERE},
    ]
    return orjson.dumps({"methodConfig": config}).decode()


def _retries(method: Method) -> bool:
    # What our services say to each other they say in loops, each second, and again by themselves.
    is_repeated = method.access == ACCESS_SERVICE
    return method.idempotent and not method.server_streaming and not is_repeated
