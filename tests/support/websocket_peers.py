"""The other side of the WebSocket tests: frames as bytes, and bare peers."""

import asyncio
import contextlib
import os
import struct
from collections.abc import AsyncIterator, Awaitable, Callable

import websockets.asyncio.client
import websockets.asyncio.server
from tests.support.http_peers import (
    Peer,
    Script,
    calling,
    until,
)

from conduit_kernel.http import (
    Exchange,
    HttpServer,
)
from conduit_kernel.websocket import (
    WebSocket,
    WebSocketClosed,
    WebSocketLimits,
    accept,
)

HANDSHAKE = (
    b"GET /ws HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)


ACCEPTED = b"s3pPLMBiTxaQ9kYGzzhZRbK+xOo="


MESSAGES: list[str | bytes] = [
    "",
    "text",
    "ü\U0001f600" * 1_000,
    b"",
    b"\0\xff",
    os.urandom(300_000),
]


TEXT, BINARY, CLOSE, PING, PONG = 1, 2, 8, 9, 10


class Listening:
    """A handler that receives, and remembers what and how it ended."""

    def __init__(self, **limits: float) -> None:
        self.limits = WebSocketLimits(**limits)  # type: ignore[arg-type]  # ints among them
        self.got: list[str | bytes] = []
        self.end: WebSocketClosed | None = None
        self.ws: WebSocket | None = None
        self.go = asyncio.Event()
        self.go.set()

    async def __call__(self, exchange: Exchange) -> None:
        """Receive until the end."""
        self.ws = accept(exchange, limits=self.limits)
        try:
            while True:
                await self.go.wait()
                self.got.append(await self.ws.receive())
        except WebSocketClosed as end:
            self.end = end
        finally:
            await self.ws.close()

    async def ended(self, code: int) -> None:
        """Wait for the end; it has this code."""
        await until(lambda: self.end is not None, 10.0)
        assert self.end is not None
        assert self.ws is not None
        await self.ws.wait_closed()
        assert self.end.code == code


def frame(opcode: int, payload: bytes = b"", *, fin: bool = True, masked: bool = True) -> bytes:
    """Write a frame, as a client does."""
    size, mask = len(payload), b"\1\2\3\4" if masked else b""
    flag = 0x80 if masked else 0
    first = bytes([opcode | (0x80 if fin else 0)])
    if size < 126:
        length = bytes([size | flag])
    elif size < 65_536:
        length = struct.pack("!BH", 126 | flag, size)
    else:
        length = struct.pack("!BQ", 127 | flag, size)
    if masked:
        payload = bytes(byte ^ mask[at % 4] for at, byte in enumerate(payload))
    return first + length + mask + payload


async def read_frame(reader: asyncio.StreamReader) -> tuple[int, bytes]:
    """Read an unmasked frame, as a server sends it."""
    first, size = await reader.readexactly(2)
    if size == 126:
        (size,) = struct.unpack("!H", await reader.readexactly(2))
    elif size == 127:
        (size,) = struct.unpack("!Q", await reader.readexactly(8))
    return first & 15, await reader.readexactly(size)


@contextlib.asynccontextmanager
async def shaken(server: HttpServer) -> AsyncIterator[Peer]:
    """Connect as a bare client that has shaken hands."""
    async with calling(server) as peer:
        answer = await peer.ask(HANDSHAKE)
        assert answer.status == 101
        assert answer.headers["sec-websocket-accept"] == ACCEPTED.decode()
        yield peer


def answering(answer: bytes, then: Callable[[Peer], Awaitable[None]] | None = None) -> Script:
    """Make a script that answers the handshake; ``KEY`` in it stands for what proves it right."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        key = head.lower().partition(b"sec-websocket-key: ")[2]
        start = len(head) - len(key)
        proof = websockets.utils.accept_key(head[start : start + 24].decode()).encode()
        writer.write(answer.replace(b"KEY", proof))
        await (then(Peer(reader, writer)) if then else reader.read())

    return script


SWITCH = (
    b"HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
    b"Sec-WebSocket-Accept: KEY\r\n\r\n"
)
