"""One connection of the client."""

import asyncio
from collections.abc import Callable
from math import inf
from typing import NoReturn, Protocol, cast

import httptools

from conduit_kernel.http.content_coding import Unfolding, is_cut, unfolding_of
from conduit_kernel.http.deadlines import Sweeper
from conduit_kernel.http.errors import (
    BodyCut,
    ConnectionReset,
    HeaderTimeout,
    HttpError,
    IdleTimeout,
    ProtocolViolation,
    TotalTimeout,
)
from conduit_kernel.http.headers import Field, Headers
from conduit_kernel.http.heads import FIRST_FINAL
from conduit_kernel.http.limits import ClientLimits, Timeouts
from conduit_kernel.http.response import Response
from conduit_kernel.http.upload import Upload, failure_of, write_pieces
from conduit_kernel.http.wake_slot import WakeSlot

# From this status on an answer refuses, and the rest of an upload would be in vain.
_FIRST_REFUSAL = 300
# Bodies up to this size are copied behind their head: one write is cheaper than two.
_JOIN_BYTES = 16 * 1024


class ConnectionOwner(Protocol):
    """The pool that a connection belongs to."""

    limits: ClientLimits
    loop: asyncio.AbstractEventLoop
    clock: Callable[[], float]
    sweeper: Sweeper
    where: str

    def release(self, connection: "UpstreamConnection") -> None:
        """Take back a connection that is fit for another request."""

    def lost(self, connection: "UpstreamConnection") -> None:
        """Forget a connection."""


class UpstreamConnection(asyncio.Protocol):
    """Sends one request at a time and feeds its response. Belongs to one pool for life."""

    def __init__(self, owner: ConnectionOwner) -> None:
        self._owner = owner
        self._limits = owner.limits
        self._clock = owner.clock
        self._sweeper = owner.sweeper
        self.wake_slot = WakeSlot(owner.loop)
        self.deadline = inf
        self.transport: asyncio.Transport
        self.used = self.answered = self.closed = False
        self._response: Response | None = None
        self.timeouts = Timeouts()
        self._until = inf
        self._head_only = False
        self._large = False
        self._barren = 0
        self._sending = False
        self._unsent = 0
        # The task that sends a body in pieces, and whether there are more of them.
        self._upload: asyncio.Task[None] | None = None
        self._is_uploading = False
        self._writable: asyncio.Future[None] | None = None
        self._framed = False
        self._reusable = False
        self._complete = False
        self._violation: ProtocolViolation | None = None
        self._unfolding: Unfolding | None = None
        self._fields: dict[bytes, bytes] = {}
        self._repeats: list[Field] | None = None
        self._parts: list[bytes] = []
        self.buffered = 0
        # The parser looks its callbacks up once, so a list's own append can be one of them.
        self.on_body = self._parts.append
        self._parser = httptools.HttpResponseParser(self)

    # For the client.

    def begin(
        self, head: bytes, body: bytes, timeouts: Timeouts, until: float = inf, *, head_only: bool
    ) -> Response:
        """Send a request; ``wake_slot`` opens when its response has a status or an error.

        ``until`` is the end of the call's total limit, in the clock's seconds.
        """
        self._response = response = Response(self, self._parts)
        self.timeouts = timeouts
        self._until = until
        self._head_only = head_only
        self.answered = False
        self._complete = False
        self._barren = 0
        if self.closed:
            self._fail(ConnectionReset(f"{self._owner.where} ended the connection"))
            return response
        self._set_deadline(timeouts.header)
        self._large = large = len(body) > _JOIN_BYTES
        if large:
            self.transport.write(head)
            self.transport.write(body)
        else:
            self.transport.write(head + body)
        return response

    def send_upload(self, upload: Upload) -> None:
        """Send the body of the request just begun, in pieces as they come."""
        response = self._response
        if response is None:
            return
        self._is_uploading = True
        # What is written cannot be waited for by looking at the buffer once.
        self._large = True
        # No later than the head's, for which the sweeper was armed.
        self.deadline = self._until
        self._upload = self._owner.loop.create_task(self._send_pieces(upload, response))

    async def _send_pieces(self, upload: Upload, response: Response) -> None:
        try:
            await write_pieces(upload, self.transport.write, self._until_writable)
        except Exception as error:  # noqa: BLE001 - whatever the source raises ends the request
            if self._response is response:
                self.end(failure_of(error))
            return
        finally:
            self._upload = None
        self._is_uploading = False
        if self._response is response and not response.status:
            self._set_deadline(self.timeouts.header)

    async def _until_writable(self) -> None:
        while self._sending:
            self._writable = self._owner.loop.create_future()
            await self._writable

    def resume(self) -> None:
        """Read on."""
        if not self.closed and self._response is not None:
            self._set_deadline(self.timeouts.idle)
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
        self.wake_slot.wake()

    # The transport's calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Become usable."""
        self.transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        """Take more of the response, and wake its reader."""
        response = self._response
        if response is None:
            # Nothing was asked: a late answer, or a server's goodbye.
            self.drop()
            return
        self.answered = True
        parts, had_head = self._parts, response.status
        before = len(parts)
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._fail(ProtocolViolation(f"{self._owner.where} switched protocols unasked"))
        except httptools.HttpParserError as error:
            self._fail_parse(error)
        if self._unfolding is not None:
            kept = self._unfolding.unfold(parts, before, self._fail, is_end=self._complete)
            self._complete = self._complete and kept
        if self._complete:
            self._finish(response)
        elif self._response is not None:
            has_body = len(parts) > before
            if not has_body:
                self._count_barren(len(data))
            elif self.wake_slot.waiter is None:
                self._hold(response, sum(map(len, parts[before:])))
            # What brings no body breaks no silence, but for the head.
            if (has_body or not had_head) and response.status and not response.paused:
                self._set_deadline(self.timeouts.idle)
        self.wake_slot.wake()

    def pause_writing(self) -> None:
        """Note that the request takes its time to leave."""
        self._sending = True
        self._unsent = self.transport.get_write_buffer_size()
        if self._is_uploading and self._response is not None and not self._response.status:
            self._set_deadline(self.timeouts.header)

    def resume_writing(self) -> None:
        """Start the wait for the head, or for the next piece of an upload."""
        self._sending = False
        if self._response is not None and not self._response.status:
            if self._is_uploading:
                self.deadline = self._until
            else:
                self._set_deadline(self.timeouts.header)
        if self._writable is not None and not self._writable.done():
            self._writable.set_result(None)

    def eof_received(self) -> None:
        """Treat a peer that will send no more as gone; the transport closes itself.

        It would first send what is still queued, which nobody will read.
        """
        if self.transport.get_write_buffer_size():
            self.transport.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """End the response: well if only the end of the connection can end it."""
        self.closed = True
        self.deadline = inf
        if self._upload is not None:
            self._upload.cancel()
        self._owner.lost(self)
        response = self._response
        where = self._owner.where
        if response is None:
            pass
        elif not response.status:
            self._fail(ConnectionReset(f"{where} ended the connection before answering"))
        elif self._framed or exc is not None or is_cut(self._unfolding):
            self._fail(BodyCut(f"{where} ended the connection inside the body"))
        else:
            self._detach(response)
        self.wake_slot.wake()

    # The parser's callbacks.

    def on_message_begin(self) -> None:
        """Mistrust a connection that goes on after the answer."""
        if self._complete:
            self._reusable = False

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
        if response is None or self._complete:
            return
        parser = self._parser
        status = parser.get_status_code()
        fields = self._fields
        self._fields = {}
        repeats = self._repeats
        self._repeats = None
        if status < FIRST_FINAL:
            return
        if len(fields) > self._limits.head_fields:
            self._violate("sent too many header fields")
        response.headers = Headers(fields, repeats)
        response.status = status
        if self._upload is not None and status >= _FIRST_REFUSAL:
            self._upload.cancel()
        self._reusable = parser.should_keep_alive()
        coding = fields.get(b"transfer-encoding")
        self._framed = coding is not None or b"content-length" in fields
        if coding is not None and coding.strip().lower() != b"chunked":
            self._violate("used an unknown transfer coding")
        if self._head_only:
            self._complete = True
        elif b"content-encoding" in fields:
            self._unfolding = unfolding_of(fields.pop(b"content-encoding"))

    def on_message_complete(self) -> None:
        """Note the end; what happens next waits until the parser is done with its bytes."""
        response = self._response
        if response is not None and response.status:
            self._complete = True
        self._fields = {}
        self._repeats = None

    def _violate(self, what: str) -> NoReturn:
        self._violation = ProtocolViolation(f"{self._owner.where} {what}")
        raise self._violation

    # After the parser.

    def _hold(self, response: Response, arrived: int) -> None:
        """Count what nobody waits for; when it is much, leave the rest to the peer."""
        self.buffered += arrived
        if self.buffered > self._limits.buffer_bytes and not response.paused:
            response.paused = True
            # No earlier than the deadline before, so the sweeper will come for it.
            self.deadline = self._until
            self.transport.pause_reading()

    def _count_barren(self, arrived: int) -> None:
        """Bound what brings no body: heads, trailers, the wrapping of chunks."""
        self._barren += arrived
        if self._barren > self._limits.head_bytes:
            self._fail(ProtocolViolation(f"{self._owner.where} sent too large a head or trailer"))

    def _finish(self, response: Response) -> None:
        """Part from the response: it keeps its bytes, the connection goes on or ends."""
        self._detach(response)
        if response.paused:
            response.paused = False
            self.transport.resume_reading()
        if self._head_only:
            self._after_head_only(response)
        if self._reusable and not (self._large and self._has_unsent()):
            self.used = True
            self._owner.release(self)
        else:
            self.deadline = inf
            self.transport.abort()

    def _has_unsent(self) -> bool:
        return self._is_uploading or self.transport.get_write_buffer_size() > 0

    def _detach(self, response: Response) -> None:
        self._response = self._unfolding = None
        self.buffered = 0
        parts = self._parts
        response.parts = parts.copy()
        response.done = True
        parts.clear()

    def _after_head_only(self, response: Response) -> None:
        """Start a new parser, as this one waits for a body; one that came is a violation."""
        if response.parts:
            response.parts = []
            self._reusable = False
        self._parser = httptools.HttpResponseParser(self)

    def _fail_parse(self, error: httptools.HttpParserError) -> None:
        if self._complete:
            # The answer itself was whole; only the connection is unfit.
            self._reusable = False
        elif self._violation is not None:
            self._fail(self._violation)
        else:
            self._fail(ProtocolViolation(f"{self._owner.where} sent a malformed answer: {error}"))

    def _fail(self, error: HttpError) -> None:
        response = self._response
        if response is not None:
            self._detach(response)
            response.error = error
        self.drop()

    # Time.

    def _set_deadline(self, seconds: float) -> None:
        deadline = self._clock() + seconds
        if deadline > self._until:  # noqa: PLR1730 - per chunk, and min() takes twice as long
            deadline = self._until
        self.deadline = deadline
        if deadline < self._sweeper.due:
            self._sweeper.arm(deadline)

    def expire(self, now: float) -> None:
        """React to the deadline: the call's, the head's, the body's silence, or idleness."""
        self.deadline = inf
        response = self._response
        where = self._owner.where
        if response is None:
            self.drop()
        elif now >= self._until:
            self._fail(TotalTimeout(f"{where} took longer than the call's time"))
        elif response.status:
            self._fail(IdleTimeout(f"{where} fell silent inside the body"))
        else:
            unsent = self.transport.get_write_buffer_size()
            if self._sending and unsent < self._unsent:
                # The request is still going out, so the wait for the head has not begun.
                self._unsent = unsent
                self.deadline = min(now + self.timeouts.header, self._until)
                return
            self._fail(HeaderTimeout(f"{where} sent no response head in time"))
        self.wake_slot.wake()
