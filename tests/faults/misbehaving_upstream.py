"""A provider that misbehaves on the bytes: what each request to it meets, and what it saw."""

import asyncio
import contextlib
import re
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple
from urllib.parse import parse_qsl, urlsplit

import orjson
from tests.faults.answer import FRAMES, Answer
from tests.faults.chat_answers import STREAMED
from tests.faults.dialect_answers import dialect_answer_to
from tests.faults.session_answers import CREATIONS, creation_at
from tests.faults.upstream_answers import JSON, answer_to
from tests.support.http_tls import Certificate
from websockets.frames import Frame, Opcode
from websockets.utils import accept_key

# What a connection begins with that is to be secured.
TLS = b"\x16"
_MEMBER = re.compile(rb'name="(\w+)"\r\n(?:[^\r\n]+\r\n)*\r\n(.*?)\r\n--', re.DOTALL)
_MASKED_CLOSE = 0x80 | Opcode.CLOSE
_MASK_BYTES = 4
_LONG = 126
# Where requests are answered as they should be, and their connections kept.
KEPT = "kept"


class Seen(NamedTuple):
    """A request, as it arrived."""

    at: float
    path: str
    headers: dict[str, str]
    body: dict[str, object]
    # The body's bytes.
    raw: bytes = b""

    @property
    def place(self) -> str:
        """Whose request it is."""
        return self.path.split("/v1/")[0].strip("/")

    @property
    def address(self) -> str:
        """The path and what it asks for, less the signature, which differs each time."""
        path, _, query = self.path.partition("?")
        asked = [each for each in query.split("&") if not each.startswith("X-Amz-")]
        return f"{path}?{'&'.join(asked)}"

    @property
    def is_session(self) -> bool:
        """Whether a WebSocket is asked for."""
        return "upgrade" in self.headers

    @property
    def is_creation(self) -> bool:
        """Whether a session is to be made, whose socket is asked for afterwards."""
        return self.path.partition("?")[0].endswith(CREATIONS)

    @property
    def is_stream(self) -> bool:
        """Whether the answer is to come in pieces."""
        return (
            self.body.get("stream") in {True, "true"}
            or self.is_session
            or self.path.partition("?")[0].endswith(("/speech", *STREAMED))
            or not self.answer.has_events
        )

    @property
    def answer(self) -> Answer:
        """What a provider in order answers."""
        if self.is_creation:
            return creation_at(self.headers["host"], self.path)
        found = None if self.is_session else dialect_answer_to(self.headers["host"], self.path)
        return found or answer_to(self.path, self.body)


class Peer:
    """Answers one request."""

    def __init__(self, seen: Seen, writer: asyncio.StreamWriter) -> None:
        self.seen = seen
        # In a session: that the caller has said something.
        self.has_heard = asyncio.Event()
        self._writer = writer
        self._is_chunked = self._is_session = self._is_open = False

    async def send(self, data: bytes) -> None:
        """Write, by itself."""
        if self._is_chunked:
            data = b"%x\r\n%b\r\n" % (len(data), data)
        elif self._is_session:
            if self._is_open:
                # What comes behind the beginning is an answer.
                await self.has_heard.wait()
            self._is_open = True
            kind = Opcode.BINARY if self.seen.answer.media == FRAMES else Opcode.TEXT
            data = Frame(kind, data).serialize(mask=False)
        self._writer.write(data)
        await self._writer.drain()
        # Each piece is to arrive alone.
        await asyncio.sleep(0.002)

    async def write(self, data: bytes) -> None:
        """Write bytes that nothing is put around."""
        self._writer.write(data)
        await self._writer.drain()

    async def head(self, status: int = 200, media: str = "", **headers: str) -> None:
        """Write a head whose body ends with the connection."""
        lines = [f"HTTP/1.1 {status} X", f"content-type: {media}", "connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.send("\r\n".join([*lines, "", ""]).encode())

    async def begin(self) -> None:
        """Write the head of an answer in pieces: of a session, of events, or of sound."""
        if self.seen.is_session:
            proof = accept_key(self.seen.headers["sec-websocket-key"])
            lines = ["HTTP/1.1 101 X", "upgrade: websocket", "connection: upgrade"]
            lines.append(f"sec-websocket-accept: {proof}")
            await self.send("\r\n".join([*lines, "", ""]).encode())
            self._is_session = True
            return
        media = self.seen.answer.media if self.seen.is_stream else JSON
        if self.seen.is_stream and not self.seen.answer.has_events:
            # That bytes have ended, and were not cut, is told by their framing alone.
            await self.head(200, media, transfer_encoding="chunked")
            self._is_chunked = True
        else:
            await self.head(200, media)

    async def finish(self) -> None:
        """Say that the answer is whole, where that is said; a session waits for its caller."""
        if self._is_session:
            await asyncio.Event().wait()
        if self._is_chunked:
            self._writer.write(b"0\r\n\r\n")

    def reset(self) -> None:
        """End the connection without a goodbye."""
        self._writer.transport.abort()


Act = Callable[[Peer], Awaitable[None]]


class MisbehavingUpstream:
    """Meets each request to a place with the place's next act; the last one stays."""

    def __init__(self) -> None:
        self.url = ""
        # The same behind a certificate that nobody trusts.
        self.untrusted_url = ""
        self.acts: dict[str, list[Act]] = {}
        self.seen: dict[str, list[Seen]] = defaultdict(list)
        # The same of requests that make sessions, beside those for their sockets.
        self.creations: dict[str, list[Act]] = {}
        self.created: dict[str, list[Seen]] = defaultdict(list)
        # Those that are being answered, and when the other side left one, by place.
        self.busy = 0
        self.left: dict[str, float] = {}
        # Requests that came on a connection which was kept, by place.
        self.reused: Counter[str] = Counter()

    def play(self, place: str, acts: Sequence[Act], creations: Sequence[Act] = ()) -> str:
        """Meet requests to a place so, and those that make sessions; return its base URL."""
        self.acts[place], self.creations[place] = list(acts), list(creations)
        return f"{self.url}/{place}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the request of a connection, and end it; one that is kept has several."""
        self.busy += 1
        try:
            await self._answer(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            self.busy -= 1
            writer.close()
            with contextlib.suppress(ConnectionError):
                await writer.wait_closed()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        first = await reader.readexactly(1)
        if first == TLS:
            writer.write(b"HTTP/1.1 400 This is no HTTPS\r\n\r\n")
            return
        seen = await _read(first, reader)
        while seen.place == KEPT:
            body = seen.answer.whole
            writer.write(b"HTTP/1.1 200 X\r\ncontent-length: %d\r\n\r\n%b" % (len(body), body))
            seen = await self._next(reader)
            self.reused[seen.place] += 1
        place = seen.place
        if seen.is_creation:
            self.created[place].append(seen)
            acts = self.creations[place]
        else:
            self.seen[place].append(seen)
            acts = self.acts[place]
        act = acts.pop(0) if len(acts) > 1 else acts[0]
        peer = Peer(seen, writer)
        answering = asyncio.ensure_future(act(peer))
        leaving = asyncio.ensure_future(_leaves(peer, reader))
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        # Whoever is sent something may be seen to have left by that.
        if not answering.done() or isinstance(answering.exception(), ConnectionError):
            self.left[place] = time.monotonic()
        for task in (answering, leaving):
            task.cancel()
        await asyncio.gather(answering, leaving, return_exceptions=True)

    async def _next(self, reader: asyncio.StreamReader) -> Seen:
        """Return the next request of a connection that is kept; meanwhile nobody is answered."""
        self.busy -= 1
        try:
            first = await reader.readexactly(1)
        finally:
            self.busy += 1
        return await _read(first, reader)


async def _read(first: bytes, reader: asyncio.StreamReader) -> Seen:
    whole_head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    head = whole_head.split("\r\n")
    fields = [line.split(": ", 1) for line in head[1:] if line]
    headers = {name.lower(): value for name, value in fields}
    if headers.get("transfer-encoding") == "chunked":
        body = b"".join([chunk async for chunk in _chunks(reader)])
    else:
        body = await reader.readexactly(int(headers.get("content-length", "0")))
    path = head[0].split(" ")[1]
    return Seen(time.monotonic(), path, headers, _members(path, headers, body), body)


async def _chunks(reader: asyncio.StreamReader) -> AsyncIterator[bytes]:
    while size := int(await reader.readuntil(b"\r\n"), 16):
        yield await reader.readexactly(size)
        await reader.readexactly(2)
    await reader.readexactly(2)


def _members(path: str, headers: dict[str, str], body: bytes) -> dict[str, object]:
    """Return what a request says, in whatever form."""
    if headers.get("content-type", "").startswith("multipart/"):
        found = _MEMBER.findall(body)
        return {name.decode(): value.decode("latin-1") for name, value in found}
    if not body or headers.get("content-type", JSON) != JSON:
        return dict(parse_qsl(urlsplit(path).query))
    members: dict[str, object] = orjson.loads(body)
    return members


async def _leaves(peer: Peer, reader: asyncio.StreamReader) -> None:
    """Return once the other side is gone, or says goodbye."""
    if not peer.seen.is_session:
        await reader.read(1)
        return
    with contextlib.suppress(asyncio.IncompleteReadError):
        while True:
            kind, length = await reader.readexactly(2)
            if kind == _MASKED_CLOSE:
                return
            length &= 0x7F
            if length >= _LONG:
                length = int.from_bytes(await reader.readexactly(2 if length == _LONG else 8))
            await reader.readexactly(_MASK_BYTES + length)
            peer.has_heard.set()


@asynccontextmanager
async def misbehaving(folder: Path) -> AsyncIterator[MisbehavingUpstream]:
    """Run the provider for as long as this lasts; its certificate is kept in a folder."""
    upstream = MisbehavingUpstream()
    server = await asyncio.start_server(upstream.serve, "127.0.0.1", 0)
    upstream.url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    context = Certificate(folder).server()
    untrusted = await asyncio.start_server(upstream.serve, "127.0.0.1", 0, ssl=context)
    upstream.untrusted_url = f"https://127.0.0.1:{untrusted.sockets[0].getsockname()[1]}"
    try:
        yield upstream
    finally:
        for each in (server, untrusted):
            each.close()
            await each.wait_closed()
