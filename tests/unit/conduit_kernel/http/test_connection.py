"""The HTTP server against callers that leave, stall, flood, lie and send garbage.

Found here, and fixed:

* a malformed request right behind a good one: the refusal was forgotten and the connection hung.
  Now it is looked for after each answer.
* a handler that takes the connection over: nobody told its end, and the server never emptied. Now
  the handler's return ends it.
* a handler that awaits a cancelled task: the connection was cut without an answer. Now that is
  told apart from a real cancellation.
* a handler that ignores its cancellation: its connection waited for a next request for ever.
* a stream cut for an HTTP/1.0 caller looked whole, as only the connection's end delimits it. Now
  it is cut with a reset.
"""

import asyncio
import random
import sys

import pytest
from tests.support.http_peers import (
    GET,
    MIB,
    TEXT,
    Waiting,
    both_loops,
    calling,
    echo,
    mutated,
    post,
    serving,
    until,
)

from conduit_kernel.http import Answer as Rendered
from conduit_kernel.http import CallerGone, Exchange, Request


@pytest.mark.parametrize("how", ["close", "reset"])
@both_loops
async def test_handler_is_cancelled_when_its_caller_leaves(how: str) -> None:
    """Within half a second, be it with a goodbye or a reset."""
    handler = Waiting()
    errors: list[Exception] = []

    def on_error(_: Request, error: Exception) -> Rendered:
        errors.append(error)
        return 500, TEXT, b""

    async with serving(handler, on_error=on_error) as server, calling(server) as caller:
        await caller.send(GET)
        await until(lambda: handler.started)
        caller.reset() if how == "reset" else caller.writer.close()
        await until(lambda: handler.cancelled, seconds=0.5)
        await until(lambda: server.connections == 0)
    assert not errors


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
async def test_kept_connection_holds_no_request_that_was_answered() -> None:
    """Its body may be large, and the next one may be a long time coming."""
    bodies: list[bytes] = []
    alone = [bytes(1000)]

    async def handler(exchange: Exchange) -> None:
        bodies.append(exchange.body)
        exchange.respond(200, TEXT, b"")

    async with serving(handler) as server, calling(server) as caller:
        for size in (100, 100, MIB, 100):
            assert (await caller.ask(post(b"/", b"x" * size))).status == 200
            await until(lambda: sys.getrefcount(bodies[-1]) == sys.getrefcount(alone[-1]))


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
        await until(done.is_set)


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


BAD = {
    400: b"BAD\r\n\r\n",
    413: b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999\r\n\r\n",
}


@pytest.mark.parametrize("status", BAD)
@both_loops
async def test_malformed_request_behind_good_ones_spoils_only_itself(status: int) -> None:
    """What came before it is answered, in order; then come the refusal and at once the end."""
    async with serving(echo) as server, calling(server) as caller:
        await caller.send(post(b"/1", b"a") + post(b"/2", b"b") + BAD[status])
        assert [(await caller.answer()).body for _ in range(2)] == [b"POST /1 a", b"POST /2 b"]
        assert (await caller.answer()).status == status
        async with asyncio.timeout(1):
            assert await caller.ended()


@both_loops
async def test_garbage_neither_hangs_nor_harms_the_server() -> None:
    """2,000 mutated requests: each is answered or ends, and good requests go on beside them."""
    chance = random.Random(11)  # noqa: S311 - repeatable, not secret
    samples = (
        GET,
        post(b"/a?b", b"hello"),
        b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    )
    async with serving(echo) as server, calling(server) as good:

        async def attack() -> None:
            async with calling(server) as caller:
                caller.writer.write(mutated(chance.choice(samples), chance))
                caller.writer.write_eof()
                await caller.ended()

        for _ in range(100):
            async with asyncio.timeout(5):
                await asyncio.gather(*(attack() for _ in range(20)))
            assert (await good.ask(GET)).status == 200
        await until(lambda: server.connections == 1)


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
        await until(draining.done)


@both_loops
async def test_drain_ends_a_stream_begun_before_it() -> None:
    """Its head promised nothing, its body comes whole, and then the connection ends."""
    go = asyncio.Event()

    async def handler(exchange: Exchange) -> None:
        stream = exchange.start(200, TEXT)
        stream.write(b"before ")
        await go.wait()
        stream.finish(b"after")

    async with serving(handler) as server, calling(server) as caller:
        await caller.send(GET)
        answer = asyncio.ensure_future(caller.answer())
        await until(lambda: server.connections)
        await asyncio.sleep(0.02)
        draining = asyncio.ensure_future(server.drain(5))
        await asyncio.sleep(0)
        go.set()
        assert (await answer).body == b"before after"
        assert await caller.ended()
        await until(draining.done)


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
        assert (await caller.answer()).status == 503
        assert await caller.ended()
