"""The HTTP server's bounds: on time, on bytes, on connections, in both directions."""

import asyncio

import pytest
from tests.support.http_peers import (
    GET,
    MIB,
    TEXT,
    Peer,
    Waiting,
    both_loops,
    calling,
    echo,
    post,
    serving,
    until,
)

from conduit_kernel.http import Exchange, Fields, ServerLimits

QUICK = ServerLimits(
    head_seconds=0.15,
    body_seconds=0.15,
    idle_seconds=0.15,
    write_stall_seconds=0.2,
    linger_seconds=0.2,
    sweep_seconds=0.02,
)


@both_loops
async def test_slow_head_and_body_are_refused_and_idle_callers_dropped() -> None:
    """408 inside a request; a silent goodbye where none was begun."""
    async with serving(echo, limits=QUICK) as server:
        async with calling(server) as caller:
            assert (await caller.ask(GET[:10])).status == 408
            assert await caller.ended()
        async with calling(server) as caller:
            assert (await caller.ask(post(b"/", b"abc")[:-1])).status == 408
            assert await caller.ended()
        async with calling(server) as caller:
            assert await caller.ended()
        async with calling(server) as caller:
            assert (await caller.ask(GET)).status == 200
            assert await caller.ended()


@both_loops
async def test_dripping_body_is_refused_and_a_flowing_one_is_not() -> None:
    """What counts is progress: a byte now and then is none, a long upload at a fair pace is."""
    limits = ServerLimits(body_seconds=0.2, body_progress_bytes=1000, sweep_seconds=0.02)
    async with serving(echo, limits=limits) as server:
        async with calling(server) as caller:
            await caller.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\n")
            drip = asyncio.ensure_future(pour(caller, b"x", 5000, 0.02))
            assert (await caller.answer()).status == 408
            drip.cancel()
        async with calling(server) as caller:
            await caller.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 20000\r\n\r\n")
            await pour(caller, b"x" * 1000, 20, 0.03)
            assert (await caller.answer()).status == 200


async def pour(caller: Peer, piece: bytes, times: int, pause: float) -> None:
    """Send a piece again and again."""
    for _ in range(times):
        await caller.send(piece)
        await asyncio.sleep(pause)


@both_loops
async def test_slow_reader_holds_the_handler_back() -> None:
    """A caller that does not read bounds what is written; when it reads, it gets everything."""
    written = 0

    async def handler(exchange: Exchange) -> None:
        nonlocal written
        stream = exchange.start(200, TEXT)
        for _ in range(512):
            stream.write(b"x" * 65_536)
            written += 65_536
            await stream.drain()
        stream.finish()

    async with serving(handler) as server, calling(server, limit=65_536) as caller:
        await caller.send(GET)
        await until(lambda: written)
        await asyncio.sleep(0.2)
        held = written
        # What the two sockets' buffers take is the system's choice.
        assert held < 16 * MIB
        assert len((await caller.answer()).body) == 32 * MIB


@both_loops
async def test_caller_that_reads_nothing_is_cut() -> None:
    """After the stall limit, the handler ends; nothing is kept for the caller."""
    ended = asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        stream = exchange.start(200, TEXT)
        try:
            while True:
                stream.write(b"x" * 65_536)
                await stream.drain()
        finally:
            ended.set()

    async with serving(handler, limits=QUICK) as server, calling(server) as caller:
        await caller.send(GET)
        await until(ended.is_set, seconds=2)
        await until(lambda: server.connections == 0)


@both_loops
async def test_stall_limit_spares_a_caller_that_reads_slowly() -> None:
    """A large answer may take many times the stall limit, as long as some of it is taken."""

    async def handler(exchange: Exchange) -> None:
        exchange.respond(200, TEXT, b"x" * (24 * MIB))

    async with serving(handler, limits=QUICK) as server, calling(server) as caller:
        await caller.send(GET)
        await caller.reader.readuntil(b"\r\n\r\n")
        got = 0
        for _ in range(6):
            got += len(await caller.reader.readexactly(3 * MIB))
            await asyncio.sleep(0.1)
        got += len(await caller.reader.readexactly(6 * MIB))
        assert got == 24 * MIB


@pytest.mark.parametrize("chunked", [False, True])
@both_loops
async def test_too_large_a_body_is_refused_while_it_is_still_coming(chunked: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Callers that send 20 MB before they look still find the 413."""
    framing = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: 20000000"
    handler = Waiting()
    async with serving(handler) as server, calling(server) as caller:
        caller.writer.write(b"POST / HTTP/1.1\r\nHost: x\r\n%b\r\n\r\n" % framing)
        for _ in range(20):
            piece = b"x" * 1_000_000
            await caller.send(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
        answer = await caller.answer()
        assert answer.status == 413
        assert answer.headers["connection"] == "close"
        assert await caller.ended()
    assert handler.started == 0


@both_loops
async def test_too_large_a_body_is_refused_before_it_is_sent() -> None:
    """The announced length is enough, and saves the caller from sending it."""
    async with serving(echo, body_limit=lambda *_: 10) as server, calling(server) as caller:
        head = b"POST / HTTP/1.1\r\nHost: x\r\nExpect: 100-continue\r\nContent-Length: 11\r\n\r\n"
        assert (await caller.ask(head)).status == 413


@both_loops
async def test_lingering_is_bounded() -> None:
    """After a refusal the server listens for a while and so many bytes, not for ever."""
    limits = ServerLimits(linger_bytes=MIB, linger_seconds=0.2, sweep_seconds=0.02)
    async with serving(echo, limits=limits) as server:
        async with calling(server) as caller:
            assert (await caller.ask(b"garbage\r\n\r\n")).status == 400
            with pytest.raises(ConnectionError):
                await pour(caller, b"x" * 65_536, 1_000, 0)
        async with calling(server) as caller:
            assert (await caller.ask(b"garbage\r\n\r\n")).status == 400
            await until(lambda: server.connections == 0)


@both_loops
async def test_refusals_take_the_shape_that_was_asked_for() -> None:
    """Status, code and message reach the renderer, and so does the path where it is known."""
    seen: list[tuple[int, str, str]] = []

    def render(status: int, code: str, _: str, path: str) -> tuple[Fields, bytes]:
        seen.append((status, code, path))
        return TEXT, code.encode()

    async with serving(echo, render_refusal=render) as server:
        for data in (
            b"junk\r\n\r\n",
            b"POST /p?q HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n",
        ):
            async with calling(server) as caller:
                answer = await caller.ask(data)
                assert answer.body == b"MALFORMED_REQUEST"
    assert seen == [(400, "MALFORMED_REQUEST", ""), (400, "MALFORMED_REQUEST", "/p")]


@both_loops
async def test_connections_beyond_the_limit_are_told_so() -> None:
    """503 at once; as soon as one leaves, there is room again."""
    async with serving(echo, limits=ServerLimits(max_connections=1)) as server:
        async with calling(server) as first:
            assert (await first.ask(GET)).status == 200
            async with calling(server) as second:
                assert (await second.answer()).status == 503
        await until(lambda: server.connections == 0)
        async with calling(server) as third:
            assert (await third.ask(GET)).status == 200


@both_loops
async def test_pipelined_requests_wait_in_bounds() -> None:
    """They are answered in order; what waits beyond a bound stays with the caller."""
    handler = Waiting()
    count = 1_000_000
    async with serving(handler) as server, calling(server) as caller:
        sender = asyncio.ensure_future(caller.send(GET * count))
        await until(lambda: handler.started)
        unsent = caller.writer.transport.get_write_buffer_size
        before = 0
        while before != unsent():
            before = unsent()
            await asyncio.sleep(0.1)
        # The rest went to the two sockets' buffers, whose sizes are the system's choice.
        assert unsent() > 8 * MIB
        assert handler.started == 1
        handler.go.set()
        answered = 0
        # Many more than could wait at once.
        while answered < 50_000:
            answered += (await caller.reader.read(65_536)).count(b"HTTP/1.1 200 OK")
        sender.cancel()
        caller.reset()


def begun(size: int, sent: int) -> bytes:
    """Return the head of a request with a body, and so much of that."""
    return b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + b"x" * sent


@both_loops
async def test_bodies_are_bounded_together() -> None:
    """No address takes all the room, others have theirs, and whoever leaves gives it back."""
    room = MIB
    async with serving(echo, limits=ServerLimits(bodies_bytes=room)) as server:
        async with calling(server) as first, calling(server) as second:
            await first.send(begun(700_000, 600_000))
            await until(lambda: server.bodies.left < room - 500_000)
            await second.send(begun(400_000, 399_000))
            assert (await second.answer()).status == 503
            async with calling(server, local_addr=("127.0.0.2", 0)) as other:
                answer = await other.ask(post(b"/", b"y" * 200_000))
                assert answer.body.endswith(b"y" * 200_000)
                # A whole answer is the end of its body, though the connection goes on.
                assert (await other.ask(GET)).status == 200
                assert server.bodies.left < room - 500_000
            await first.send(b"x" * 100_000)
            assert (await first.answer()).status == 200
        await until(lambda: server.connections == 0)
        assert server.bodies.left == room
        async with calling(server) as leaving:
            await leaving.send(begun(700_000, 600_000))
            await until(lambda: server.bodies.left < room - 500_000)
        await until(lambda: server.bodies.left == room)


@both_loops
async def test_bodies_count_until_they_are_answered() -> None:
    """Whoever works on them has them in memory."""
    handler = Waiting()
    async with serving(handler) as server, calling(server) as caller:
        room = server.bodies.left
        await caller.send(post(b"/", b"x" * 300_000))
        await until(lambda: handler.started)
        assert server.bodies.left < room - 200_000
        handler.go.set()
        await caller.answer()
        await until(lambda: server.bodies.left == room)
