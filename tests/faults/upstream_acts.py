"""What a misbehaving provider does with a request, in order and out of it."""

import asyncio
import struct
import zlib

import orjson
from tests.faults.answer import FRAMES
from tests.faults.misbehaving_upstream import Act, Peer
from tests.faults.upstream_answers import JSON

from conduit_providers.codec import MAX_EVENT_BYTES

STALL_SECONDS = 0.15
DRIP_BYTES = 40


async def good(peer: Peer) -> None:
    """Answer as one should."""
    if peer.seen.is_stream:
        await peer.begin()
        for each in peer.seen.answer.pieces:
            await peer.send(each)
        await peer.finish()
    else:
        body = peer.seen.answer.whole
        await peer.head(200, JSON, content_length=str(len(body)))
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


def broken(place: int, *odd: bytes, then: str = "close", is_resumed: bool = False) -> Act:
    """Answer until a place of a stream, and with odd events; a whole answer is cut.

    Behind them the rest follows, or the end: close, reset, stall or hang.
    """

    async def act(peer: Peer) -> None:
        answer = peer.seen.answer
        before = answer.until(place)
        parts = [*before, *odd]
        if is_resumed:
            parts += answer.pieces[len(before) :]
        await _send(peer, parts, then)

    return act


async def oversized(peer: Peer) -> None:
    """Begin an answer, and go on with an event that is larger than any is taken."""
    answer = peer.seen.answer
    begin = b"data: "
    if answer.media == FRAMES:
        # Its length, that of its headers, and the sum of both.
        begin = struct.pack(">II", 2 * MAX_EVENT_BYTES, 0)
        begin += struct.pack(">I", zlib.crc32(begin))
    await _send(peer, [*answer.until(3), begin + b"x" * (MAX_EVENT_BYTES + 1)], "close")


def cut_inside(place: int) -> Act:
    """Answer with less than the whole event at a place."""

    async def act(peer: Peer) -> None:
        *before, last = peer.seen.answer.until(place)
        await _send(peer, [*before, last[:30]], "close")

    return act


def malformed(place: int, times: int = 1) -> Act:
    """Answer with so many events at a place that nobody can read, and then with the rest."""

    async def act(peer: Peer) -> None:
        odd = [peer.seen.answer.malformed] * times
        await broken(place, *odd, is_resumed=True)(peer)

    return act


def failing(place: int) -> Act:
    """Answer until a place of a stream, and then with a failure in the dialect's own words."""

    async def act(peer: Peer) -> None:
        answer = peer.seen.answer
        await _send(peer, [*answer.until(place), answer.failure], "close")

    return act


def stream(*events: bytes, then: str = "close") -> Act:
    """Answer with these events, or with a part of a whole answer; then as `broken`."""

    async def act(peer: Peer) -> None:
        await _send(peer, events, then)

    return act


async def _send(peer: Peer, parts: "list[bytes] | tuple[bytes, ...]", then: str) -> None:
    await peer.begin()
    for each in parts if peer.seen.is_stream else [peer.seen.answer.whole[:-20]]:
        await peer.send(each)
    if then == "reset":
        peer.reset()
    elif then == "stall":
        await asyncio.sleep(STALL_SECONDS)
    elif then == "hang":
        await asyncio.Event().wait()


async def reset(peer: Peer) -> None:
    """End the connection before a head."""
    peer.reset()


async def no_http(peer: Peer) -> None:
    """Answer in another protocol."""
    await peer.write(b"SSH-2.0-OpenSSH_9.6\r\n")


async def broken_chunks(peer: Peer) -> None:
    """Begin an answer in chunks, and go on with what is none."""
    answer = peer.seen.answer
    await peer.write(b"HTTP/1.1 200 X\r\ncontent-type: %b\r\n" % answer.media.encode())
    await peer.write(b"transfer-encoding: chunked\r\n\r\n")
    begun = b"".join(answer.until(3)) if peer.seen.is_stream else answer.whole[:-20]
    await peer.write(b"%x\r\n%b\r\n" % (len(begun), begun))
    await peer.write(b"no size\r\n")


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
    await peer.begin()
    await asyncio.Event().wait()


async def slow_drip(peer: Peer) -> None:
    """Send all of a good answer in small pieces."""
    await peer.begin()
    answer = peer.seen.answer
    content = b"".join(answer.pieces) if peer.seen.is_stream else answer.whole
    for start in range(0, len(content), DRIP_BYTES):
        await peer.send(content[start : start + DRIP_BYTES])
    await peer.finish()


async def signs_of_life(peer: Peer) -> None:
    """Send a token, and comments without an end."""
    await peer.begin()
    for each in peer.seen.answer.until(2):
        await peer.send(each)
    while True:
        await peer.send(b": at work\n\n")
        await asyncio.sleep(0.05)


def pings(place: int) -> Act:
    """Answer until a place of a stream, and then with events that say nothing."""

    async def act(peer: Peer) -> None:
        await peer.begin()
        for each in peer.seen.answer.until(place):
            await peer.send(each)
        while True:
            await peer.send(peer.seen.answer.ping)
            # Many bytes in a short time are taken for those of a large event.
            await asyncio.sleep(0.2)

    return act


async def endless(peer: Peer) -> None:
    """Send the first thing that is said again and again."""
    await peer.begin()
    while True:
        await peer.send(peer.seen.answer.until(2)[-1])
