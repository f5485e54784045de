"""One connection of the client."""

import asyncio
from collections.abc import Callable
from math import inf
from typing import Protocol, cast

import httptools

from conduit_kernel.http.deadlines import Sweeper
from conduit_kernel.http.errors import (
    BodyCut,
    ConnectionReset,
    HeaderTimeout,
    HttpError,
    IdleTimeout,
    ProtocolViolation,
)
from conduit_kernel.http.gate import Gate
from conduit_kernel.http.headers import Field, Headers
from conduit_kernel.http.limits import ClientLimits, Timeouts
from conduit_kernel.http.response import Response

# Bodies up to this size are copied behind their head: one write is cheaper than two.
_JOIN_BYTES = 16 * 1024
_NO_BODY = frozenset((204, 304))


class Home(Protocol):
    """The pool that a connection belongs to."""

    limits: ClientLimits
    loop: asyncio.AbstractEventLoop
    clock: Callable[[], float]
    sweeper: Sweeper
    where: str

    def opened(self, connection: "UpstreamConnection") -> None:
        """Watch a new connection."""

    def release(self, connection: "UpstreamConnection") -> None:
        """Take back a connection that is fit for another request."""

    def lost(self, connection: "UpstreamConnection") -> None:
        """Forget a connection."""


class UpstreamConnection(asyncio.Protocol):
    """Sends one request at a time and feeds its response. Belongs to one pool for life."""

    def __init__(self, home: Home) -> None:
        self._home = home
        self._limits = home.limits
        self._clock = home.clock
        self.gate = Gate(home.loop)
        self.deadline = inf
        self.transport: asyncio.Transport
        self.used = False
        self.answered = False
        self.closed = False
        self._response: Response | None = None
        self._timeouts = Timeouts()
        self._head_only = False
        self._head_bytes = 0
        self._unsent = 0
        self._framed = False
        self._reusable = False
        self._complete = False
        self._fields: dict[bytes, bytes] = {}
        self._repeats: list[Field] | None = None
        self._parts: list[bytes] = []
        self._buffered = 0
        # The parser looks its callbacks up once, so a list's own append can be one of them.
        self.on_body = self._parts.append
        self._parser = httptools.HttpResponseParser(self)

    # For the client.

    def begin(self, head: bytes, body: bytes, timeouts: Timeouts, *, head_only: bool) -> Response:
        """Send a request; ``gate`` opens when its response has a status or an error."""
        response = Response(self, self._parts)
        self._response = response
        self._timeouts = timeouts
        self._head_only = head_only
        self._head_bytes = 0
        self._unsent = 0
        self.answered = False
        self._complete = False
        self.deadline = deadline = self._clock() + timeouts.header
        if deadline < self._home.sweeper.due:
            self._home.sweeper.arm(deadline)
        if len(body) <= _JOIN_BYTES:
            self.transport.write(head + body)
        else:
            self.transport.write(head)
            self.transport.write(body)
        return response

    def resume(self) -> None:
        """Read on."""
        self._buffered = 0
        if not self.closed and self._response is not None:
            self.deadline = self._clock() + self._timeouts.idle
            self._home.sweeper.arm(self.deadline)
            self.transport.resume_reading()

    def drop(self) -> None:
        """Give up whatever is under way."""
        self._response = None
        self.deadline = inf
        if not self.closed:
            self.transport.abort()

    def end(self, error: HttpError) -> None:
        """Fail whatever is under way."""
        self._fail(error)
        self.gate.wake()

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Become usable."""
        self.transport = cast(asyncio.Transport, transport)
        self._home.opened(self)

    def data_received(self, data: bytes) -> None:
        """Take more of the response."""
        response = self._response
        if response is None:
            # Nothing was asked: a late answer, or a server's goodbye.
            self.drop()
            return
        self.answered = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(ProtocolViolation(f"{self._home.where} switched protocols unasked"))
        except httptools.HttpParserError as error:
            self._fail_parse(error)
        if self._complete:
            self._finish(response)
        elif response.status:
            self._after_data(response, len(data))
        elif self._response is not None:
            self._check_head(len(data))
        self.gate.wake()

    def eof_received(self) -> None:
        """The peer will send no more; the transport closes itself."""

    def connection_lost(self, exc: Exception | None) -> None:
        """End the response: well if only the end of the connection can end it."""
        self.closed = True
        self.deadline = inf
        self._home.lost(self)
        response = self._response
        if response is None:
            return
        where = self._home.where
        if not response.status:
            self._fail(ConnectionReset(f"{where} ended the connection before answering"))
        elif self._framed or exc is not None:
            self._fail(BodyCut(f"{where} ended the connection inside the body"))
        else:
            self._response = None
            response.done = True
        self.gate.wake()

    # The parser's callbacks.

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one field, or a trailer, which nobody reads."""
        name = name.lower()
        fields = self._fields
        if name in fields:
            if self._repeats is None:
                self._repeats = []
            self._repeats.append((name, value))
        else:
            fields[name] = value

    def on_headers_complete(self) -> None:
        """Make the head known, unless it is an interim one."""
        response = self._response
        if response is None or self._complete or response.status:
            raise ProtocolViolation(f"{self._home.where} sent more than was asked for")
        parser = self._parser
        status = parser.get_status_code()
        fields = self._fields
        self._fields = {}
        repeats = self._repeats
        self._repeats = None
        if status < 200:
            return
        if len(fields) > self._limits.head_fields:
            raise ProtocolViolation(f"{self._home.where} sent too many header fields")
        response.headers = Headers(fields, repeats)
        response.status = status
        self._reusable = parser.should_keep_alive()
        coding = fields.get(b"transfer-encoding")
        self._framed = coding is not None or b"content-length" in fields
        if coding is not None and coding.strip().lower() != b"chunked":
            raise ProtocolViolation(f"{self._home.where} used an unknown transfer coding")
        if self._head_only:
            self._complete = True

    def on_message_complete(self) -> None:
        """Note the end; what happens next waits until the parser is done with its bytes."""
        response = self._response
        if response is not None and response.status:
            self._complete = True
        self._fields = {}
        self._repeats = None

    # After the parser.

    def _after_data(self, response: Response, arrived: int) -> None:
        self._buffered = self._buffered + arrived if response.parts else 0
        if self._buffered > self._limits.buffer_bytes and not response.paused:
            response.paused = True
            self.deadline = inf
            self.transport.pause_reading()
        else:
            self.deadline = deadline = self._clock() + self._timeouts.idle
            if deadline < self._home.sweeper.due:
                self._home.sweeper.arm(deadline)

    def _check_head(self, arrived: int) -> None:
        self._head_bytes += arrived
        if self._head_bytes > self._limits.head_bytes:
            self._fail(ProtocolViolation(f"{self._home.where} sent too large a head"))

    def _finish(self, response: Response) -> None:
        """Part from the response: it keeps its bytes, the connection goes on or ends."""
        self._response = None
        parts = self._parts
        response.parts = [b"".join(parts)] if parts else []
        parts.clear()
        self._buffered = 0
        response.done = True
        if self._head_only:
            self._reusable = self._reusable and not response.parts
            response.parts = []
            self._parser = httptools.HttpResponseParser(self)
        transport = self.transport
        if response.paused:
            response.paused = False
            transport.resume_reading()
        self.deadline = inf
        if self._reusable and not transport.get_write_buffer_size() and not transport.is_closing():
            self.used = True
            self._home.release(self)
        else:
            transport.abort()

    def _fail_parse(self, error: httptools.HttpParserError) -> None:
        cause = error.__context__
        if self._complete:
            # The answer itself was whole; only the connection is unfit.
            self._reusable = False
        elif isinstance(cause, HttpError):
            self._fail(cause)
        else:
            self._fail(ProtocolViolation(f"{self._home.where} sent a malformed answer: {error}"))

    def _fail(self, error: HttpError) -> None:
        response = self._response
        if response is not None:
            response.error = error
            response.done = True
            response.parts = [b"".join(self._parts)] if self._parts else []
            self._parts.clear()
        self.drop()

    # Time.

    def expire(self, now: float) -> None:
        """React to the deadline: of the head, of the body's silence, or of idleness."""
        self.deadline = inf
        response = self._response
        where = self._home.where
        if response is None:
            self.drop()
        elif response.status:
            self._fail(IdleTimeout(f"{where} fell silent inside the body"))
        else:
            unsent = self.transport.get_write_buffer_size()
            if unsent and (not self._unsent or unsent < self._unsent):
                # The request is still going out, so the wait for the head has not begun.
                self._unsent = unsent
                self.deadline = now + self._timeouts.header
                return
            self._fail(HeaderTimeout(f"{where} sent no response head in time"))
        self.gate.wake()
