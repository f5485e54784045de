"""What of a caller's connection is about its transport: writing, waiting, refusing, ending."""

import asyncio
import contextlib
import socket
import struct
from collections.abc import Callable
from math import inf
from typing import Protocol

from conduit_kernel.addresses import plain_address
from conduit_kernel.http.deadlines import Sweeper
from conduit_kernel.http.errors import CallerGone
from conduit_kernel.http.heads import field_lines, status_line
from conduit_kernel.http.limits import ServerLimits
from conduit_kernel.http.refusal import Refusal, RenderRefusal

# In the order in which a connection can go through them; from BUSY on nothing is parsed.
IDLE, HEAD, BODY, BUSY, LINGER, CLOSING = range(6)

# Not empty, which elsewhere says that an address is still to be found out.
UNKNOWN = "unknown"
# SO_LINGER: on, for no time at all.
_RESET = struct.pack("ii", 1, 0)


class TransportContext(Protocol):
    """The part of a server that a connection's transport side needs."""

    limits: ServerLimits
    render_refusal: RenderRefusal
    clock: Callable[[], float]
    sweeper: Sweeper
    loop: asyncio.AbstractEventLoop
    draining: bool


def peer_address(transport: asyncio.BaseTransport) -> str:
    """Return the address that is connected, without port; UNKNOWN where it has left already."""
    peer = transport.get_extra_info("peername")
    if not isinstance(peer, tuple):
        return UNKNOWN
    address = str(peer[0])
    return (plain_address(address) or address) if ":" in address else address


class CallerConnection(asyncio.Protocol):
    """A connection that a caller made, whatever its protocol."""

    def __init__(self, server: TransportContext) -> None:
        self.transport: asyncio.Transport
        self.peer = ""
        # What the server counts it by, also where a preface names another peer.
        self.counted_as = ""
        # The name of the client certificate that was shown; empty if none.
        self.certificate = ""
        self.gone = False
        self.paused = False
        self.draining = server.draining
        self.deadline = inf
        self._context = server
        self._limits = server.limits
        self._sweeper = server.sweeper
        self._phase = IDLE
        self._writable: asyncio.Event | None = None
        self._unread = b""
        """Bytes that came while a request was being answered."""
        self._reading_paused = False
        self._discarded = 0
        self._progress = 0

    # Writing.

    def pause_writing(self) -> None:
        """Note that the caller is slow."""
        self.paused = True
        self._progress = self.transport.get_write_buffer_size()
        self._set_deadline(self._limits.write_stall_seconds)

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

    def _let_write(self) -> None:
        if self._writable is not None:
            self._writable.set()
            self._writable = None

    # Reading what is not parsed now.

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

    # Refusing.

    def _refuse(self, refusal: Refusal, path: str) -> None:
        """Answer, and linger; the path may be empty."""
        if refusal.answer is not None:
            _, fields, body = refusal.answer
        else:
            fields, body = self._context.render_refusal(
                refusal.status, refusal.code, refusal.message, path
            )
        head = status_line(refusal.status) + field_lines(fields)
        length = b"content-length: %d\r\nconnection: close\r\n\r\n" % len(body)
        self.transport.write(head + length + body)
        self._linger()

    def _linger(self) -> None:
        """Read on for a while, so that a caller who is still sending gets to see the answer."""
        self._phase = LINGER
        self._discarded = 0
        self._unread = b""
        self._resume_reading()
        transport = self.transport
        self._set_deadline(self._limits.linger_seconds)
        if transport.can_write_eof():
            transport.write_eof()

    # Ending.

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
        self._context.loop.call_later(self._limits.write_stall_seconds, self.transport.abort)

    # Time.

    def _set_deadline(self, seconds: float) -> None:
        self.deadline = deadline = self._context.clock() + seconds
        if deadline < self._sweeper.due:
            self._sweeper.arm(deadline)

    def _check_stall(self, now: float) -> None:
        waiting = self.transport.get_write_buffer_size()
        if waiting < self._progress:
            self._progress = waiting
            self.deadline = now + self._limits.write_stall_seconds
        else:
            self.abort()
