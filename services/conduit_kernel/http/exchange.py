"""A request together with the means to answer it."""

import asyncio
from typing import Protocol

from conduit_kernel.http.errors import AnswerMisuse, CallerGone
from conduit_kernel.http.headers import Fields
from conduit_kernel.http.heads import NO_CONTENT, STATUS_LINES, field_lines, status_line
from conduit_kernel.http.request import Request
from conduit_kernel.http.request_body import RequestBody

OPEN, STREAMING, ANSWERED, DETACHED = range(4)


class Peer(Protocol):
    """The connection, as far as an exchange needs it."""

    transport: asyncio.Transport
    peer: str
    certificate: str
    gone: bool
    paused: bool
    draining: bool

    async def until_writable(self) -> None:
        """Wait until the caller has taken enough of what was written. Raises CallerGone."""

    def abort(self) -> None:
        """Cut the connection."""

    def body_of(self, exchange: "Exchange") -> RequestBody:
        """Return a request's body in pieces."""
        ...

    def detach(self) -> bytes:
        """Stop reading HTTP; the bytes that came after the request."""
        ...


class Exchange(Request):
    """A request and its answer: call ``respond`` once, or ``start`` once, or ``upgrade`` once.

    Fields have lower-case names. Framing (content-length, transfer-encoding, connection, ...) is
    written here; fields of those names are left out. ValueError on fields that hold line breaks.
    After the caller has gone, writing has no effect and the handler is cancelled.
    """

    __slots__ = ("_caller", "state")

    def __init__(self, caller: Peer) -> None:
        self._caller = caller
        self.state = OPEN
        # Request's own, spelled out: this runs for every request.
        self.peer = caller.peer
        self.body = b""
        self.upgrade_offered = False
        self._headers = None

    @property
    def is_answered(self) -> bool:
        """Return whether an answer was begun."""
        return self.state != OPEN

    def respond(self, status: int, headers: Fields, body: bytes, lines: bytes = b"") -> None:
        """Send the whole answer. HEAD requests get the head that the body would have had.

        `lines` are more headers, as `field_lines` writes them: what is known before need not be
        written for each answer.
        """
        if self.state != OPEN:
            raise AnswerMisuse("this request has been answered already")
        line = STATUS_LINES.get(status) or status_line(status)
        block = lines + field_lines(headers) if headers else lines
        caller = self._caller
        if not (self.keep_alive and self.http11) or caller.draining:
            block += self._connection_line()
        if status in NO_CONTENT:
            answer = b"%b%b\r\n" % (line, block)
        elif self.method == "HEAD":
            answer = b"%b%bcontent-length: %d\r\n\r\n" % (line, block, len(body))
        else:
            answer = b"%b%bcontent-length: %d\r\n\r\n%b" % (line, block, len(body), body)
        self.state = ANSWERED
        if not caller.gone:
            caller.transport.write(answer)

    def body_stream(self) -> RequestBody:
        """Return the body as it comes, whether it is all here already or not.

        Only where the server knows that the route streams its bodies may ``body`` be empty
        although there is one. An answer that is begun before the body was read whole is the
        connection's last.
        """
        return self._caller.body_of(self)

    def start(self, status: int, headers: Fields, lines: bytes = b"") -> "Stream":
        """Send the head of an answer whose length is not known yet; `lines` as in `respond`."""
        if self.state != OPEN:
            raise AnswerMisuse("this request has been answered already")
        line = status_line(status)
        block = lines + field_lines(headers) if headers else lines
        bodiless = self.method == "HEAD" or status in NO_CONTENT
        chunked = self.http11
        if not chunked and not bodiless:
            # Only the end of the connection can tell a 1.0 caller where the body ends.
            self.keep_alive = False
        framing = b"transfer-encoding: chunked\r\n" if chunked and not bodiless else b""
        head = b"%b%b%b%b\r\n" % (line, block, framing, self._connection_line())
        self.state = STREAMING
        caller = self._caller
        if not caller.gone:
            caller.transport.write(head)
        return Stream(self, caller, chunked=chunked, bodiless=bodiless)

    def abort(self) -> None:
        """Cut the connection without an answer; no effect once one was begun."""
        if self.state == OPEN:
            self.state = ANSWERED
            self.keep_alive = False
            self._caller.abort()

    def upgrade(self) -> tuple[asyncio.Transport, bytes]:
        """Take the connection over: its transport and the bytes that followed the request.

        Nothing has been written. Set the transport's protocol before the next ``await``; from then
        on the loss of the connection is that protocol's to notice. The transport is closed when
        the handler returns. Only where ``upgrade_offered`` is true.
        """
        if self.state != OPEN or not self.upgrade_offered:
            raise AnswerMisuse("this request cannot be upgraded")
        self.state = DETACHED
        self.keep_alive = False
        return self._caller.transport, self._caller.detach()

    def _connection_line(self) -> bytes:
        """Say what happens to the connection, where that is not what HTTP/1.1 does by itself."""
        if self._caller.draining:
            self.keep_alive = False
        if not self.keep_alive:
            return b"connection: close\r\n"
        return b"" if self.http11 else b"connection: keep-alive\r\n"


class Stream:
    """A body under way. End it with ``finish``, or with ``abort`` if it cannot be whole."""

    __slots__ = ("_bodiless", "_caller", "_chunked", "_exchange", "is_quiet")

    def __init__(self, exchange: Exchange, caller: Peer, *, chunked: bool, bodiless: bool) -> None:
        self._exchange = exchange
        self._caller = caller
        self._chunked = chunked
        self._bodiless = bodiless
        # Set to false by whatever is written; who watches for silence sets it to true.
        self.is_quiet = False

    @property
    def has_ended(self) -> bool:
        """Return whether it was finished or aborted."""
        return self._exchange.state != STREAMING

    def write(self, data: bytes) -> bool:
        """Send some of the body, now; return whether `drain` has to be awaited before more.

        Empty data has no effect.
        """
        if self._exchange.state != STREAMING:
            raise AnswerMisuse("the answer has ended")
        self.is_quiet = False
        caller = self._caller
        if data and not (self._bodiless or caller.gone):
            if self._chunked:
                data = b"%x\r\n%b\r\n" % (len(data), data)
            caller.transport.write(data)
        return caller.paused or caller.gone

    async def drain(self) -> None:
        """Return at once, or when a slow caller has caught up. Raises CallerGone."""
        caller = self._caller
        if caller.paused:
            await caller.until_writable()
        if caller.gone:
            raise CallerGone("the caller left before its answer was whole")

    def finish(self, last: bytes = b"") -> None:
        """Send the last of the body and its end. Once ended, further calls have no effect."""
        exchange = self._exchange
        if exchange.state != STREAMING:
            return
        exchange.state = ANSWERED
        caller = self._caller
        if caller.gone or self._bodiless:
            return
        if self._chunked:
            last = b"%x\r\n%b\r\n0\r\n\r\n" % (len(last), last) if last else b"0\r\n\r\n"
        if last:
            caller.transport.write(last)

    def abort(self) -> None:
        """Cut the connection, so that the broken answer cannot look whole."""
        exchange = self._exchange
        if exchange.state == STREAMING:
            exchange.state = ANSWERED
            exchange.keep_alive = False
            self._caller.abort()
