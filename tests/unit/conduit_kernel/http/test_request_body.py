"""Requests whose bodies are read as they come, and requests that are refused by their heads."""

import asyncio

import pytest
from tests.support.http_peers import GET, MIB, TEXT, Peer, both_loops, calling, post, serving, until

from conduit_kernel.http import (
    Answer,
    CallerGone,
    Exchange,
    Refusal,
    Request,
    RequestBody,
    ServerLimits,
)

HEAD = b"POST /s HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
CHUNKED = b"POST /s HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
LIMITS = ServerLimits(body_seconds=0.2, body_progress_bytes=1_000, sweep_seconds=0.02)


def streams(_method: str, path: str) -> bool:
    """Say which paths stream: those of /s."""
    return path.startswith("/s")


async def count(exchange: Exchange) -> None:
    """Answer with how many bytes came, and in how many pieces at least."""
    body = exchange.body_stream()
    sizes = [len(piece) async for piece in body]
    assert await body.next() == b""
    exchange.respond(200, TEXT, b"%d %d" % (sum(sizes), min(len(sizes), 2)))


class Stopping:
    """A handler that reads only when it is let, and remembers how it ended."""

    def __init__(self) -> None:
        self.body: RequestBody | None = None
        self.go = asyncio.Event()
        self.got = 0
        self.error: BaseException | None = None

    async def __call__(self, exchange: Exchange) -> None:
        """Wait, read all, answer."""
        self.body = exchange.body_stream()
        try:
            await self.go.wait()
            async for piece in self.body:
                self.got += len(piece)
        except BaseException as error:
            self.error = error
            raise
        exchange.respond(200, TEXT, b"%d" % self.got)


@both_loops
async def test_body_is_read_as_it_comes() -> None:
    """With a length or in chunks, beside whole ones; the connection goes on to the next request."""
    async with serving(count, streams_body=streams) as server, calling(server) as peer:
        for _ in range(2):
            await peer.send(HEAD % 6)
            for piece in (b"abc", b"def"):
                await peer.send(piece)
                await asyncio.sleep(0.01)
            assert (await peer.answer()).body == b"6 2"
            await peer.send(CHUNKED + b"3\r\nabc\r\n")
            await asyncio.sleep(0.01)
            await peer.send(b"2\r\nde\r\n0\r\n\r\n" + post(b"/s", b"whole") + GET)
            assert (await peer.answer()).body == b"5 2"
            assert (await peer.answer()).body == b"5 1"
            assert (await peer.answer()).body == b"0 0"


@both_loops
async def test_large_body_keeps_its_bytes_however_it_is_cut() -> None:
    """Pieces larger and smaller than what the parser is fed with, and requests behind them."""
    async with serving(count, streams_body=streams) as server, calling(server) as peer:
        for size in (20_000, 300_000, 5 * MIB):
            await peer.send(HEAD % size + b"x" * size + post(b"/s", b"next") + post(b"/", b"last"))
            assert (await peer.answer()).body.split()[0] == b"%d" % size
            assert (await peer.answer()).body == b"4 1"
            assert (await peer.answer()).body == b"4 1"


@both_loops
async def test_unread_body_holds_the_caller_back() -> None:
    """What is kept is bounded; reading on brings the rest."""
    handler = Stopping()
    size = 12 * MIB
    async with serving(handler, streams_body=streams) as server, calling(server) as peer:
        sending = asyncio.ensure_future(peer.send(HEAD % size + b"x" * size))
        await until(lambda: handler.body is not None and handler.body.buffered)
        await asyncio.sleep(0.1)
        assert handler.body is not None
        assert handler.body.buffered <= MIB
        assert not sending.done()
        handler.go.set()
        await sending
        assert (await peer.answer()).body == b"%d" % size
        assert (await peer.ask(GET)).status == 200


@pytest.mark.parametrize("chunked", [False, True])
@both_loops
async def test_limit_holds_while_reading(*, chunked: bool) -> None:
    """A length is refused before the handler, chunks while it reads; the caller sees the answer."""
    handler = Stopping()
    handler.go.set()
    limits = ServerLimits(body_bytes=100_000)
    async with (
        serving(handler, streams_body=streams, limits=limits) as server,
        calling(server) as peer,
    ):
        if chunked:
            await peer.send(CHUNKED + b"2710\r\n" + b"x" * 10_000 + b"\r\n")
            await until(lambda: handler.got == 10_000)
            await peer.send(b"30d40\r\n" + b"x" * 200_000 + b"\r\n0\r\n\r\n")
        else:
            await peer.send(HEAD % 200_000 + b"x" * 50_000)
        answer = await peer.answer()
        assert (answer.status, answer.headers["connection"]) == (413, "close")
        assert await peer.ended()
    assert isinstance(handler.error, Refusal) is chunked
    assert handler.got < 150_000


@both_loops
async def test_malformed_rest_of_a_body_is_refused() -> None:
    """Whatever was read before it."""
    handler = Stopping()
    handler.go.set()
    async with serving(handler, streams_body=streams) as server, calling(server) as peer:
        await peer.send(CHUNKED + b"3\r\nabc\r\n")
        await until(lambda: handler.got == 3)
        assert (await peer.ask(b"zz\r\n")).status == 400
        assert await peer.ended()
    assert isinstance(handler.error, Refusal)


@both_loops
async def test_slow_caller_is_given_up_and_slow_handler_is_not() -> None:
    """Windows without progress end the body; time that the handler takes itself does not count."""
    handler = Stopping()
    async with (
        serving(handler, streams_body=streams, limits=LIMITS) as server,
        calling(server) as peer,
    ):
        await peer.send(HEAD % 9_000 + b"x" * 3_000)
        await asyncio.sleep(0.35)
        assert handler.error is None
        handler.go.set()
        for _ in range(3):
            await asyncio.sleep(0.1)
            await peer.send(b"x" * 1_500)
        # From here on it drips.
        for _ in range(6):
            await asyncio.sleep(0.1)
            await peer.send(b"x")
        answer = await peer.answer()
        assert answer.status == 408
        assert await peer.ended()
    assert isinstance(handler.error, Refusal)
    assert 7_500 <= handler.got < 7_510


@both_loops
async def test_caller_that_leaves_ends_the_handler() -> None:
    """The handler is cancelled; another task that reads the body gets CallerGone."""
    bodies: list[RequestBody] = []
    errors: list[BaseException] = []

    async def read(body: RequestBody) -> None:
        try:
            await body.next()
            await body.next()
        except CallerGone as error:
            errors.append(error)

    async def handler(exchange: Exchange) -> None:
        bodies.append(exchange.body_stream())
        reading = asyncio.ensure_future(read(bodies[0]))
        try:
            await asyncio.shield(reading)
        except asyncio.CancelledError as error:
            errors.append(error)
            await reading
            raise

    async with serving(handler, streams_body=streams) as server, calling(server) as peer:
        await peer.send(HEAD % 10 + b"abc")
        await until(lambda: bodies)
        peer.reset()
        await until(lambda: len(errors) == 2)
        assert {type(error) for error in errors} == {CallerGone, asyncio.CancelledError}


@both_loops
async def test_answer_before_the_body_is_whole_is_the_last() -> None:
    """It reaches a caller who is still sending, and what follows is no request."""

    async def handler(exchange: Exchange) -> None:
        await exchange.body_stream().next()
        exchange.respond(403, TEXT, b"no")

    async with serving(handler, streams_body=streams) as server, calling(server) as peer:
        await peer.send(HEAD % (4 * MIB) + b"x" * MIB)
        answer = await peer.answer()
        assert (answer.status, answer.headers["connection"], answer.body) == (403, "close", b"no")
        await peer.send(b"x" * 3 * MIB + GET)
        assert await peer.ended()


@both_loops
async def test_caller_is_told_to_go_on_when_its_body_is_read() -> None:
    """Not before: a handler that refuses need not read it."""
    asked = b"POST /s%b HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nExpect: 100-continue\r\n\r\n"

    async def handler(exchange: Exchange) -> None:
        if exchange.path == "/s-no":
            exchange.respond(401, TEXT, b"no")
            return
        exchange.respond(200, TEXT, b"".join([piece async for piece in exchange.body_stream()]))

    async with serving(handler, streams_body=streams) as server, calling(server) as peer:
        assert (await peer.ask(asked % b"")).status == 100
        assert (await peer.ask(b"abc")).body == b"abc"
        assert (await peer.ask(asked % b"-no")).status == 401
        assert await peer.ended()


def judge(request: Request) -> Answer | None:
    """Let those in that show a key."""
    if b"x-key" in request.fields:
        return None
    return 401, TEXT, b"no key"


@both_loops
async def test_request_is_refused_by_its_head() -> None:
    """Before its body is read, streamed or not; a small one is left to its handler."""
    keyed = HEAD.replace(b"\r\n\r\n", b"\r\nX-Key: k\r\n\r\n")
    for paths in (streams, None):
        async with serving(count, judge_head=judge, streams_body=paths) as server:
            async with calling(server) as peer:
                await _refused(peer)
            async with calling(server) as peer:
                await peer.send(keyed % 5 + b"ab")
                await asyncio.sleep(0.01)
                assert (await peer.ask(b"cde")).status == 200
                assert (await peer.ask(post(b"/s", b"small"))).status == 200


async def _refused(peer: Peer) -> None:
    await peer.send(HEAD % (4 * MIB) + b"x" * MIB)
    answer = await peer.answer()
    assert (answer.status, answer.headers["connection"]) == (401, "close")
    assert answer.body == b"no key"
    assert await peer.ended()
