"""The HTTP/1.1 client."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import inf
from typing import NoReturn, TypeVar

from conduit_kernel.egress import DIRECT, Egress, Proxy
from conduit_kernel.http.budget import ConnectionBudget
from conduit_kernel.http.deadlines import Sweeper
from conduit_kernel.http.dial import AllowAddress, Dialer, Resolve, SharedResolver
from conduit_kernel.http.errors import (
    ClientClosed,
    ConnectFailed,
    ConnectionReset,
    LocalExhausted,
    PoolTimeout,
    TotalTimeout,
)
from conduit_kernel.http.headers import Fields
from conduit_kernel.http.heads import field_lines
from conduit_kernel.http.limits import ClientLimits, Timeouts
from conduit_kernel.http.origin import Origin, SslContextFactory, SystemTrust
from conduit_kernel.http.pool import Pool
from conduit_kernel.http.response import Response
from conduit_kernel.http.tunnel import PROXY_AUTHENTICATION_REQUIRED, ProxyDialer
from conduit_kernel.http.upload import Upload
from conduit_kernel.http.upstream import UpstreamConnection

# Timers below a second are kept to within 50 ms.
_GRAIN_SECONDS = 0.02
_CLOSE_SECONDS = 1.0
_BODILESS = frozenset(("GET", "HEAD", "DELETE", "OPTIONS", "TRACE"))


class DialedProtocol(asyncio.Protocol):
    """A protocol that a client can connect beside its pools."""

    def abort(self) -> None:
        """End the connection."""


DialedT = TypeVar("DialedT", bound=DialedProtocol)


@dataclass(frozen=True, slots=True)
class PreparedRequest:
    """The part of a request that stays the same from call to call."""

    pool: Pool
    prefix: bytes
    head_only: bool
    bodiless: bool

    def __repr__(self) -> str:
        """Name it without its prefix, which may hold credentials."""
        return f"<PreparedRequest for {self.pool.where}>"


class HttpClient:
    """Sends requests over kept-alive connections, pooled by origin. Belongs to one event loop."""

    def __init__(
        self,
        *,
        limits: ClientLimits | None = None,
        ssl_context_factory: SslContextFactory | None = None,
        resolve: Resolve | None = None,
        allow_address: AllowAddress | None = None,
        egress: Egress = DIRECT,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._limits = limits or ClientLimits()
        self._budget = ConnectionBudget(self._limits.max_total)
        self._context_factory = ssl_context_factory or SystemTrust()
        self._resolve = resolve or SharedResolver()
        self._allow = allow_address
        self._egress = egress
        self._clock = clock
        self._loop = asyncio.get_running_loop()
        self._sweeper = Sweeper(self._loop, clock, _GRAIN_SECONDS)
        self._pools: dict[Origin, Pool] = {}
        self._dialed: set[DialedProtocol] = set()
        self._closed = False

    def prepare(
        self, origin: Origin, method: str, target: str, headers: Fields = ()
    ) -> PreparedRequest:
        """Build a request's constant part once. ValueError on what would break the head."""
        if not method.isascii() or not method.isalpha() or not target.isascii():
            raise ValueError("method and target are plain ASCII")
        if any(character <= " " or character == "\x7f" for character in target) or not target:
            raise ValueError("a target has no blanks or control characters")
        pool = self._pool(origin)
        if pool.proxy is not None and origin.scheme == "http":
            target, headers = _forwarded(origin, target, headers, pool.proxy)
        line = b"%b %b HTTP/1.1\r\nhost: " % (method.encode(), target.encode())
        prefix = line + origin.authority + b"\r\n" + field_lines(headers)
        return PreparedRequest(
            pool=pool,
            prefix=prefix,
            head_only=method == "HEAD",
            bodiless=method in _BODILESS,
        )

    async def send(
        self,
        origin: Origin,
        method: str,
        target: str,
        headers: Fields = (),
        body: bytes | Upload = b"",
        *,
        timeouts: Timeouts,
        retry_stale: bool = True,
    ) -> Response:
        """Send one request; see send_prepared."""
        prepared = self.prepare(origin, method, target, headers)
        return await self.send_prepared(
            prepared, (), body, timeouts=timeouts, retry_stale=retry_stale
        )

    async def send_prepared(
        self,
        prepared: PreparedRequest,
        headers: Fields,
        body: bytes | Upload,
        *,
        timeouts: Timeouts,
        retry_stale: bool = True,
    ) -> Response:
        """Send a request and wait for the head of its response.

        A kept-alive connection that ends without a single byte of an answer was most likely closed
        by the server before the request got there; with ``retry_stale`` the request is sent once
        more, on a new connection. Raises HttpError of the kinds before the body.

        An Upload is sent as it comes, no faster than the server takes it, while the answer is
        waited for. Waiting for its pieces is bounded by the total limit alone; the head's limit
        begins when all is sent, and holds while the server takes nothing. With a refusal (300 and
        above) the rest of it is not sent.
        """
        extra = field_lines(headers) if headers else b""
        upload: Upload | None = None
        if not isinstance(body, bytes):
            upload, body = body, b""
            head = prepared.prefix + extra + _framing(upload)
        elif body or not prepared.bodiless:
            head = b"%b%bcontent-length: %d\r\n\r\n" % (prepared.prefix, extra, len(body))
        else:
            head = prepared.prefix + extra + b"\r\n"
        pool = prepared.pool
        until = inf if timeouts.total == inf else self._end_of(timeouts.total)
        connection = pool.take_idle() or await self._connect(pool, timeouts, until)
        while True:
            response = connection.begin(head, body, timeouts, until, head_only=prepared.head_only)
            if upload is not None:
                connection.send_upload(upload)
            try:
                while not response.status and response.error is None:
                    await connection.wake_slot
            except BaseException:
                response.close()
                raise
            if response.status:
                if response.status == PROXY_AUTHENTICATION_REQUIRED and pool.proxy is not None:
                    _refused_by_proxy(response, pool.proxy)
                return response
            if not (retry_stale and response.was_stale):
                failure = response.error
                raise failure.anew() if failure else ConnectionReset("no answer")
            connection = await self._connect(pool, timeouts, until)

    async def dial(
        self, origin: Origin, factory: Callable[[], DialedT], timeouts: Timeouts
    ) -> tuple[DialedT, Callable[[], None]]:
        """Make a connection for another protocol, by the same rules and counted with the others.

        Call what is returned with it once the connection is lost. Raises ConnectFailed,
        LocalExhausted, TotalTimeout.
        """
        if self._closed:
            raise ClientClosed("the client is closed")
        if not self._budget.acquire():
            raise LocalExhausted("all connections that this process may have are in use")
        seconds = min(timeouts.connect, timeouts.total)
        try:
            made = await self._dialer(origin, factory).dial(asyncio.timeout(seconds))
        except BaseException as error:
            self._budget.release()
            is_late = isinstance(error, ConnectFailed) and error.kind == "timeout"
            if is_late and timeouts.total <= timeouts.connect:
                raise TotalTimeout(f"no connection to {origin.host} in the call's time") from None
            raise
        self._dialed.add(made)
        if self._closed:
            made.abort()
        return made, partial(self._undial, made)

    def _dialer(
        self, origin: Origin, factory: Callable[[], DialedT]
    ) -> Dialer[DialedT] | ProxyDialer[DialedT]:
        context = self._context_factory(origin) if origin.scheme == "https" else None
        proxy = self._egress.proxy_for(*origin)
        if proxy is None:
            return Dialer(origin, factory, context, self._resolve, self._allow)
        if context is None:
            # What a proxy passes on is HTTP; its tunnels are for TLS.
            raise ConnectFailed("proxy", f"the proxy {proxy.where} takes no WebSocket without TLS")
        return ProxyDialer(origin, proxy, factory, context, self._resolve, self._allow)

    def _undial(self, made: DialedProtocol) -> None:
        if made in self._dialed:
            self._dialed.discard(made)
            self._budget.release()

    async def close(self) -> None:
        """Cut everything under way and close every connection."""
        self._closed = True
        for made in tuple(self._dialed):
            made.abort()
        await asyncio.gather(*(pool.close(_CLOSE_SECONDS) for pool in self._pools.values()))
        self._sweeper.stop()

    def _end_of(self, seconds: float) -> float:
        """Return when a call of so many seconds ends; one without any time is not begun."""
        if seconds <= 0:
            raise TotalTimeout("the call's time had passed before it was sent")
        return self._clock() + seconds

    async def _connect(self, pool: Pool, timeouts: Timeouts, until: float) -> UpstreamConnection:
        """Connect within the connect limit and what is left of the total one."""
        seconds = timeouts.connect
        if until == inf or (left := until - self._clock()) > seconds:
            return await pool.connect(seconds)
        try:
            return await pool.connect(left)
        except (ConnectFailed, PoolTimeout) as error:
            if isinstance(error, ConnectFailed) and error.kind != "timeout":
                raise
            raise TotalTimeout(f"no connection to {pool.where} within the call's time") from None

    def _pool(self, origin: Origin) -> Pool:
        if self._closed:
            raise ClientClosed("the client is closed")
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._pools[origin] = Pool(
                origin,
                limits=self._limits,
                budget=self._budget,
                loop=self._loop,
                clock=self._clock,
                sweeper=self._sweeper,
                ssl_context_factory=self._context_factory,
                resolve=self._resolve,
                allow_address=self._allow,
                proxy=self._egress.proxy_for(*origin),
            )
        return pool


def _forwarded(origin: Origin, target: str, headers: Fields, proxy: Proxy) -> tuple[str, Fields]:
    """Return a request's target and headers as a proxy takes them that passes the request on."""
    if proxy.authorization:
        headers = [*headers, (b"proxy-authorization", proxy.authorization)]
    return f"http://{origin.authority.decode()}{target}", headers


def _refused_by_proxy(response: Response, proxy: Proxy) -> NoReturn:
    response.close()
    raise ConnectFailed("proxy", f"the proxy {proxy.where} does not accept our credentials (407)")


def _framing(upload: Upload) -> bytes:
    if upload.length is None:
        return b"transfer-encoding: chunked\r\n\r\n"
    return b"content-length: %d\r\n\r\n" % upload.length
