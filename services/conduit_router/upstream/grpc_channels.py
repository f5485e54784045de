"""Channels to providers' gRPC services, by the same rules as connections for HTTP.

gRPC's own look-ups and proxies are not used: names are looked up here and addresses judged, so that
what was judged is what is connected to, and a proxy is the one that the operator set.
"""

import asyncio
import base64
import ipaddress
import ssl
from typing import Any
from urllib.parse import quote

import grpc

from conduit_kernel.egress import DIRECT, Egress, Proxy
from conduit_kernel.http import AllowAddress, ConnectFailed, Origin, Resolve
from conduit_kernel.http.dial import SharedResolver
from conduit_kernel.http.errors import ConnectFailure

MAX_MESSAGE_BYTES = 64 * 1024 * 1024
# Of origins; one more closes the oldest.
MAX_CHANNELS = 256
# How long calls may go on over a channel that another one has replaced.
CLOSE_SECONDS = 3600.0
# Servers commonly close idle connections after 60 s; we must be the first.
IDLE_MILLISECONDS = 45_000

Option = tuple[str, Any]


class GrpcChannels:
    """Keeps a channel to each origin. Belongs to one event loop."""

    def __init__(
        self,
        *,
        egress: Egress = DIRECT,
        allow_address: AllowAddress | None = None,
        resolve: Resolve | None = None,
    ) -> None:
        """Take the rule for addresses of operators; those of the catalog are trusted."""
        self._egress = egress
        self._allow = allow_address
        self._resolve = resolve or SharedResolver()
        self._channels: dict[tuple[Origin, bool], grpc.aio.Channel] = {}
        # Held, because the loop only knows tasks weakly.
        self._closing: set[asyncio.Task[None]] = set()
        self._roots: bytes | None = None

    async def connected(
        self, origin: Origin, seconds: float, *, is_guarded: bool
    ) -> grpc.aio.Channel:
        """Return a channel that is connected. ConnectFailed if it is not within so many seconds."""
        try:
            async with asyncio.timeout(seconds):
                known = self._channels.get((origin, is_guarded))
                if known is not None and await self._is_connected(known):
                    return known
                # Its address was right once, and may not be any more.
                return await self._open(origin, is_guarded=is_guarded)
        except TimeoutError:
            # Raised below: asyncio's error refers to this task, which may end with what is raised.
            kind: ConnectFailure = "proxy" if self._proxy(origin) else "timeout"
        raise ConnectFailed(kind, f"no connection to {_where(origin)} in time")

    async def close(self) -> None:
        """Close all channels, and break off the calls that are left."""
        for channel in self._channels.values():
            await channel.close()
        for task in self._closing:
            task.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)

    async def _open(self, origin: Origin, *, is_guarded: bool) -> grpc.aio.Channel:
        channel = await self._made(origin, is_guarded=is_guarded)
        is_connected = False
        try:
            is_connected = await self._is_connected(channel)
        finally:
            if not is_connected:
                await channel.close()
        if not is_connected:
            proxy = self._proxy(origin)
            through = f" through the proxy {proxy.where}" if proxy else ""
            kind: ConnectFailure = "proxy" if proxy else "unreachable"
            raise ConnectFailed(kind, f"no connection to {_where(origin)}{through}")
        self._replace((origin, is_guarded), channel)
        return channel

    async def _made(self, origin: Origin, *, is_guarded: bool) -> grpc.aio.Channel:
        proxy = self._proxy(origin)
        allow = self._allow if is_guarded else None
        if proxy is None:
            target = _target(await self._addresses(origin, allow), origin.port)
        else:
            _refuse_private(origin, allow)
            # Looked up by the proxy.
            target = f"dns:///{_where(origin)}"
        options = _options(origin, proxy)
        if origin.scheme == "http":
            return grpc.aio.insecure_channel(target, options)
        credentials = grpc.ssl_channel_credentials(self._trusted())
        return grpc.aio.secure_channel(target, credentials, options)

    @staticmethod
    async def _is_connected(channel: grpc.aio.Channel) -> bool:
        """Wait until a channel is connected; False if it cannot be."""
        state = channel.get_state(try_to_connect=True)
        while state in {grpc.ChannelConnectivity.IDLE, grpc.ChannelConnectivity.CONNECTING}:
            await channel.wait_for_state_change(state)
            state = channel.get_state(try_to_connect=True)
        return state is grpc.ChannelConnectivity.READY

    async def _addresses(self, origin: Origin, allow: AllowAddress | None) -> list[str]:
        host = origin.host
        try:
            addresses = await self._resolve(host, origin.port)
        except (OSError, ValueError) as error:
            raise ConnectFailed("dns", f"the name {host} cannot be resolved: {error}") from None
        if allow is not None:
            addresses = [address for address in addresses if allow(address)]
            if not addresses:
                raise _forbidden(host)
        return addresses

    def _proxy(self, origin: Origin) -> Proxy | None:
        return self._egress.proxy_for(*origin)

    def _trusted(self) -> bytes | None:
        """Return the system's certificates, since gRPC's own know nothing of an operator's."""
        if self._roots is None:
            found = ssl.create_default_context().get_ca_certs(binary_form=True)
            self._roots = "".join(map(ssl.DER_cert_to_PEM_cert, found)).encode()
        return self._roots or None

    def _replace(self, name: tuple[Origin, bool], channel: grpc.aio.Channel) -> None:
        former = self._channels.pop(name, None)
        if former is None and len(self._channels) >= MAX_CHANNELS:
            former = self._channels.pop(next(iter(self._channels)))
        self._channels[name] = channel
        if former is not None:
            # Calls under way on it go on until their end.
            task = asyncio.create_task(former.close(CLOSE_SECONDS))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)


def _options(origin: Origin, proxy: Proxy | None) -> list[Option]:
    options: list[Option] = [
        ("grpc.max_receive_message_length", MAX_MESSAGE_BYTES),
        ("grpc.max_send_message_length", MAX_MESSAGE_BYTES),
        ("grpc.client_idle_timeout_ms", IDLE_MILLISECONDS),
        # Whether to try again is the call's to decide.
        ("grpc.enable_retries", 0),
        ("grpc.use_local_subchannel_pool", 1),
        ("grpc.default_authority", origin.authority.decode()),
        ("grpc.ssl_target_name_override", origin.host),
        # Not by gRPC's own rules.
        ("grpc.enable_http_proxy", int(proxy is not None)),
    ]
    if proxy is not None:
        options.append(("grpc.http_proxy", _proxy_url(proxy)))
    return options


def _proxy_url(proxy: Proxy) -> str:
    credentials = base64.b64decode(proxy.authorization.removeprefix(b"Basic ")).decode()
    user, colon, password = credentials.partition(":")
    who = f"{quote(user, safe='')}:{quote(password, safe='')}@" if colon else ""
    return f"http://{who}{proxy.where}"


def _where(origin: Origin) -> str:
    host = f"[{origin.host}]" if ":" in origin.host else origin.host
    return f"{host}:{origin.port}"


def _target(addresses: list[str], port: int) -> str:
    """Return gRPC's name for addresses, those of the first one's family."""
    if ":" in addresses[0]:
        return "ipv6:" + ",".join(f"[{each}]:{port}" for each in addresses if ":" in each)
    return "ipv4:" + ",".join(f"{each}:{port}" for each in addresses if ":" not in each)


def _refuse_private(origin: Origin, allow: AllowAddress | None) -> None:
    if allow is None:
        return
    try:
        ipaddress.ip_address(origin.host.partition("%")[0])
    except ValueError:
        return
    if not allow(origin.host):
        raise _forbidden(origin.host)


def _forbidden(host: str) -> ConnectFailed:
    return ConnectFailed("forbidden", f"no address of {host} may be connected to")
