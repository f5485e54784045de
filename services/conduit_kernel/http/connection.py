"""One caller's connection: reads requests, runs the handler, one request at a time and in order."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Awaitable, Callable
from functools import partial
from math import inf
from typing import Protocol, cast

from conduit_kernel.http.deadlines import Sweeper
from conduit_kernel.http.errors import CallerGone, HttpError
from conduit_kernel.http.exchange import ANSWERED, DETACHED, OPEN, Exchange
from conduit_kernel.http.heads import field_lines, status_line
from conduit_kernel.http.limits import ServerLimits
from conduit_kernel.http.reader import BodyLimit, RequestReader
from conduit_kernel.http.refusal import Answer, Refusal, RenderRefusal
from conduit_kernel.http.request import Request
from conduit_kernel.http.wake_slot import WakeSlot

Handler = Callable[[Exchange], Awaitable[None]]
OnError = Callable[[Request, Exception], Answer]

# In the order in which a connection can go through them; from BUSY on nothing is parsed.
IDLE, HEAD, BODY, BUSY, LINGER, CLOSING = range(6)

# SO_LINGER: on, for no time at all.
_RESET = struct.pack("ii", 1, 0)


class ServerContext(Protocol):
    """What all connections of a server share."""

    handler: Handler
    limits: ServerLimits
    body_limit: BodyLimit | None
    on_error: OnError
    render_refusal: RenderRefusal
    clock: Callable[[], float]
    sweeper: Sweeper
    loop: asyncio.AbstractEventLoop
    draining: bool

    def admit(self, connection: "ServerConnection") -> bool:
        """Count a new connection in; False if there are too many."""
        ...

    def ended(self, connection: "ServerConnection") -> None:
        """Count a connection out: its socket is closed and its task done."""


class ServerConnection(asyncio.Protocol):
    """A caller. One task serves all its requests, so a request costs no task of its own."""

    def __init__(self, site: ServerContext) -> None:
        self.transport: asyncio.Transport
        self.peer = ""
        self.gone = False
        self.paused = False
        self.draining = site.draining
        self.deadline = inf
        self._site = site
        self._limits = site.limits
        self._idle_seconds = site.limits.idle_seconds
        self._sweeper = site.sweeper
        self._phase = IDLE
        self._gate = WakeSlot(site.loop)
        self._task: asyncio.Task[None] | None = None
        self._writable: asyncio.Event | None = None
        self._current: Exchange | None = None
        self._refusal: Refusal | None = None
        self._unread = b""
        """Bytes that came while a request was being answered."""
        self._is_detached = False
        self._reading_paused = False
        self._discarded = 0
        self._progress = 0
        self._reader: RequestReader[Exchange] = RequestReader(
            site.limits, site.body_limit, partial(Exchange, self)
        )

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Start the clock on the first request."""
        self.transport = cast(asyncio.Transport, transport)
        peer = transport.get_extra_info("peername")
        self.peer = peer[0] if isinstance(peer, tuple) else ""
        self.transport.set_write_buffer_limits(high=self._limits.write_buffer_bytes)
        if self._site.admit(self):
            self._set_deadline(self._limits.head_seconds)
        else:
            self._refuse(Refusal(503, "TOO_MANY_CONNECTIONS", "the server is at its limit"))

    def data_received(self, data: bytes) -> None:
        """Read on, unless a request is being answered."""
        if self._phase >= BUSY:
            self._keep_for_later(data)
            return
        self._feed(data)
        if self._reader.ready:
            self._phase = BUSY
            self.deadline = inf
            if self._task is not None:
                self._gate.wake()
            else:
                self._task = self._site.loop.create_task(self._serve())
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
        if self._task is None:
            self._site.ended(self)
        elif self._current is None:
            self._gate.wake()
        elif self._current.state != ANSWERED:
            self._task.cancel()

    def pause_writing(self) -> None:
        """Note that the caller is slow."""
        self.paused = True
        self._progress = self.transport.get_write_buffer_size()
        self._set_deadline(self._limits.write_stall_seconds)

    def resume_writing(self) -> None:
        """Let writers go on."""
        self.paused = False
        if self._phase == BUSY:
            self.deadline = inf
        self._let_write()

    # The exchange's calls.

    async def until_writable(self) -> None:
        """Wait until the caller has taken enough. Raises CallerGone."""
        while self.paused and not self.gone:
            if self._writable is None:
                self._writable = asyncio.Event()
            await self._writable.wait()
        if self.gone:
            raise CallerGone("the caller left before its answer was whole")

    def abort(self) -> None:
        """Cut the connection, with a reset: a body that the connection's end delimits is broken."""
        self._phase = CLOSING
        transport = self.transport
        # Once closed, its descriptor may be another connection's.
        if not transport.is_closing() or transport.get_write_buffer_size():
            sock = transport.get_extra_info("socket")
            with contextlib.suppress(OSError):
                sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        transport.abort()

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

    def _keep_for_later(self, data: bytes) -> None:
        if self._phase == BUSY:
            self._unread += data
            if len(self._unread) > self._limits.pipeline_bytes and not self._reading_paused:
                self._reading_paused = True
                self.transport.pause_reading()
        elif self._phase == LINGER:
            self._discarded += len(data)
            if self._discarded > self._limits.linger_bytes:
                self._end()

    def _resume_reading(self) -> None:
        if self._reading_paused:
            self._reading_paused = False
            self.transport.resume_reading()

    def _wait_for_rest(self) -> None:
        """Set the clock for what is still missing of a request."""
        reader = self._reader
        if self._refusal is not None:
            self._refuse(self._refusal)
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
        handler = self._site.handler
        try:
            while True:
                if not ready and self._between():
                    await self._gate
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
        finally:
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
            self._end()
        elif self.paused:
            # Its answer must mostly be taken before the next one is made.
            with contextlib.suppress(CallerGone):
                await self.until_writable()

    def _between(self) -> bool:
        """Look at what came meanwhile. True if a request must be waited for."""
        if self.gone or self._phase > BUSY:
            return False
        if self._unread:
            # Other callers have their turn before more of this one's requests.
            self._site.loop.call_soon(self._read_on)
            return True
        reader = self._reader
        if reader.in_head or reader.current is not None or self._refusal is not None:
            return self._wait_for_request()
        if self._reading_paused or self.draining:
            return self._wait_for_request()
        self._phase = IDLE
        self.deadline = deadline = self._site.clock() + self._idle_seconds
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
            self._gate.wake()

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
            answer = self._site.on_error(exchange, error)
            if exchange.state == OPEN:
                exchange.respond(*answer)
        if exchange.state not in (ANSWERED, DETACHED):
            # The answer has begun: only its being cut tells the caller that it is not whole.
            exchange.state = ANSWERED
            exchange.keep_alive = False
            self.abort()

    def _end(self) -> None:
        """Close after what is still to be sent."""
        if self._phase < CLOSING:
            self._phase = CLOSING
            self._progress = self.transport.get_write_buffer_size()
            self._set_deadline(self._limits.write_stall_seconds)
            self.transport.close()

    def _let_go(self) -> None:
        """Part from a connection that spoke another protocol; close it in bounds."""
        self._phase = CLOSING
        self.transport.close()
        self._site.loop.call_later(self._limits.write_stall_seconds, self.transport.abort)

    def _let_write(self) -> None:
        if self._writable is not None:
            self._writable.set()
            self._writable = None

    def _task_done(self, task: asyncio.Task[None]) -> None:
        if not task.cancelled():
            task.result()
        self._task = None
        if self.gone or self._is_detached:
            # Of a detached connection nobody will tell that it is lost.
            self._site.ended(self)

    # Refusing.

    def _refuse(self, refusal: Refusal) -> None:
        """Answer, then read on for a while, so that a caller still sending gets to see it."""
        self._phase = LINGER
        self._discarded = 0
        fields, body = self._site.render_refusal(
            refusal.status, refusal.code, refusal.message, self._reader.path
        )
        head = status_line(refusal.status) + field_lines(fields)
        length = b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        transport = self.transport
        transport.write(head + length + body)
        self._resume_reading()
        self._set_deadline(self._limits.linger_seconds)
        if transport.can_write_eof():
            transport.write_eof()

    # Time.

    def _set_deadline(self, seconds: float) -> None:
        self.deadline = deadline = self._site.clock() + seconds
        if deadline < self._site.sweeper.due:
            self._site.sweeper.arm(deadline)

    def expire(self, now: float) -> None:
        """React to the deadline of the present phase."""
        self.deadline = inf
        if self._phase == CLOSING or (self.paused and self._phase == BUSY):
            self._check_stall(now)
        elif self._phase == HEAD:
            self._refuse(Refusal(408, "REQUEST_TIMEOUT", "the request's head took too long"))
        elif self._phase == BODY:
            self._check_progress(now)
        elif self._phase != BUSY:
            self._end()

    def _check_stall(self, now: float) -> None:
        waiting = self.transport.get_write_buffer_size()
        if waiting < self._progress:
            self._progress = waiting
            self.deadline = now + self._limits.write_stall_seconds
        else:
            self.abort()

    def _check_progress(self, now: float) -> None:
        arrived = self._reader.body_bytes
        if arrived - self._progress >= self._limits.body_progress_bytes:
            self._progress = arrived
            self.deadline = now + self._limits.body_seconds
        else:
            self._refuse(Refusal(408, "REQUEST_TIMEOUT", "the request's body took too long"))

    # Ending, when the server says so.

    def drain(self) -> None:
        """Close if no request is under way; else the answer will be the last."""
        self.draining = True
        if self._phase == IDLE:
            self._end()
            self._gate.wake()

    def cut(self) -> None:
        """End everything, the handler too."""
        self.abort()
        if self._task is not None:
            self._task.cancel()
