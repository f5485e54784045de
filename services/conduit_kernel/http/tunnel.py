"""Connections that lead through a proxy.

Requests for https go through a tunnel that the proxy makes (CONNECT, RFC 9110, section 9.3.6), so
it sees no more than host and port. Requests for http are passed on by it, whole (RFC 9112, section
3.2.2): few proxies make tunnels to other ports than 443.
"""

import asyncio
import ipaddress
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from typing import Generic, NoReturn, TypeVar, cast

from conduit_kernel.egress import Proxy
from conduit_kernel.http.dial import AllowAddress, Dialer, ProtocolT, Resolve
from conduit_kernel.http.errors import ConnectFailed
from conduit_kernel.http.origin import Origin

MAX_HEAD_BYTES = 16 * 1024
OK = range(200, 300)
PROXY_AUTHENTICATION_REQUIRED = 407
_BEGIN = b"HTTP/1."
# The proxy's word that it did not get through to the origin.
_NOT_REACHED = frozenset({502, 503, 504})


ReachedT = TypeVar("ReachedT", bound=asyncio.Protocol)


@dataclass(frozen=True, slots=True)
class ProxyDialer(Generic[ProtocolT]):
    """Connects to one origin through a proxy, which looks its name up."""

    origin: Origin
    proxy: Proxy
    factory: Callable[[], ProtocolT]
    # None for http.
    context: ssl.SSLContext | None
    resolve: Resolve
    allow: AllowAddress | None = None

    async def dial(self, limit: asyncio.Timeout) -> ProtocolT:
        """Connect. Raises ConnectFailed; what is the proxy's fault is of the kind `proxy`."""
        self._refuse_private()
        has_tunnel = False
        try:
            async with limit:
                if self.context is None:
                    return await self._reach_proxy(self.factory)
                handshake = await self._reach_proxy(_Handshake)
                await self._open_tunnel(handshake)
                has_tunnel = True
                return await self._start_tls(handshake.transport, self.context)
        except TimeoutError:
            if has_tunnel:
                raise ConnectFailed("timeout", f"no TLS with {self._there} in time") from None
            self._blame_proxy("did not answer in time")
        finally:
            # As in `Dialer.dial`.
            del limit

    @property
    def _there(self) -> str:
        return f"{self.origin.host}:{self.origin.port} through the proxy {self.proxy.where}"

    def _blame_proxy(self, what: str) -> NoReturn:
        raise ConnectFailed("proxy", f"the proxy {self.proxy.where} {what}") from None

    def _refuse_private(self) -> None:
        host = self.origin.host
        if self.allow is None:
            return
        try:
            ipaddress.ip_address(host.partition("%")[0])
        except ValueError:
            return
        if not self.allow(host):
            raise ConnectFailed("forbidden", f"no address of {host} may be connected to")

    async def _reach_proxy(self, factory: Callable[[], ReachedT]) -> ReachedT:
        there = Origin("http", self.proxy.host, self.proxy.port)
        try:
            return await Dialer(there, factory, None, self.resolve).dial(asyncio.timeout(None))
        except ConnectFailed as error:
            self._blame_proxy(f"cannot be reached: {error}")

    async def _open_tunnel(self, handshake: "_Handshake") -> None:
        try:
            status = await handshake.connect(self._request())
        except BaseException as error:
            handshake.transport.abort()
            if isinstance(error, _NoAnswer):
                self._blame_proxy(str(error))
            raise
        if status in OK:
            return
        handshake.transport.abort()
        if status in _NOT_REACHED:
            raise ConnectFailed("unreachable", f"no way to {self._there}: it answered {status}")
        if status == PROXY_AUTHENTICATION_REQUIRED:
            self._blame_proxy("does not accept our credentials (407)")
        self._blame_proxy(f"refused to connect to {self.origin.host} ({status})")

    def _request(self) -> bytes:
        host = f"[{self.origin.host}]" if ":" in self.origin.host else self.origin.host
        there = f"{host}:{self.origin.port}".encode()
        head = b"CONNECT %b HTTP/1.1\r\nhost: %b\r\n" % (there, there)
        if self.proxy.authorization:
            head += b"proxy-authorization: %b\r\n" % self.proxy.authorization
        return head + b"\r\n"

    async def _start_tls(self, plain: asyncio.Transport, context: ssl.SSLContext) -> ProtocolT:
        protocol = self.factory()
        # It must be able to end the connection if that ends while TLS is only just made.
        protocol.connection_made(plain)
        try:
            made = await asyncio.get_running_loop().start_tls(
                plain, protocol, context, server_hostname=self.origin.host
            )
        except ssl.SSLError as error:
            plain.abort()
            words = f"no TLS with {self._there}: {error.reason or error}"
            raise ConnectFailed("tls", words) from None
        except OSError as error:
            plain.abort()
            raise ConnectFailed("tls", f"{self._there} broke off: {error}") from None
        except BaseException:
            plain.abort()
            raise
        if made is None:
            raise ConnectFailed("tls", f"{self._there} broke off")
        protocol.connection_made(made)
        return protocol


class _NoAnswer(Exception):
    """The proxy's answer is none; the message says why."""


class _Handshake(asyncio.Protocol):
    """Waits for a proxy's answer to CONNECT."""

    def __init__(self) -> None:
        self.transport: asyncio.Transport
        self._head = b""
        self._status = 0
        self._problem = ""
        self._answered = asyncio.Event()

    async def connect(self, request: bytes) -> int:
        """Ask for a tunnel; return the status. _NoAnswer if what comes is none."""
        self.transport.write(request)
        await self._answered.wait()
        if self._problem:
            raise _NoAnswer(self._problem)
        return self._status

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Become usable."""
        self.transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Take more of the answer."""
        if self._answered.is_set():
            return
        self._head += data
        head, found, rest = self._head.partition(b"\r\n\r\n")
        begin = head[: len(_BEGIN)]
        if begin != _BEGIN[: len(begin)]:
            self._fail("sent what is no HTTP")
        elif found:
            self._read(head, rest)
        elif len(head) > MAX_HEAD_BYTES:
            self._fail("sent too large a head")

    def connection_lost(self, exc: Exception | None) -> None:
        """End the wait."""
        if not self._answered.is_set():
            self._fail("ended the connection")

    def _read(self, head: bytes, rest: bytes) -> None:
        status = head.partition(b"\r\n")[0].split(b" ", 2)[1:2]
        if not status or not status[0].isdigit():
            self._fail("sent what is no HTTP")
        elif int(status[0]) in OK and rest:
            self._fail("sent more than its answer")
        else:
            self._status = int(status[0])
            self._answered.set()

    def _fail(self, problem: str) -> None:
        self._problem = problem
        self._answered.set()
