"""A provider that misbehaves on the bytes: what each request to it meets, and what it saw."""

import asyncio
import contextlib
import time
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import NamedTuple

import orjson
from tests.support.http_tls import Certificate

TEXT = "Hello there, world!"
PIECES = ("Hello", " there", ",", " world", "!")
COUNTS = {"prompt_tokens": 3, "completion_tokens": 5, "total_tokens": 8}
# What a connection begins with that is to be secured.
TLS = b"\x16"
EVENTS = "text/event-stream"
JSON = "application/json"


class Seen(NamedTuple):
    """A request, as it arrived."""

    at: float
    path: str
    headers: dict[str, str]
    body: dict[str, object]

    @property
    def is_stream(self) -> bool:
        """Whether events are asked for."""
        return self.body.get("stream") is True


class Peer:
    """Answers one request."""

    def __init__(self, seen: Seen, writer: asyncio.StreamWriter) -> None:
        self.seen = seen
        self._writer = writer

    async def send(self, data: bytes) -> None:
        """Write, by itself."""
        self._writer.write(data)
        await self._writer.drain()
        # Each piece is to arrive alone.
        await asyncio.sleep(0.002)

    async def head(self, status: int = 200, media: str = "", **headers: str) -> None:
        """Write a head whose body ends with the connection."""
        media = media or (EVENTS if self.seen.is_stream else JSON)
        lines = [f"HTTP/1.1 {status} X", f"content-type: {media}", "connection: close"]
        lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
        await self.send("\r\n".join([*lines, "", ""]).encode())

    def reset(self) -> None:
        """End the connection without a goodbye."""
        self._writer.transport.abort()


Act = Callable[[Peer], Awaitable[None]]


def event(delta: dict[str, object], finish: str | None = None) -> bytes:
    """Return an event of a stream."""
    choice = {"index": 0, "delta": delta, "finish_reason": finish}
    chunk = {"id": "c1", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    return b"data: %b\n\n" % orjson.dumps({**chunk, "choices": [choice]})


TOKENS = [event({"content": piece}) for piece in PIECES]
FINISH = event({}, "stop")
USAGE = b"data: %b\n\n" % orjson.dumps({"id": "c1", "choices": [], "usage": COUNTS})
DONE = b"data: [DONE]\n\n"
STREAM = [event({"role": "assistant", "content": ""}), *TOKENS, FINISH, USAGE, DONE]


def whole(path: str) -> bytes:
    """Return the answer to a request at a path."""
    if path.endswith("/embeddings"):
        data = [{"object": "embedding", "index": 0, "embedding": [0.5, 0.25]}]
        answer: dict[str, object] = {"object": "list", "model": "m", "data": data, "usage": COUNTS}
    else:
        message = {"role": "assistant", "content": TEXT}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        answer = {"id": "c1", "object": "chat.completion", "created": 1, "model": "m"}
        answer |= {"choices": [choice], "usage": COUNTS}
    return orjson.dumps(answer)


class MisbehavingUpstream:
    """Meets each request to a place with the place's next act; the last one stays."""

    def __init__(self) -> None:
        self.url = ""
        # The same behind a certificate that nobody trusts.
        self.untrusted_url = ""
        self.acts: dict[str, list[Act]] = {}
        self.seen: dict[str, list[Seen]] = defaultdict(list)
        # Those that are being answered, and when the other side left one, by place.
        self.busy = 0
        self.left: dict[str, float] = {}

    def play(self, place: str, acts: Sequence[Act]) -> str:
        """Meet requests to a place so; return its base URL."""
        self.acts[place] = list(acts)
        return f"{self.url}/{place}/v1"

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer the request of a connection, and end it."""
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
        whole_head = (first + await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
        head = whole_head.split("\r\n")
        headers = dict(line.lower().split(": ", 1) for line in head[1:] if line)
        body = await reader.readexactly(int(headers.get("content-length", "0")))
        path = head[0].split(" ")[1]
        place = path.split("/v1/")[0].strip("/")
        seen = Seen(time.monotonic(), path, headers, orjson.loads(body or b"{}"))
        self.seen[place].append(seen)
        acts = self.acts[place]
        act = acts.pop(0) if len(acts) > 1 else acts[0]
        answering = asyncio.ensure_future(act(Peer(seen, writer)))
        leaving = asyncio.ensure_future(reader.read(1))
        await asyncio.wait({answering, leaving}, return_when=asyncio.FIRST_COMPLETED)
        # Whoever is sent something may be seen to have left by that.
        if not answering.done() or isinstance(answering.exception(), ConnectionError):
            self.left[place] = time.monotonic()
        for task in (answering, leaving):
            task.cancel()
        await asyncio.gather(answering, leaving, return_exceptions=True)


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


async def good(peer: Peer) -> None:
    """Answer as one should."""
    if peer.seen.is_stream:
        await peer.head()
        for each in STREAM:
            await peer.send(each)
    else:
        body = whole(peer.seen.path)
        await peer.head(content_length=str(len(body)))
        await peer.send(body)


def status(code: int, error: dict[str, object] | None = None, **headers: str) -> Act:
    """Refuse, in OpenAI's words."""

    async def act(peer: Peer) -> None:
        await peer.head(code, JSON, **headers)
        await peer.send(orjson.dumps({"error": error or {"message": "as the test says"}}))

    return act


def body(content: bytes, media: str = JSON, code: int = 200) -> Act:
    """Answer with these bytes, whatever was asked for."""

    async def act(peer: Peer) -> None:
        await peer.head(code, media)
        await peer.send(content)

    return act


def stream(*events: bytes, then: str = "close") -> Act:
    """Answer with these events, or with a part of a whole answer; then close, reset or stall."""

    async def act(peer: Peer) -> None:
        await peer.head()
        parts = events if peer.seen.is_stream else [whole(peer.seen.path)[:-20]]
        for each in parts:
            await peer.send(each)
        if then == "reset":
            peer.reset()
        elif then == "stall":
            await asyncio.sleep(0.15)
        elif then == "hang":
            await asyncio.Event().wait()

    return act


async def reset(peer: Peer) -> None:
    """End the connection before a head."""
    peer.reset()


async def silence(_peer: Peer) -> None:
    """Take the request, and say nothing."""
    await asyncio.Event().wait()


async def slow_head(peer: Peer) -> None:
    """Send a head byte by byte, without an end."""
    await peer.send(b"HTTP/1.1 200 OK\r\nx: ")
    while True:
        await peer.send(b"x")
        await asyncio.sleep(0.02)


async def slow_first_token(peer: Peer) -> None:
    """Send a head at once, and nothing behind it."""
    await peer.head()
    await asyncio.Event().wait()


async def slow_drip(peer: Peer) -> None:
    """Send all of a good answer in small pieces."""
    await peer.head()
    content = b"".join(STREAM) if peer.seen.is_stream else whole(peer.seen.path)
    for start in range(0, len(content), 40):
        await peer.send(content[start : start + 40])


async def endless(peer: Peer) -> None:
    """Send tokens without an end."""
    await peer.head()
    while True:
        await peer.send(TOKENS[0])
