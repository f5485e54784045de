"""The HTTP/1.1 server."""

import asyncio
import os
import socket
import ssl
import time
from collections import Counter
from collections.abc import Callable
from typing import Any

from conduit_kernel.addresses import subscriber_of
from conduit_kernel.http.body_room import BodyRoom
from conduit_kernel.http.connection import Handler, OnError, ServerConnection
from conduit_kernel.http.deadlines import Sweeper
from conduit_kernel.http.limits import ServerLimits
from conduit_kernel.http.prefaced import preface_first
from conduit_kernel.http.reader import BodyLimit, JudgeHead, StreamsBody
from conduit_kernel.http.refusal import Answer, RenderRefusal, render_plainly
from conduit_kernel.http.request import Request
from conduit_kernel.trusted_proxies import NO_PROXIES, TrustedProxies

_BACKLOG = 1024
# How long cut connections may take to let go of their handlers.
_LAST_SECONDS = 1.0


def _close(servers: list[asyncio.Server]) -> None:
    for each in servers:
        each.close()


def answer_plainly(request: Request, error: Exception) -> Answer:  # noqa: ARG001 - a callback's shape
    """500 without details: for servers that were given no on_error."""
    fields, body = render_plainly(500, "INTERNAL", "the server failed to answer this request", "")
    return 500, fields, body


class HttpServer:
    """Serves HTTP/1.0 and HTTP/1.1 on one address.

    The handler gets requests, one at a time per connection, and answers through the Exchange.
    They are whole, except where ``streams_body`` says that their handlers read the body as it
    comes; ``judge_head`` may refuse a request before its body is read.

    The handler is cancelled when the caller leaves before the answer is whole; a caller that
    closes only its sending side counts as gone. An exception goes to ``on_error``, whose answer is
    sent if nothing was sent yet; otherwise the connection is cut.

    All requests of a connection are handled by one task, and so in one context: context variables
    that a handler sets are still set for the connection's next request.

    `proxies` are believed whom they speak for: those callers are then the requests' peers.
    """

    def __init__(
        self,
        handler: Handler,
        *,
        limits: ServerLimits | None = None,
        body_limit: BodyLimit | None = None,
        judge_head: JudgeHead | None = None,
        streams_body: StreamsBody | None = None,
        on_error: OnError = answer_plainly,
        render_refusal: RenderRefusal = render_plainly,
        proxies: TrustedProxies = NO_PROXIES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.handler = handler
        self.limits = limits or ServerLimits()
        self.body_limit = body_limit
        self.judge_head = judge_head
        self.streams_body = streams_body
        self.on_error = on_error
        self.render_refusal = render_refusal
        self.proxies = proxies
        self.clock = clock
        self.draining = False
        self.bodies = BodyRoom(self.limits.bodies_bytes)
        self.loop: asyncio.AbstractEventLoop
        self.sweeper: Sweeper
        # One at first, then one for each socket.
        self._servers: list[asyncio.Server] = []
        self._port = 0
        self._connections: set[ServerConnection] = set()
        # By what one caller has all addresses of.
        self._by_caller = Counter[str]()
        self._emptied: asyncio.Event | None = None

    async def start(
        self,
        host: str,
        port: int,
        *,
        reuse_port: bool = False,
        ssl_context: ssl.SSLContext | None = None,
    ) -> None:
        """Listen. Port 0 takes a free one. Raises OSError if the address cannot be had."""
        self.loop = asyncio.get_running_loop()
        self.sweeper = Sweeper(self.loop, self.clock, self.limits.sweep_seconds)
        server = await self.loop.create_server(
            self._connections_maker(),
            host,
            port,
            reuse_port=reuse_port or None,
            backlog=_BACKLOG,
            **self._tls(ssl_context),
        )
        self._servers = [server]
        self._port = server.sockets[0].getsockname()[1]

    async def show(self, ssl_context: ssl.SSLContext) -> None:
        """Show another certificate to those who connect from now on; the others go on.

        OSError leaves all as it is, as where there is no descriptor left.
        """
        if self.draining:
            return
        # The same sockets, so that whoever is just connecting is not refused.
        listening = [each for server in self._servers for each in server.sockets]
        renewed: list[asyncio.Server] = []
        try:
            for each in listening:
                renewed.append(await self._listen_too(each, ssl_context))  # noqa: PERF401 # one may fail
        except BaseException:
            _close(renewed)
            raise
        if self.draining:
            # It began meanwhile.
            _close(renewed)
            return
        former, self._servers = self._servers, renewed
        _close(former)

    async def _listen_too(
        self, listening: socket.socket, ssl_context: ssl.SSLContext
    ) -> asyncio.Server:
        shared = socket.socket(fileno=os.dup(listening.fileno()))
        try:
            return await self.loop.create_server(
                self._connections_maker(), sock=shared, backlog=_BACKLOG, **self._tls(ssl_context)
            )
        except BaseException:
            shared.close()
            raise

    def _tls(self, context: ssl.SSLContext | None) -> dict[str, Any]:
        seconds = self.limits.head_seconds if context else None
        return {"ssl": context, "ssl_handshake_timeout": seconds}

    def _connections_maker(self) -> Callable[[], asyncio.Protocol]:
        def make() -> ServerConnection:
            return ServerConnection(self)

        return preface_first(self.proxies, make) if self.proxies.writes_prefaces else make

    @property
    def port(self) -> int:
        """The port listened on; 0 before the start."""
        return self._port

    @property
    def connections(self) -> int:
        """Return how many connections are open."""
        return len(self._connections)

    async def drain(self, grace_seconds: float) -> None:
        """Stop accepting, let requests under way finish, then cut what is left. Ends in bounds.

        Requests that have no answer by then get 503, so that their callers ask elsewhere.
        """
        self.draining = True
        _close(self._servers)
        for connection in tuple(self._connections):
            connection.drain()
        if not await self._wait_until_empty(grace_seconds):
            for connection in tuple(self._connections):
                connection.cut()
            if not await self._wait_until_empty(_LAST_SECONDS):
                for connection in tuple(self._connections):
                    connection.abort()
        if self._servers:
            self.sweeper.stop()

    async def _wait_until_empty(self, seconds: float) -> bool:
        if not self._connections:
            return True
        self._emptied = asyncio.Event()
        try:
            async with asyncio.timeout(seconds):
                await self._emptied.wait()
        except TimeoutError:
            return False
        return True

    # Called by connections.

    def admit(self, connection: ServerConnection) -> bool:
        """Count a connection in; False if there are too many, of all or of its address.

        A trusted proxy has as many as there may be: its callers have them.
        """
        self._connections.add(connection)
        self.sweeper.watched.add(connection)
        caller = connection.counted_as = subscriber_of(connection.peer)
        self._by_caller[caller] += 1
        is_proxy = self.proxies.trusts(connection.peer)
        connection.held.count_as(caller, speaks_for_others=is_proxy)
        if len(self._connections) > self.limits.max_connections or self.draining:
            return False
        has_many = self._by_caller[caller] > self.limits.max_connections_per_address
        return is_proxy or not has_many

    def ended(self, connection: ServerConnection) -> None:
        """Count a connection out."""
        if connection in self._connections:
            self._connections.remove(connection)
            self._by_caller[connection.counted_as] -= 1
            if not self._by_caller[connection.counted_as]:
                del self._by_caller[connection.counted_as]
            connection.held.release()
        self.sweeper.watched.discard(connection)
        if not self._connections and self._emptied is not None:
            self._emptied.set()
