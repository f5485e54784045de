"""WebSockets against peers that break frames, vanish, hold back and flood."""

import asyncio
import contextlib
import random
import struct

import pytest
from tests.support.http_peers import (
    FIRM,
    MIB,
    Peer,
    both_loops,
    client,
    serving,
    until,
    upstream,
)
from tests.support.websocket_peers import (
    BINARY,
    CLOSE,
    PING,
    PONG,
    SWITCH,
    TEXT,
    Listening,
    answering,
    frame,
    read_frame,
    shaken,
)

from conduit_kernel.http import (
    Exchange,
)
from conduit_kernel.websocket import (
    WebSocketClosed,
    WebSocketLimits,
    accept,
    connect,
)

BROKEN: dict[str, tuple[bytes, int]] = {
    "not UTF-8": (frame(TEXT, b"\xff"), 1007),
    "not UTF-8 in pieces": (frame(TEXT, b"\xc3", fin=False) + frame(0, b"("), 1007),
    "too large": (frame(BINARY, b"x" * 2_001), 1009),
    "too large in pieces": (frame(BINARY, b"x" * 1_500, fin=False) + frame(0, b"x" * 501), 1009),
    "too large by its head": (frame(BINARY, b"x" * 70_000)[:14], 1009),
    "unmasked": (frame(TEXT, b"a", masked=False), 1002),
    "reserved bit": (b"\xc1\x80\1\2\3\4", 1002),
    "reserved opcode": (frame(3), 1002),
    "large ping": (frame(PING, b"x" * 126), 1002),
    "ping in pieces": (frame(PING, b"x", fin=False), 1002),
    "nothing to continue": (frame(0, b"x"), 1002),
    "a second beginning": (frame(TEXT, b"a", fin=False) + frame(TEXT, b"b"), 1002),
    "goodbye of one byte": (frame(CLOSE, b"x"), 1002),
    "goodbye with no such code": (frame(CLOSE, struct.pack("!H", 1005)), 1002),
    "goodbye that is not UTF-8": (frame(CLOSE, struct.pack("!H", 1000) + b"\xff"), 1007),
}


@pytest.mark.parametrize(("sent", "code"), BROKEN.values(), ids=BROKEN)
@both_loops
async def test_broken_frames_end_the_connection(sent: bytes, code: int) -> None:
    """With the code that says why; what was whole before is received."""
    handler = Listening(message_bytes=2_000)
    async with serving(handler) as server, shaken(server) as peer:
        await peer.send(frame(TEXT, b"whole") + sent)
        opcode, payload = await read_frame(peer.reader)
        assert (opcode, struct.unpack("!H", payload[:2])[0]) == (CLOSE, code)
        assert await peer.reader.read() == b""
        await peer.send(frame(TEXT, b"late"))
        peer.writer.close()
        await handler.ended(code)
        assert handler.got == ["whole"]


@both_loops
async def test_what_comes_with_what_breaks_the_connection_is_not_heard() -> None:
    """Text that is none, and a message behind it in the same piece."""
    handler = Listening()
    async with serving(handler) as server, shaken(server) as peer:
        await peer.send(frame(TEXT, b"before") + frame(TEXT, b"\xff") + frame(TEXT, b"behind"))
        opcode, payload = await read_frame(peer.reader)
        assert (opcode, struct.unpack("!H", payload[:2])[0]) == (CLOSE, 1007)
        peer.writer.close()
        await handler.ended(1007)
        assert handler.got == ["before"]


@pytest.mark.parametrize("seed", range(3))
@both_loops
async def test_messages_are_the_same_wherever_their_bytes_are_cut(seed: int) -> None:
    """Whole frames, parts of them, several at once, messages in pieces, and pings among them."""
    chance = random.Random(seed)  # noqa: S311 # the same for each seed
    said: list[str | bytes] = []
    # Many begin where a frame does.
    pieces = [b""]
    for number in range(40):
        text = f"{number} " + "x" * chance.choice((0, 3, 120, 200, 3_000, 66_000))
        cut = chance.randrange(len(text))
        said.append(text)
        pieces[-1] += chance.choice(
            (
                frame(TEXT, text.encode()),
                frame(TEXT, text.encode()),
                frame(TEXT, text[:cut].encode(), fin=False) + frame(0, text[cut:].encode()),
                frame(PING, b"?") + frame(TEXT, text.encode()),
            )
        )
        if chance.random() < 0.7:  # most
            pieces.append(b"")
    handler = Listening()
    async with serving(handler) as server, shaken(server) as peer:
        for piece in pieces:
            cut = chance.choice((len(piece), len(piece), chance.randrange(len(piece) + 1)))
            for part in (piece[:cut], piece[cut:]):
                await peer.send(part)
                for _ in range(3):
                    await asyncio.sleep(0)
        await until(lambda: len(handler.got) == len(said))
        assert handler.got == said
        peer.writer.close()


@both_loops
async def test_a_message_that_holds_a_frame_is_one_message() -> None:
    """Though that frame is all that a read brings: nobody speaks for the peer."""
    forged = frame(TEXT, b"forged")
    hidden = bytes(byte ^ b"\1\2\3\4"[at % 4] for at, byte in enumerate(bytes(8) + forged))
    whole = frame(BINARY, hidden)
    handler = Listening()
    async with serving(handler) as server, shaken(server) as peer:
        for piece in (frame(TEXT, b"first"), whole[: -len(forged)], forged, frame(TEXT, b"last")):
            await peer.send(piece)
            await asyncio.sleep(0.02)
        await until(lambda: len(handler.got) == 3)
        assert handler.got == ["first", hidden, "last"]
        peer.writer.close()


@both_loops
async def test_a_message_within_another_is_broken_in_reads_of_their_own_too() -> None:
    """The second one is whole, and would be the usual one elsewhere."""
    handler = Listening()
    async with serving(handler) as server, shaken(server) as peer:
        await peer.send(frame(TEXT, b"a", fin=False))
        await asyncio.sleep(0.02)
        await peer.send(frame(TEXT, b"b"))
        opcode, payload = await read_frame(peer.reader)
        assert (opcode, struct.unpack("!H", payload[:2])[0]) == (CLOSE, 1002)
        peer.writer.close()
        await handler.ended(1002)
        assert not handler.got


@both_loops
async def test_goodbye_in_the_middle_of_a_message_is_no_message() -> None:
    """Nor is it a clean end."""
    handler = Listening()
    async with serving(handler) as server, shaken(server) as peer:
        await peer.send(frame(TEXT, b"a", fin=False) + frame(CLOSE, struct.pack("!H", 1000)))
        assert (await read_frame(peer.reader))[0] == CLOSE
        peer.writer.close()
        await until(lambda: handler.end is not None)
        assert not handler.got


@pytest.mark.parametrize("way", ["reset", "close", "half-close"])
@both_loops
async def test_peer_that_vanishes_ends_the_connection(way: str) -> None:
    """Inside a message; code 1006."""
    handler = Listening()
    async with serving(handler) as server, shaken(server) as peer:
        await peer.send(frame(TEXT, b"a", fin=False))
        await until(lambda: handler.ws is not None)
        if way == "reset":
            peer.reset()
        elif way == "close":
            peer.writer.close()
        else:
            peer.writer.write_eof()
        await handler.ended(1006)
        assert not handler.got


@both_loops
async def test_silent_peer_is_pinged_and_given_up() -> None:
    """One that answers stays."""
    handler = Listening(ping_seconds=0.1, close_seconds=0.2)
    async with serving(handler) as server, shaken(server) as peer:
        for _ in range(3):
            assert await read_frame(peer.reader) == (PING, b"")
            assert handler.end is None
            await peer.send(frame(PONG))
        assert await read_frame(peer.reader) == (PING, b"")
        await handler.ended(1006)
        # However often it was pinged meanwhile.
        await peer.reader.read()


@both_loops
async def test_peer_that_does_not_say_goodbye_is_cut() -> None:
    """In bounds."""
    handler = Listening(close_seconds=0.1)
    async with serving(handler) as server, shaken(server) as peer:
        await until(lambda: handler.ws is not None)
        assert handler.ws is not None
        await handler.ws.close(1001, "going")
        assert await read_frame(peer.reader) == (CLOSE, struct.pack("!H", 1001) + b"going")
        assert await peer.ended()


@both_loops
async def test_who_receives_can_be_woken() -> None:
    """Once for each time, before what has come; who only receives goes on."""
    got: list[str | bytes | None] = []

    async def handler(exchange: Exchange) -> None:
        socket = accept(exchange)
        waiting = asyncio.ensure_future(socket.receive_or_wake())
        await asyncio.sleep(0)
        socket.wake()
        got.append(await waiting)
        got.append(await socket.receive_or_wake())
        socket.wake()
        got.append(await socket.receive())
        with contextlib.suppress(WebSocketClosed):
            await socket.receive()
        await socket.close()

    async with serving(handler) as server, shaken(server) as peer:
        await until(lambda: got == [None], 10.0)
        await peer.send(frame(TEXT, b"a") + frame(TEXT, b"b"))
        await until(lambda: got == [None, "a", "b"], 10.0)


@both_loops
async def test_unreceived_messages_hold_the_peer_back() -> None:
    """Empty ones too; receiving brings the rest."""
    handler = Listening(close_seconds=0.2)
    handler.go.clear()
    sent = frame(BINARY, b"x" * 60_000) * 200 + frame(TEXT) * 20_000
    async with serving(handler) as server, shaken(server) as peer:
        sending = asyncio.ensure_future(peer.send(sent + frame(CLOSE, struct.pack("!H", 1000))))
        await asyncio.sleep(0.3)
        assert not sending.done()
        handler.go.set()
        await sending
        await until(lambda: handler.end is not None, 10.0)
        assert len(handler.got) == 20_200


@both_loops
async def test_peer_that_takes_nothing_is_given_up() -> None:
    """Senders wait, in bounds; pings that want answers are left unread."""
    sent = 0

    async def handler(exchange: Exchange) -> None:
        nonlocal sent
        ws = accept(exchange, limits=WebSocketLimits(write_stall_seconds=0.2))
        with contextlib.suppress(WebSocketClosed):
            while True:
                await ws.send(b"x" * 65_536)
                sent += 65_536

    async with serving(handler) as server, shaken(server) as peer:
        peer.hold()
        await until(lambda: server.connections == 0, 3.0)
        assert 0 < sent < 32 * MIB


@both_loops
async def test_flood_of_pings_is_answered_no_faster_than_it_is_read() -> None:
    """The answers to it do not fill the memory."""
    handler = Listening(write_stall_seconds=0.3)
    flood = frame(PING, b"x" * 125) * 400_000
    async with serving(handler) as server, shaken(server) as peer:
        peer.hold()
        sending = asyncio.ensure_future(peer.send(flood))
        await until(lambda: handler.ws is not None)
        assert handler.ws is not None
        ws = handler.ws
        await until(ws.transport.get_write_buffer_size, 10.0)
        assert ws.transport.get_write_buffer_size() < 2 * MIB
        await handler.ended(1006)
        peer.writer.transport.abort()
        await asyncio.gather(sending, return_exceptions=True)


@pytest.mark.parametrize(
    ("sent", "code"),
    [
        (b"", 1006),
        (frame(TEXT, b"a", masked=False)[:2], 1006),
        (frame(TEXT, b"a"), 1002),
        (frame(TEXT, b"\xff", masked=False), 1007),
        (frame(CLOSE, struct.pack("!H", 4001) + b"why", masked=False), 4001),
    ],
    ids=["nothing", "cut in a frame", "masked", "not UTF-8", "goodbye"],
)
@pytest.mark.parametrize("at_once", [True, False])
@both_loops
async def test_client_hears_how_a_server_ends(sent: bytes, code: int, *, at_once: bool) -> None:
    """In one piece with the handshake or later."""

    async def then(peer: Peer) -> None:
        if not at_once:
            await asyncio.sleep(0.02)
            await peer.send(sent)
        if code != 1006:
            await peer.reader.read()

    script = answering(SWITCH + sent if at_once else SWITCH, then)
    limits = WebSocketLimits(close_seconds=0.2)
    async with upstream(script) as peer, client() as http:
        ws = await connect(http, peer.origin, "/", timeouts=FIRM, limits=limits)
        with pytest.raises(WebSocketClosed) as caught:
            await ws.receive()
        assert caught.value.code == code
        await ws.close()
