"""The connections to one origin."""

import asyncio
import ssl
from collections import deque
from collections.abc import Callable
from functools import partial
from math import inf

from conduit_kernel.egress import Proxy
from conduit_kernel.http.budget import ConnectionBudget
from conduit_kernel.http.deadlines import Sweeper
from conduit_kernel.http.descriptors import is_exhausted
from conduit_kernel.http.dial import AllowAddress, Dialer, Resolve
from conduit_kernel.http.errors import (
    ClientClosed,
    ConnectFailed,
    LocalExhausted,
    PoolExhausted,
    PoolTimeout,
)
from conduit_kernel.http.limits import ClientLimits, Timeouts
from conduit_kernel.http.origin import Origin, SslContextFactory
from conduit_kernel.http.response import Response
from conduit_kernel.http.tunnel import ProxyDialer
from conduit_kernel.http.upstream import UpstreamConnection

_Grant = UpstreamConnection | None
_Dialer = Dialer[UpstreamConnection] | ProxyDialer[UpstreamConnection]


class Pool:
    """Keeps connections alive, the youngest first; queues requests when all are in use."""

    def __init__(
        self,
        origin: Origin,
        *,
        limits: ClientLimits,
        budget: ConnectionBudget,
        loop: asyncio.AbstractEventLoop,
        clock: Callable[[], float],
        sweeper: Sweeper,
        ssl_context_factory: SslContextFactory,
        resolve: Resolve,
        allow_address: AllowAddress | None,
        proxy: Proxy | None,
    ) -> None:
        self.origin = origin
        # Through which connections are made; it sees requests for http whole.
        self.proxy = proxy
        self.where = f"{origin.host}:{origin.port}"
        self.limits = limits
        self.loop = loop
        self.clock = clock
        self.sweeper = sweeper
        self.idle: list[UpstreamConnection] = []
        self.open: set[UpstreamConnection] = set()
        self.closed = False
        self._context_factory = ssl_context_factory
        self._resolve = resolve
        self._allow = allow_address
        self._budget = budget
        budget.join(self)
        self._dialer: _Dialer | None = None
        self._dialing: set[asyncio.Timeout] = set()
        # Connections open or being made.
        self._slots = 0
        # A waiter is granted a connection, or with None the right to make one.
        self._waiters: deque[asyncio.Future[_Grant]] = deque()
        self._emptied: asyncio.Event | None = None

    def take_idle(self) -> UpstreamConnection | None:
        """Give the connection used last, if one is free."""
        idle = self.idle
        while idle:
            connection = idle.pop()
            if not connection.transport.is_closing():
                return connection
        return None

    def begin_kept(self, prefix: bytes, body: bytes, timeouts: Timeouts) -> Response | None:
        """Send a prepared request that has a body on a kept connection; None if none is kept.

        Wait at `wake_slot` until the response has a status or an error, and close it, always.
        """
        connection = self.take_idle()
        if connection is None:
            return None
        head = b"%bcontent-length: %d\r\n\r\n" % (prefix, len(body))
        until = self.clock() + timeouts.total
        return connection.begin(head, body, timeouts, until, head_only=False)

    @property
    def oldest_deadline(self) -> float:
        """Return when the idle connection used longest ago would be closed; inf if none is."""
        return self.idle[0].deadline if self.idle else inf

    def drop_oldest(self) -> None:
        """Close the idle connection that was used longest ago."""
        self.idle.pop(0).drop()

    async def connect(self, seconds: float) -> UpstreamConnection:
        """Make a connection, or wait for one.

        Raises ConnectFailed, LocalExhausted, PoolExhausted, PoolTimeout.
        """
        if self.closed:
            raise ClientClosed("the client is closed")
        if self._slots < self.limits.max_connections:
            if not self._budget.acquire():
                raise LocalExhausted("all connections that this process may have are in use")
            self._slots += 1
            return await self._dial(seconds)
        if self.idle:
            self.drop_oldest()
        started = self.clock()
        connection = await self._wait(seconds)
        if connection is not None:
            return connection
        return await self._dial(seconds - (self.clock() - started))

    async def _wait(self, seconds: float) -> _Grant:
        if len(self._waiters) >= self.limits.max_waiting:
            raise PoolExhausted(f"too many requests wait for a connection to {self.where}")
        waiter: asyncio.Future[_Grant] = self.loop.create_future()
        self._waiters.append(waiter)
        try:
            async with asyncio.timeout(seconds):
                return await waiter
        except TimeoutError:
            self._leave_queue(waiter)
        except BaseException:
            self._leave_queue(waiter)
            raise
        # Not above: asyncio's error refers to this task, which may end with what is raised.
        raise PoolTimeout(f"no connection to {self.where} became free within {seconds} s")

    def _leave_queue(self, waiter: "asyncio.Future[_Grant]") -> None:
        """Pass on what was granted at the very moment of giving up."""
        if waiter in self._waiters:
            self._waiters.remove(waiter)
        if waiter.done() and not waiter.cancelled() and waiter.exception() is None:
            granted = waiter.result()
            if granted is None:
                self._free_slot()
            else:
                self.release(granted)

    async def _dial(self, seconds: float) -> UpstreamConnection:
        """Make a connection in a slot already counted."""
        limit = asyncio.timeout(seconds)
        self._dialing.add(limit)
        try:
            connection = await self._made_dialer().dial(limit)
        except BaseException as error:
            self._free_slot()
            if self.closed and isinstance(error, ConnectFailed):
                raise ClientClosed("the client is closed") from None
            raise
        finally:
            self._dialing.discard(limit)
            # As in `Dialer.dial`.
            del limit
        if connection.closed:
            self._free_slot()
            raise ConnectFailed("unreachable", f"{self.where} ended the connection at once")
        self.open.add(connection)
        self.sweeper.watched.add(connection)
        return connection

    def _made_dialer(self) -> "_Dialer":
        if self._dialer is None:
            is_tls = self.origin.scheme == "https"
            context = self._context() if is_tls else None
            factory = partial(UpstreamConnection, self)
            if self.proxy is None:
                self._dialer = Dialer(self.origin, factory, context, self._resolve, self._allow)
            else:
                self._dialer = ProxyDialer(
                    self.origin, self.proxy, factory, context, self._resolve, self._allow
                )
        return self._dialer

    def _context(self) -> ssl.SSLContext:
        try:
            return self._context_factory(self.origin)
        except OSError as error:
            if is_exhausted(error):
                raise LocalExhausted("no means left to read certificates") from None
            raise

    def _free_slot(self) -> None:
        """Let the next in the queue make a connection in this one's place."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(None)
                return
        self._slots -= 1
        self._budget.release()
        if self._slots == 0 and self._emptied is not None:
            self._emptied.set()

    # Called by connections.

    def release(self, connection: UpstreamConnection) -> None:
        """Hand a free connection to the next in the queue, or keep it."""
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_result(connection)
                return
        connection.deadline = deadline = self.clock() + self.limits.idle_seconds
        if deadline < self.sweeper.due:
            self.sweeper.arm(deadline)
        self.idle.append(connection)

    def lost(self, connection: UpstreamConnection) -> None:
        """Forget a connection."""
        if connection not in self.open:
            # It ended before it was ours.
            return
        self.open.discard(connection)
        self.sweeper.watched.discard(connection)
        if connection in self.idle:
            self.idle.remove(connection)
        self._free_slot()

    # Closing.

    async def close(self, seconds: float) -> None:
        """Cut every connection and wait, in bounds, until all are gone."""
        self.closed = True
        while self._waiters:
            waiter = self._waiters.popleft()
            if not waiter.done():
                waiter.set_exception(ClientClosed("the client is closed"))
        for limit in self._dialing:
            limit.reschedule(self.loop.time())
        for connection in tuple(self.open):
            connection.end(ClientClosed("the client is closed"))
        if self._slots:
            self._emptied = asyncio.Event()
            try:
                async with asyncio.timeout(seconds):
                    await self._emptied.wait()
            except TimeoutError:
                return
