"""The HTTP server against callers that leave, stall, flood, lie and send garbage.

Found here, and fixed:

| fault | what happened | what holds it now |
|---|---|---|
| request and goodbye in one packet | the first request of a connection ran for a caller already gone | checked when its task starts |
| malformed request behind a good one | the refusal was forgotten and the connection hung | looked for after each answer |
| handler takes over the connection | its end was told to nobody and the server never emptied | the handler's return ends it |
| handler awaits a cancelled task | the connection was cut without an answer | told apart from a real cancellation |
"""

import asyncio
import random

import pytest

from conduit_kernel.http import Answer as Rendered
from conduit_kernel.http import CallerGone, Exchange, Fields, Request, ServerLimits

from .http_peers import Caller, both_loops, calling, serving, until

TEXT = ((b"content-type", b"text/plain"),)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
QUICK = ServerLimits(
    head_seconds=0.15,
    body_seconds=0.15,
    idle_seconds=0.15,
    write_stall_seconds=0.2,
    linger_seconds=0.2,
    sweep_seconds=0.02,
)
MIB = 1024 * 1024


def post(path: bytes, body: bytes) -> bytes:
    """A whole POST."""
    return b"POST %b HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%b" % (path, len(body), body)


async def echo(exchange: Exchange) -> None:
    """Answer with what was asked."""
    body = f"{exchange.method} {exchange.path} ".encode() + exchange.body
    exchange.respond(200, TEXT, body)


class Waiting:
    """A handler that answers when told, and remembers how it ended."""

    def __init__(self) -> None:
        self.started = 0
        self.cancelled = 0
        self.go = asyncio.Event()

    async def __call__(self, exchange: Exchange) -> None:
        """Wait, then answer."""
        self.started += 1
        try:
            await self.go.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        exchange.respond(200, TEXT, exchange.path.encode())


@pytest.mark.parametrize("how", ["close", "reset"])
@both_loops
async def test_handler_is_cancelled_when_its_caller_leaves(how: str) -> None:
    """Within half a second, be it with a goodbye or a reset."""
    handler = Waiting()
    async with serving(handler) as server, calling(server) as caller:
        await caller.send(GET)
        await until(lambda: handler.started)
        caller.reset() if how == "reset" else caller.writer.close()
        await until(lambda: handler.cancelled, seconds=0.5)
        await until(lambda: server.connections == 0)


@both_loops
async def test_request_of_a_caller_already_gone_is_not_left_running() -> None:
    """Request and goodbye may arrive together; the handler is then not started, or is cancelled."""
    handler = Waiting()
    async with serving(handler) as server:
        for _ in range(20):
            async with calling(server) as caller:
                caller.writer.write(GET)
                caller.writer.write_eof()
        await until(lambda: server.connections == 0)
        assert handler.started == handler.cancelled


@both_loops
async def test_stream_is_cancelled_when_its_caller_leaves() -> None:
    """Also when the handler ignores its cancellation, writing goes nowhere and drain says why."""
    ends: list[BaseException] = []

    async def handler(exchange: Exchange) -> None:
        stream = exchange.start(200, TEXT)
        stream.write(b"first")
        try:
            await asyncio.sleep(10)
        except asyncio.CancelledError as error:
            ends.append(error)
        stream.write(b"into the void")
        try:
            await stream.drain()
        except CallerGone as error:
            ends.append(error)
        stream.finish()

    async with serving(handler) as server, calling(server) as caller:
        await caller.send(GET)
        await caller.reader.readuntil(b"first")
        caller.writer.close()
        await until(lambda: server.connections == 0)
    assert [type(end) for end in ends] == [asyncio.CancelledError, CallerGone]


@both_loops
async def test_work_after_a_whole_answer_is_not_cancelled() -> None:
    """Once the answer is whole the caller may leave; what the handler still does is its own."""
    go = asyncio.Event()
    done = asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        exchange.respond(200, TEXT, b"ok")
        await go.wait()
        done.set()

    async with serving(handler) as server:
        async with calling(server) as caller:
            assert (await caller.ask(GET)).body == b"ok"
        go.set()
        await asyncio.wait_for(done.wait(), 1)


@both_loops
async def test_half_a_request_is_no_request() -> None:
    """Callers that leave inside a head or a body leave nothing behind."""
    handler = Waiting()
    async with serving(handler) as server:
        for part in (b"", b"GE", GET[:-2], post(b"/", b"abc")[:-1]):
            async with calling(server) as caller:
                await caller.send(part)
        await until(lambda: server.connections == 0)
    assert handler.started == 0


async def broken(exchange: Exchange) -> None:
    """Fail in the way that the path names."""
    match exchange.path:
        case "/raise":
            raise ValueError("secret detail")
        case "/silent":
            return
        case "/cancelled":
            task = asyncio.ensure_future(asyncio.sleep(10))
            task.cancel()
            await task
        case "/inject":
            exchange.respond(200, ((b"x", b"a\r\nset-cookie: b"),), b"")
        case "/begun":
            exchange.start(200, TEXT).write(b"begun")
            raise ValueError("late")
        case "/unfinished":
            exchange.start(200, TEXT).write(b"begun")
        case "/abort":
            stream = exchange.start(200, TEXT)
            stream.write(b"begun")
            stream.abort()
        case "/answered":
            exchange.respond(200, TEXT, b"fine")
            raise ValueError("afterwards")
        case _:
            await echo(exchange)


@both_loops
async def test_failing_handler_becomes_an_answer_and_the_connection_lives() -> None:
    """Before anything was sent, on_error says what the caller gets; the next request works."""
    failures: list[str] = []

    def on_error(request: Request, error: Exception) -> Rendered:
        failures.append(f"{request.path} {type(error).__name__}")
        return 500, TEXT, b"sorry"

    async with serving(broken, on_error=on_error) as server, calling(server) as caller:
        for path in (b"/raise", b"/silent", b"/cancelled", b"/inject"):
            answer = await caller.ask(post(path, b""))
            assert (answer.status, answer.body) == (500, b"sorry")
        assert (await caller.ask(post(b"/answered", b""))).body == b"fine"
        assert (await caller.ask(GET)).status == 200
    assert failures == [
        "/raise ValueError",
        "/silent HttpError",
        "/cancelled HttpError",
        "/inject ValueError",
        "/answered ValueError",
    ]


@both_loops
async def test_failure_is_told_without_details_by_default() -> None:
    """The default answer is JSON and says nothing of the exception."""
    async with serving(broken) as server, calling(server) as caller:
        answer = await caller.ask(post(b"/raise", b""))
    assert answer.status == 500
    assert b'"error"' in answer.body
    assert b"secret" not in answer.body


@pytest.mark.parametrize("path", [b"/begun", b"/unfinished", b"/abort"])
@pytest.mark.parametrize("version", [b"1.1", b"1.0"])
@both_loops
async def test_broken_stream_never_looks_whole(path: bytes, version: bytes) -> None:
    """The connection is cut inside the body: no last chunk; for HTTP/1.0, a reset."""
    async with serving(broken) as server, calling(server) as caller:
        await caller.send(b"GET %b HTTP/%b\r\nHost: x\r\n\r\n" % (path, version))
        got = b""
        try:
            got = await caller.reader.read(10_000)
            while more := await caller.reader.read(10_000):
                got += more
        except ConnectionResetError:
            return
        assert version == b"1.1"
        assert not got.endswith(b"0\r\n\r\n")


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


async def pour(caller: Caller, piece: bytes, times: int, pause: float) -> None:
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
        await asyncio.wait_for(ended.wait(), 2)
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
async def test_malformed_request_behind_good_ones_spoils_only_itself() -> None:
    """What came before it is answered, in order, then comes the refusal."""
    async with serving(echo) as server, calling(server) as caller:
        await caller.send(post(b"/1", b"a") + post(b"/2", b"b") + b"BAD\r\n\r\n")
        assert [(await caller.answer()).body for _ in range(2)] == [b"POST /1 a", b"POST /2 b"]
        assert (await caller.answer()).status == 400
        assert await caller.ended()


@both_loops
async def test_pipelined_requests_wait_in_bounds() -> None:
    """They are answered one at a time and in order; what waits beyond a bound stays with the caller."""
    handler = Waiting()
    count = 1_000_000
    async with serving(handler) as server, calling(server) as caller:
        sender = asyncio.ensure_future(caller.send(GET * count))
        await until(lambda: handler.started)
        await asyncio.sleep(0.1)
        assert handler.started == 1
        assert not sender.done()
        handler.go.set()
        for _ in range(1_000):
            assert (await caller.answer()).status == 200
        sender.cancel()
        caller.reset()


@both_loops
async def test_garbage_neither_hangs_nor_harms_the_server() -> None:
    """2,000 mutated requests: each is answered or ends, and good requests go on beside them."""
    chance = random.Random(11)  # noqa: S311 - repeatable, not secret
    samples = (
        GET,
        post(b"/a?b", b"hello"),
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    )
    async with serving(echo, limits=QUICK) as server, calling(server) as good:

        async def attack() -> None:
            async with calling(server) as caller:
                caller.writer.write(mutated(chance.choice(samples), chance))
                caller.writer.write_eof()
                await caller.ended()

        for _ in range(100):
            await asyncio.wait_for(asyncio.gather(*(attack() for _ in range(20))), 5)
            assert (await good.ask(GET)).status == 200
        await until(lambda: server.connections == 1)


def mutated(data: bytes, chance: random.Random) -> bytes:
    """The data with some bytes changed, dropped or doubled."""
    mutant = bytearray(data)
    for _ in range(chance.randint(1, 5)):
        at = chance.randrange(len(mutant))
        match chance.randrange(3):
            case 0:
                mutant[at] = chance.choice((chance.randrange(256), 10, 13, 32, 58, 0))
            case 1:
                del mutant[at : at + chance.randint(1, 3)]
            case _:
                mutant[at:at] = mutant[at : at + chance.randint(1, 30)]
    return bytes(mutant)


@both_loops
async def test_drain_lets_requests_finish_and_takes_no_more() -> None:
    """Idle callers are sent away, answers under way say goodbye, new callers find nobody."""
    handler = Waiting()
    async with serving(handler) as server, calling(server) as idle, calling(server) as busy:
        handler.go.set()
        await idle.ask(GET)
        handler.go.clear()
        await busy.send(GET)
        await until(lambda: handler.started == 2)
        draining = asyncio.ensure_future(server.drain(5))
        assert await idle.ended()
        with pytest.raises(OSError):  # noqa: PT011 - refused or reset, as the system likes
            await asyncio.open_connection("127.0.0.1", server.port)
        handler.go.set()
        answer = await busy.answer()
        assert answer.headers["connection"] == "close"
        assert await busy.ended()
        await asyncio.wait_for(draining, 1)


@both_loops
async def test_drain_cuts_what_outlasts_its_grace() -> None:
    """Handlers that do not end are cancelled; drain ends in time whatever they do."""
    handler = Waiting()
    async with serving(handler) as server, calling(server) as caller, calling(server) as half:
        await caller.send(GET)
        await half.send(GET[:-2])
        await until(lambda: handler.started)
        started = asyncio.get_running_loop().time()
        await server.drain(0.1)
        assert asyncio.get_running_loop().time() - started < 0.5
        assert handler.cancelled == 1
        assert await caller.ended()
