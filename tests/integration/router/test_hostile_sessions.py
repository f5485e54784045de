"""Callers who speak no WebSocket, or much of it, over HTTP: their sessions end, others go on."""

import asyncio
import struct
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import pytest_asyncio
from tests.integration.router.conftest import Runner
from tests.integration.router.media_gateway import MediaProvider, media_gateway, session
from tests.support.session_upstream import created, event, holding
from tests.support.snapshots import VIRTUAL_KEY
from tests.support.waiting import eventually

from conduit_kernel.websocket import WebSocket, WebSocketClosed

TEXT, BINARY, PING, CLOSE = 0x81, 0x82, 0x89, 0x88
_CLOSED = 8
MASK = b"\1\2\3\4"


def frame(
    first: int, data: bytes = b"", *, length: int | None = None, masked: bool = True
) -> bytes:
    """Write a frame; `length` is what its head says."""
    size = len(data) if length is None else length
    mark = 0x80 if masked else 0
    if size < 126:
        head = bytes([first, mark | size])
    elif size < 1 << 16:
        head = bytes([first, mark | 126]) + struct.pack(">H", size)
    else:
        head = bytes([first, mark | 127]) + struct.pack(">Q", size)
    if not masked:
        return head + data
    return head + MASK + bytes(each ^ MASK[n % 4] for n, each in enumerate(data))


CLEAR = b'{"type":"input_audio_buffer.clear"}'
ATTACKS: dict[str, tuple[bytes, int]] = {
    "without a mask": (frame(TEXT, CLEAR, masked=False), 1002),
    "of more bytes than there are": (frame(TEXT, b"x", length=1 << 62), 1009),
    "a ping in pieces": (frame(0x09, b"x"), 1002),
    "a ping too long": (frame(PING, b"x" * 126), 1002),
    "reserved bits": (frame(TEXT | 0x40, CLEAR), 1002),
    "an opcode that there is not": (frame(0x83, CLEAR), 1002),
    "a piece of nothing": (frame(0x80, CLEAR), 1002),
    "a message within another": (frame(0x01, b"{") + frame(TEXT, CLEAR), 1002),
    "a goodbye of one byte": (frame(CLOSE, b"\3"), 1002),
    "a goodbye with a code that nobody sends": (frame(CLOSE, b"\3\xed"), 1002),
    "text that is none": (frame(TEXT, b"\xff\xfe"), 1007),
    "bytes": (frame(BINARY, CLEAR), 1003),
}


@pytest.fixture
def upstream() -> MediaProvider:
    """Return the provider."""
    return MediaProvider()


@pytest_asyncio.fixture
async def url(bench: Runner, upstream: MediaProvider, tmp_path: Path) -> AsyncIterator[str]:
    """Run the gateway; return its address."""
    async with media_gateway(upstream, bench, tmp_path) as found:
        yield found


class Ended:
    """Holds sessions, and counts those that have ended, with what was heard."""

    def __init__(self) -> None:
        self.heard: list[Any] = []
        self.count = 0

    async def __call__(self, socket: WebSocket) -> None:
        """Hold one."""
        try:
            await socket.send(created())
            while True:
                self.heard.append(await socket.receive())
                await socket.send(event("input_audio_buffer.cleared"))
        except WebSocketClosed:
            pass
        finally:
            self.count += 1


async def raw(url: str, sent: bytes) -> AsyncIterator[tuple[int, bytes]]:
    """Shake hands, send bytes, and yield the frames that come: opcodes and contents."""
    host, _, port = url.removeprefix("http://").removesuffix("/v1").partition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    head = (
        "GET /v1/realtime?model=gpt-realtime HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\n"
        "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
        f"Authorization: Bearer {VIRTUAL_KEY}\r\n\r\n"
    )
    writer.write(head.encode())
    assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 101")
    writer.write(sent)
    try:
        while True:
            first, size = await reader.readexactly(2)
            if size == 126:
                (size,) = struct.unpack(">H", await reader.readexactly(2))
            opcode, content = first & 0x0F, await reader.readexactly(size)
            if opcode == _CLOSED:
                writer.write(frame(CLOSE, content))
            yield opcode, content
    except (asyncio.IncompleteReadError, ConnectionError):
        return
    finally:
        writer.close()


@pytest.mark.parametrize("name", ATTACKS)
async def test_a_frame_that_is_none_ends_its_session_alone(
    url: str, upstream: MediaProvider, name: str
) -> None:
    """With a code that says why, at the provider as well; the next session is held."""
    sent, code = ATTACKS[name]
    ended = Ended()
    upstream.session = holding(ended)
    async with asyncio.timeout(20):
        frames = [each async for each in raw(url, sent)]
    opcode, content = frames[-1]
    assert (opcode, int.from_bytes(content[:2])) == (_CLOSED, code), frames

    async def is_over() -> bool:
        return ended.count == 1

    await eventually(is_over)
    async with asyncio.timeout(20), session(url) as socket:
        assert orjson.loads(await socket.recv())["type"] == "session.created"


async def test_a_flood_of_events_passes_in_order_and_bounds(
    url: str, upstream: MediaProvider
) -> None:
    """Small events by the thousand, pings among them, and pieces with nothing in them."""
    ended, count = Ended(), 3000
    upstream.session = holding(ended)
    many = frame(TEXT, CLEAR) + frame(PING, b"p")
    pieces = frame(0x01) + frame(0x00) * 5000 + frame(0x80, CLEAR)
    taken = 0
    async with asyncio.timeout(60):
        async for opcode, _ in raw(url, many * count + pieces):
            taken += opcode == 1
            if taken == count + 2:
                break
    assert [each for each in ended.heard if each != CLEAR.decode()] == []
    assert len(ended.heard) == count + 1
