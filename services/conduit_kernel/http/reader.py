"""Bytes to requests. Pure: no socket, no clock."""

from collections import deque
from collections.abc import Callable
from typing import Generic, NoReturn, TypeVar

import httptools

from conduit_kernel.http.body_room import HeldBodies
from conduit_kernel.http.headers import Field
from conduit_kernel.http.heads import without_upgrade
from conduit_kernel.http.limits import ServerLimits
from conduit_kernel.http.refusal import Answer, Refusal, refusal_of
from conduit_kernel.http.repeat import Repeat
from conduit_kernel.http.request import Request
from conduit_kernel.http.request_body import RequestBody
from conduit_kernel.http.target import TargetError, split_target

RequestT = TypeVar("RequestT", bound=Request)
BodyLimit = Callable[[str, str], int]
"""(method, path) to the most body bytes that such a request may carry; not asked for each one."""
JudgeHead = Callable[[Request], Answer | None]
"""Looks at a head whose body is still to come; with an answer, the body is not read."""
StreamsBody = Callable[[str, str], bool]
"""(method, path) to whether such a request's handler reads the body as it comes."""

METHODS = {
    name.encode(): name
    for name in ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")
}
SLASH = ord("/")
# The parser cannot stop after a request; this bounds how many tiny ones one feed can bring.
SLICE = 16 * 1024
# Connections on which every head differs are left in peace after so many attempts.
LESSONS = 4
# Chunk sizes, extensions and trailers may take this much, and then a multiple of the body.
CHUNK_OVERHEAD = 64 * 1024
CHUNK_OVERHEAD_FACTOR = 8
# A second one of these could mean two things to two servers.
SINGLE = frozenset((b"host", b"content-length", b"transfer-encoding", b"expect"))


class RequestReader(Generic[RequestT]):
    """Feeds on one connection's bytes; whole requests appear in ``ready``.

    ``new`` makes a blank request. After a Refusal, or a request that ends the connection
    (``ended``), nothing more is read. ``in_head`` and ``current`` say what is incomplete.

    A request whose body is streamed is ready with its head; ``incoming`` then takes the body. What
    came whole with its head is never streamed, nor is what comes while another body is.
    """

    def __init__(
        self,
        limits: ServerLimits,
        body_limit: BodyLimit | None,
        new: Callable[[], RequestT],
        judge_head: JudgeHead | None = None,
        streams_body: StreamsBody | None = None,
        *,
        held: HeldBodies | None = None,
    ) -> None:
        self._held = held
        self.ready: deque[RequestT] = deque()
        self.in_head = False
        self.current: RequestT | None = None
        self.body_bytes = 0
        self.wants_continue = False
        self.ended = False
        self.leftover = b""
        """What followed a WebSocket handshake."""
        self.incoming: RequestBody | None = None
        self._limits = limits
        self._body_limit = body_limit
        self._judge_head = judge_head
        self._streams_body = streams_body
        self._is_judged = False
        # Whoever connected decides what a request of theirs is.
        self.new = new
        self._repeat: Repeat | None = None
        self._lessons = LESSONS
        self._head_bytes = 0
        self._raw_bytes = 0
        self._limit = limits.body_bytes
        self._url = b""
        self._fields: dict[bytes, bytes] = {}
        self._repeats: list[Field] | None = None
        self._parts: list[bytes] = []
        self._body = bytearray()
        self._refusal: Refusal | None = None
        # The parser looks its callbacks up once, so a list's own append can be one of them.
        self.on_body = self._parts.append
        self._parser = httptools.HttpRequestParser(self)

    @property
    def path(self) -> str:
        """The path read last, as far as it has been read; for absolute targets, the whole URL."""
        return self._url.partition(b"?")[0].decode("latin-1")

    def feed(self, data: bytes) -> bytes:
        """Read on. Returns what is left unread because a request became ready. Raises Refusal."""
        if len(data) <= SLICE:
            if self.in_head or self.current is not None or not self._knows(data):
                self._feed(data)
            return b""
        view = memoryview(data)
        for start in range(0, len(data), SLICE):
            self._feed(view[start : start + SLICE])
            if self.ready and (self.incoming is None or self.incoming.done):
                return data[start + SLICE :]
        return b""

    def _knows(self, data: bytes) -> bool:
        """Return whether the request before came again, with another body. Then it is ready."""
        if self.ended or self.ready:
            return False
        repeat = self._repeat
        if repeat is not None:
            request = self.new()
            if repeat.fill(request, data):
                self.ready.append(request)
                return True
        if self._lessons:
            self._feed(data)
            self._learn(data)
            return True
        return False

    def _learn(self, data: bytes) -> None:
        """Remember the head of a request that came in one piece."""
        if len(self.ready) == 1 and not self.in_head and self.current is None:
            self._lessons -= 1
            self._repeat = Repeat.of(data, self.ready[0], self._limit)

    def _feed(self, data: bytes | memoryview) -> None:
        if self.ended:
            return
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade as stop:
            self._after_upgrade(bytes(data[stop.args[0] :]))
        except httptools.HttpParserError as error:
            # Bytes after a last request are nobody's.
            if not self.ended or self._refusal is not None:
                self.ended = True
                raise self._refusal or refusal_of(error) from None
        if self.current is not None:
            self._check_body(len(data))
        elif self.in_head:
            self._check_head(len(data))

    def _check_head(self, fed: int) -> None:
        """Bound a head that is not whole yet."""
        self._head_bytes += fed
        if len(self._url) > self._limits.target_bytes:
            self._refuse_target()
        if self._head_bytes > self._limits.head_bytes:
            self._refuse_head()

    def _check_body(self, fed: int) -> None:
        """Bound a body that is not whole yet, and its chunks' wrapping."""
        if not self._is_judged:
            self._judge()
        self._raw_bytes += fed
        if self._parts:
            self._take_parts()
        if self.body_bytes > self._limit:
            self._refuse_body()
        spare = CHUNK_OVERHEAD + CHUNK_OVERHEAD_FACTOR * self.body_bytes
        if self._raw_bytes - self.body_bytes > spare:
            self._refuse(400, "MALFORMED_REQUEST", "the chunked body is mostly not body")

    def _judge(self) -> None:
        """Decide on a request of which only the head is here: refuse it, or stream its body."""
        self._is_judged = True
        request = self.current
        assert request is not None  # noqa: S101 - a body's bounds are checked while it is current
        if self._judge_head is not None and (answer := self._judge_head(request)) is not None:
            self._refusal = Refusal(answer[0], "", "refused by its head", answer)
            self.ended = True
            raise self._refusal
        if self._streams_body is None or self.incoming is not None:
            return
        if self._streams_body(request.method, request.path):
            self.incoming = RequestBody(request, keep_alive=request.keep_alive)
            # As long as the body is not whole, its answer is the connection's last.
            request.keep_alive = False
            self.ready.append(request)

    def _take_parts(self) -> None:
        more = b"".join(self._parts)
        self._parts.clear()
        self.body_bytes += len(more)
        if self.incoming is not None and self.incoming.request is self.current:
            self.incoming.add(more)
        elif self._held is None or self._held.take(len(more)):
            self._body += more
        else:
            # What has come of it makes room at once.
            self._body.clear()
            self._held.release()
            self._refuse(503, "TOO_MANY_BODIES", "the server holds as many bodies as it can")

    # The parser's callbacks, in the order in which they come.

    def on_message_begin(self) -> None:
        """Start a head."""
        self.in_head = True
        self._head_bytes = 0
        self._url = b""
        if self._fields:
            # Trailers of the request before.
            self._fields = {}

    def on_url(self, url: bytes) -> None:
        """Take the target, or a part of it."""
        self._url = self._url + url if self._url else url

    def on_header(self, name: bytes, value: bytes) -> None:
        """Take one field; after a chunked body, into a dict that nobody reads."""
        name = name.lower()
        fields = self._fields
        if name not in fields:
            fields[name] = value
        elif self._repeats is None:
            self._repeats = [(name, value)]
        else:
            self._repeats.append((name, value))

    def on_headers_complete(self) -> None:
        """Judge the head and make the request."""
        parser = self._parser
        request = self.new()
        request.method = METHODS.get(parser.get_method(), "")
        request.keep_alive = keep_alive = parser.should_keep_alive()
        request.fields = fields = self._fields
        self._fields = {}
        request.repeats = self._repeats
        self.in_head = False
        # What stays open without being asked to is HTTP/1.1; that saves asking for the version.
        request.http11 = (keep_alive and b"connection" not in fields) or self._is_http11()
        if not request.method:
            self._refuse(501, "METHOD_UNKNOWN", "this method is not implemented here")
        if b"host" not in fields and request.http11:
            self._refuse(400, "MALFORMED_REQUEST", "HTTP/1.1 requests need a Host field")
        url = self._url
        target = url.decode()
        if url[0] != SLASH or "#" in target or len(url) > self._limits.target_bytes:
            request.path, request.query = self._place(url, request.method)
        else:
            request.path, _, request.query = target.partition("?")
        if len(fields) > self._limits.head_fields:
            self._refuse_head()
        if self._repeats is not None:
            self._check_repeats(len(fields))
        if b"content-length" in fields or b"transfer-encoding" in fields:
            self._expect_body(request)
        self.current = request

    def on_message_complete(self) -> None:
        """Hand the request over."""
        request = self.current
        if request is None:
            return
        if self.incoming is not None and self.incoming.request is request:
            self._end_incoming(self.incoming)
            return
        parts = self._parts
        if parts or self._body:
            request.body = self._whole_body()
        self.current = None
        self._repeats = None
        if not request.keep_alive:
            self.ended = True
        self.ready.append(request)

    # The rarer parts of the callbacks.

    def _end_incoming(self, incoming: RequestBody) -> None:
        """Hand over the last of a streamed body."""
        if self._parts:
            self._take_parts()
        if self.body_bytes > self._limit:
            self._refuse_body()
        self.current = None
        self._repeats = None
        if not incoming.keep_alive:
            self.ended = True
        incoming.end()

    def _is_http11(self) -> bool:
        version = self._parser.get_http_version()
        if version not in ("1.0", "1.1"):
            self._refuse(505, "HTTP_VERSION", "only HTTP/1.0 and HTTP/1.1 are spoken here")
        return version == "1.1"

    def _place(self, url: bytes, method: str) -> tuple[str, str]:
        """Find path and query in a target that is no plain path, or is no target at all."""
        if len(url) > self._limits.target_bytes:
            self._refuse_target()
        try:
            return split_target(url, method)
        except TargetError as error:
            self._refuse(400, "MALFORMED_REQUEST", str(error))

    def _check_repeats(self, others: int) -> None:
        repeats = self._repeats or []
        self._repeats = None
        if others + len(repeats) > self._limits.head_fields:
            self._refuse_head()
        for name, _ in repeats:
            if name in SINGLE:
                self._refuse(400, "MALFORMED_REQUEST", f"more than one {name.decode()} field")

    def _expect_body(self, request: RequestT) -> None:
        """Look at what announces the body; decide before reading it whether it is too large."""
        fields = request.fields
        self.body_bytes = self._raw_bytes = 0
        self.wants_continue = self._is_judged = False
        if self._body_limit is not None:
            self._limit = self._body_limit(request.method, request.path)
        length = fields.get(b"content-length")
        if length is None:
            self._check_coding(fields[b"transfer-encoding"], request)
        elif int(length) > self._limit:
            self._refuse_body()
        if b"expect" in fields:
            self._check_expectation(fields[b"expect"], request)

    def _check_coding(self, coding: bytes, request: RequestT) -> None:
        """Allow ``chunked`` alone; the parser has refused what does not end with it."""
        if not request.http11:
            self._refuse(400, "MALFORMED_REQUEST", "HTTP/1.0 knows no transfer codings")
        name = coding.strip().lower()
        if name == b"chunked":
            return
        if name.endswith(b"chunked") and b"," in name:
            self._refuse(501, "TRANSFER_CODING", "the only transfer coding known here is chunked")
        self._refuse(400, "MALFORMED_REQUEST", "the transfer coding does not end with chunked")

    def _check_expectation(self, expectation: bytes, request: RequestT) -> None:
        if not request.http11:
            return
        if expectation.strip().lower() != b"100-continue":
            self._refuse(417, "EXPECTATION_FAILED", "the only expectation met here is 100-continue")
        self.wants_continue = True

    def _whole_body(self) -> bytes:
        parts = self._parts
        if self._body:
            parts.insert(0, bytes(self._body))
            self._body = bytearray()
        body = parts[0] if len(parts) == 1 else b"".join(parts)
        parts.clear()
        if len(body) > self._limit:
            self._refuse_body()
        return body

    def _after_upgrade(self, rest: bytes) -> None:
        """Accept a WebSocket handshake as a last request; pass over all other offers.

        The parser ends the message at such a head, but a request that merely offers, say, h2c
        is an ordinary one with a body, so it is read again without the offer.
        """
        request = self.ready[-1]
        upgrade = request.headers.get(b"upgrade") or b""
        if request.method == "GET" and upgrade.lower() == b"websocket" and request.http11:
            request.upgrade_offered = self.ended = True
            request.keep_alive = False
            self.leftover = rest
            return
        self.ready.pop()
        self.ended = False
        self._parser = httptools.HttpRequestParser(self)
        self._feed(without_upgrade(request, self._url) + rest)

    # Refusing.

    def _refuse(self, status: int, code: str, message: str) -> NoReturn:
        self._refusal = Refusal(status, code, message)
        self.ended = True
        raise self._refusal

    def _refuse_target(self) -> NoReturn:
        self._refuse(414, "TARGET_TOO_LONG", "the request target is too long")

    def _refuse_head(self) -> NoReturn:
        self._refuse(431, "HEAD_TOO_LARGE", "the request's header fields are too large")

    def _refuse_body(self) -> NoReturn:
        limit = self._limit
        self._refuse(413, "BODY_TOO_LARGE", f"the body is larger than the {limit} bytes allowed")
