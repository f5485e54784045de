"""One caller's connection: reads requests, runs the handler, one request at a time and in order."""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable
from functools import partial
from math import inf
from typing import Protocol, cast

from conduit_kernel.http.body_room import BodyRoom, HeldBodies
from conduit_kernel.http.caller import (
    BODY,
    BUSY,
    CLOSING,
    HEAD,
    IDLE,
    CallerConnection,
    TransportContext,
    peer_address,
)
from conduit_kernel.http.certified import CertifiedExchange
from conduit_kernel.http.errors import CallerGone, HttpError
from conduit_kernel.http.exchange import ANSWERED, DETACHED, OPEN, Exchange
from conduit_kernel.http.proxied import ProxiedExchange
from conduit_kernel.http.reader import BodyLimit, JudgeHead, RequestReader, StreamsBody
from conduit_kernel.http.refusal import Answer, Refusal, slow_body
from conduit_kernel.http.request import Request
from conduit_kernel.http.request_body import RequestBody
from conduit_kernel.http.wake_slot import WakeSlot
from conduit_kernel.tls import certificate_name
from conduit_kernel.trusted_proxies import TrustedProxies

Handler = Callable[[Exchange], Awaitable[None]]
OnError = Callable[[Request, Exception], Answer]


class ServerContext(TransportContext, Protocol):
    """The state that all connections of a server share."""

    handler: Handler
    body_limit: BodyLimit | None
    judge_head: JudgeHead | None
    streams_body: StreamsBody | None
    on_error: OnError
    proxies: TrustedProxies
    bodies: BodyRoom

    def admit(self, connection: "ServerConnection") -> bool:
        """Count a new connection in; False if there are too many."""
        ...

    def ended(self, connection: "ServerConnection") -> None:
        """Count a connection out: its socket is closed and its task done."""


class ServerConnection(CallerConnection):
    """A caller. One task serves all its requests, so a request costs no task of its own."""

    def __init__(self, server: ServerContext) -> None:
        super().__init__(server)
        self._server = server
        self._idle_seconds = server.limits.idle_seconds
        self._slot = WakeSlot(server.loop)
        self._task: asyncio.Task[None] | None = None
        self._current: Exchange | None = None
        self._refusal: Refusal | None = None
        self._is_detached = False
        self.held = HeldBodies(server.bodies)
        self._reader: RequestReader[Exchange] = RequestReader(
            server.limits,
            server.body_limit,
            partial(Exchange, self),
            server.judge_head,
            server.streams_body,
            held=self.held,
        )

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the clock on the first request."""
        self.transport = cast(asyncio.Transport, transport)
        self.peer = peer_address(transport)
        proxies = self._server.proxies
        if proxies.writes_fields and proxies.trusts(self.peer):
            self._reader.new = partial(ProxiedExchange, proxies, self)
        elif (shown := transport.get_extra_info("ssl_object")) is not None:
            self.certificate = certificate_name(shown.getpeercert())
            if self.certificate:
                self._reader.new = partial(CertifiedExchange, self)
        self.transport.set_write_buffer_limits(high=self._limits.write_buffer_bytes)
        if self._server.admit(self):
            self._set_deadline(self._limits.head_seconds)
        else:
            self._refuse(Refusal(503, "TOO_MANY_CONNECTIONS", "the server is at its limit"), "")

    def data_received(self, data: bytes) -> None:
        """Read on, unless a request is being answered."""
        if self._phase >= BUSY:
            incoming = self._reader.incoming
            if incoming is None or incoming.done or self._phase > BUSY:
                self._keep_for_later(data)
            else:
                self._receive(incoming, data)
            return
        self._feed(data)
        if self._reader.ready:
            self._phase = BUSY
            self.deadline = inf
            if self._task is not None:
                self._slot.wake()
            else:
                self._task = self._server.loop.create_task(self._serve())
                self._task.add_done_callback(self._task_done)
        else:
            self._wait_for_rest()

    def eof_received(self) -> None:
        """Treat a caller that will send no more as gone; the transport closes itself."""

    def connection_lost(self, exc: Exception | None) -> None:
        """End the handler, unless the answer was whole."""
        self.gone = True
        self.deadline = inf
        self._let_write()
        incoming = self._reader.incoming
        if incoming is not None:
            incoming.end(CallerGone("the caller left before its request was whole"))
        if self._task is None:
            self._server.ended(self)
        elif self._current is None:
            self._slot.wake()
        elif self._current.state != ANSWERED:
            self._task.cancel()
        if incoming is not None:
            incoming.wake()

    def resume_writing(self) -> None:
        """Let writers go on."""
        self.paused = False
        if self._phase == BUSY:
            self.deadline = inf
            if self._reader.incoming is not None and self._reader.incoming.is_awaited:
                self.want_body()
        self._let_write()

    # The exchange's calls.

    def body_of(self, exchange: Exchange) -> RequestBody:
        """Return a request's body in pieces."""
        incoming = self._reader.incoming
        if incoming is None or incoming.request is not exchange:
            return RequestBody.whole(exchange)
        incoming.flow_from(self)
        return incoming

    def want_body(self) -> None:
        """Read on, and expect progress from now on; the caller may have waited for a word."""
        reader = self._reader
        if reader.wants_continue:
            reader.wants_continue = False
            if not reader.body_bytes and not self.gone:
                self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        if not self.gone:
            self._resume_reading()
        if self.deadline == inf and not self.paused:
            self._progress = reader.body_bytes
            self._set_deadline(self._limits.body_seconds)

    def detach(self) -> bytes:
        """Stop reading HTTP; the bytes that came after the request."""
        self._is_detached = True
        leftover = self._reader.leftover + self._unread
        self._unread = b""
        self._resume_reading()
        return leftover

    # Reading.

    def _feed(self, data: bytes) -> None:
        try:
            self._unread = self._reader.feed(data)
        except Refusal as refusal:
            self._refusal = refusal
            incoming = self._reader.incoming
            if incoming is not None:
                # Its handler answers for it; a whole body has ended, and is not touched.
                incoming.end(refusal)

    def _receive(self, incoming: RequestBody, data: bytes) -> None:
        """Take more of the body of the request that is being answered."""
        self._feed(data)
        if incoming.done:
            if not self.paused:
                self.deadline = inf
        elif incoming.buffered > self._limits.body_buffer_bytes and not self._reading_paused:
            self._reading_paused = True
            self.transport.pause_reading()
        incoming.wake()

    def _wait_for_rest(self) -> None:
        """Set the clock for what is still missing of a request."""
        reader = self._reader
        if self._refusal is not None:
            self._refuse(self._refusal, self._reader.path)
        elif reader.current is not None:
            if self._phase != BODY:
                self._phase = BODY
                self._progress = 0
                self._set_deadline(self._limits.body_seconds)
            if reader.wants_continue:
                reader.wants_continue = False
                if not reader.body_bytes:
                    self.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")
        elif reader.in_head and self._phase != HEAD:
            self._phase = HEAD
            self._set_deadline(self._limits.head_seconds)

    # Serving.

    async def _serve(self) -> None:
        """Answer request after request, for as long as the connection lasts."""
        ready = self._reader.ready
        handler = self._server.handler
        try:
            while True:
                if not ready and self._between():
                    await self._slot
                if not ready or self.gone or self._phase > BUSY:
                    return
                self._current = exchange = ready.popleft()
                try:
                    await handler(exchange)
                except asyncio.CancelledError:
                    if self._task is None or self._task.cancelling():
                        raise
                    self._settle(exchange, HttpError("the handler cancelled itself"))
                except Exception as error:  # noqa: BLE001 - all that a handler raises ends here
                    self._settle(exchange, error)
                self._current = None
                if exchange.state != ANSWERED or self.paused or not exchange.keep_alive:
                    await self._wind_up(exchange)
                # Until the next request comes, this frame would hold it with its body.
                del exchange
        finally:
            # The connection is a circle with its parser, and would hold a request with its body.
            self._current = None
            if self._phase <= BUSY:
                self.abort()

    async def _wind_up(self, exchange: Exchange) -> None:
        """Do what few requests need after their handler has returned."""
        if exchange.state == DETACHED:
            self._let_go()
            return
        if exchange.state != ANSWERED:
            self._settle(exchange, None)
        if not exchange.keep_alive:
            incoming = self._reader.incoming
            if incoming is not None and not incoming.is_whole and self._phase == BUSY:
                self._linger()
            else:
                self._end()
        elif self.paused:
            # Its answer must mostly be taken before the next one is made.
            with contextlib.suppress(CallerGone):
                await self.until_writable()

    def _between(self) -> bool:
        """Look at what came meanwhile. True if a request must be waited for."""
        if self.gone or self._phase > BUSY:
            return False
        reader = self._reader
        if self.held.size and reader.current is None:
            self.held.release()
        if reader.incoming is not None:
            reader.incoming = None
        if self._unread:
            # Other callers have their turn before more of this one's requests.
            self._server.loop.call_soon(self._read_on)
            return True
        if reader.in_head or reader.current is not None or self._refusal is not None:
            return self._wait_for_request()
        if self._reading_paused or self.draining:
            return self._wait_for_request()
        self._phase = IDLE
        self.deadline = deadline = self._server.clock() + self._idle_seconds
        if deadline < self._sweeper.due:
            self._sweeper.arm(deadline)
        return True

    def _read_on(self) -> None:
        """Read what was kept for later; wake the task for a request, or for the end."""
        if self.gone or self._phase != BUSY:
            return
        data, self._unread = self._unread, b""
        self._feed(data)
        if self._reader.ready or not self._wait_for_request():
            self._slot.wake()

    def _wait_for_request(self) -> bool:
        """Get ready for the next request, or the rest of it. False if there will be none."""
        self._phase = IDLE
        self._set_deadline(self._idle_seconds)
        self._resume_reading()
        self._wait_for_rest()
        if self.draining and self._phase == IDLE:
            self._end()
        return self._phase < BUSY

    def _settle(self, exchange: Exchange, error: Exception | None) -> None:
        """Make the best of a handler that failed, or returned without a whole answer."""
        if error is None and exchange.state == OPEN:
            error = HttpError("the handler gave no answer")
        if error is not None:
            answer = self._answer_to(exchange, error)
            if exchange.state == OPEN:
                exchange.respond(*answer)
        if exchange.state not in (ANSWERED, DETACHED):
            # The answer has begun: only its being cut tells the caller that it is not whole.
            exchange.state = ANSWERED
            exchange.keep_alive = False
            self.abort()

    def _answer_to(self, exchange: Exchange, error: Exception) -> Answer:
        if not isinstance(error, Refusal):
            return self._server.on_error(exchange, error)
        fields, body = self._server.render_refusal(
            error.status, error.code, error.message, exchange.path
        )
        return error.status, fields, body

    def _task_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.result()
        self._task = None
        if self.gone or self._is_detached:
            # Of a detached connection nobody will tell that it is lost.
            self._server.ended(self)

    # Time.

    def expire(self, now: float) -> None:
        """React to the deadline of the present phase."""
        self.deadline = inf
        if self._phase == CLOSING or (self.paused and self._phase == BUSY):
            self._check_stall(now)
        elif self._phase == HEAD:
            refusal = Refusal(408, "REQUEST_TIMEOUT", "the request's head took too long")
            self._refuse(refusal, self._reader.path)
        elif self._phase == BODY:
            self._check_progress(now)
        elif self._phase == BUSY:
            self._check_incoming(now)
        else:
            self._end()

    def _has_progressed(self, now: float) -> bool:
        """Return whether enough of a body has come; it then has as much time again."""
        arrived = self._reader.body_bytes
        if arrived - self._progress < self._limits.body_progress_bytes:
            return False
        self._progress = arrived
        self.deadline = now + self._limits.body_seconds
        return True

    def _check_progress(self, now: float) -> None:
        if not self._has_progressed(now):
            self._refuse(slow_body(), self._reader.path)

    def _check_incoming(self, now: float) -> None:
        """Bound how long a handler waits for more of a body; where it does not wait, nothing."""
        incoming = self._reader.incoming
        if incoming is None or not incoming.is_awaited or self._has_progressed(now):
            return
        self._refusal = slow_body()
        incoming.end(self._refusal)
        incoming.wake()

    # Ending, when the server says so.

    def drain(self) -> None:
        """Close if no request is under way; else the answer will be the last."""
        self.draining = True
        if self._phase == IDLE:
            self._end()
            self._slot.wake()

    def cut(self) -> None:
        """End everything, the handler too; a request without an answer may be sent elsewhere."""
        exchange = self._current
        if exchange is not None and exchange.state == OPEN and not self.gone:
            self._settle(exchange, Refusal(503, "STOPPING", "the server is stopping"))
            self._end()
        else:
            self.abort()
        if self._task is not None:
            self._task.cancel()
