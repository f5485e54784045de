"""The HTTP server as a whole: where it listens, and that it ends."""

import asyncio
import contextlib
import socket

import pytest
from tests.support.http_peers import GET, TEXT, Waiting, both_loops, calling, echo, serving, until

from conduit_kernel.http import Exchange, HttpServer, ServerLimits
from conduit_kernel.http.server import answer_plainly
from conduit_kernel.trusted_proxies import read_trusted_proxies


def test_making_a_server_does_nothing_yet() -> None:
    """So one is made where no loop runs."""
    assert HttpServer(echo).port == 0


@both_loops
async def test_a_server_that_was_never_started_has_nothing_to_drain() -> None:
    """Whoever fails before the start ends what there is, all the same."""
    server = HttpServer(echo)
    await server.drain(1.0)
    assert server.draining


@both_loops
async def test_an_address_that_cannot_be_had_is_an_error_of_the_system() -> None:
    """As with a port that is taken; the server can still be drained."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        server = HttpServer(echo)
        with pytest.raises(OSError, match="in use"):
            await server.start("127.0.0.1", taken.getsockname()[1])
        assert server.port == 0
        await server.drain(0.1)


@both_loops
async def test_workers_listen_together_only_if_all_of_them_share() -> None:
    """A second server would otherwise take half of another's callers."""
    first, second = HttpServer(echo), HttpServer(echo)
    await first.start("127.0.0.1", 0, reuse_port=True)
    await second.start("127.0.0.1", first.port, reuse_port=True)
    assert second.port == first.port
    with pytest.raises(OSError, match="in use"):
        await HttpServer(echo).start("127.0.0.1", first.port)
    await first.drain(0.1)
    await second.drain(0.1)


@both_loops
async def test_a_drained_server_listens_no_more() -> None:
    """Its address is free at once."""
    async with serving(echo) as server, calling(server) as caller:
        await caller.ask(GET)
        await server.drain(0.5)
        assert await caller.ended()
        assert server.connections == 0
        with pytest.raises(ConnectionRefusedError):
            await asyncio.get_running_loop().create_connection(
                asyncio.Protocol, "127.0.0.1", server.port
            )


@both_loops
async def test_connections_are_counted_while_they_are_open() -> None:
    """Idle ones, too."""
    async with serving(echo) as server:
        async with calling(server), calling(server):
            await until(lambda: server.connections == 2)
        await until(lambda: server.connections == 0)


@both_loops
async def test_draining_ends_within_its_grace() -> None:
    """A handler that is still at work then is cancelled."""
    handler = Waiting()
    async with serving(handler) as server, calling(server) as caller:
        await caller.send(GET)
        await until(lambda: handler.started)
        async with asyncio.timeout(0.5):
            await server.drain(0.01)
        assert handler.cancelled == 1


@both_loops
async def test_a_request_that_outlasts_a_drain_may_be_sent_elsewhere() -> None:
    """It is told so, whatever is under way beside it; its connection ends in good order."""
    handler = Waiting()
    async with serving(handler) as server, calling(server) as first, calling(server) as second:
        for caller in (first, second):
            await caller.send(GET)
        await until(lambda: handler.started == 2)
        await server.drain(0.01)
        for caller in (first, second):
            answer = await caller.answer()
            assert (answer.status, answer.headers["retry-after"]) == (503, "1")
            assert answer.headers["connection"] == "close"
            assert await caller.ended()
        assert handler.cancelled == 2


@both_loops
async def test_an_answer_that_has_begun_is_cut_at_a_drains_end() -> None:
    """It cannot look whole."""

    async def begin(exchange: Exchange) -> None:
        exchange.start(200, TEXT).write(b"some")
        await asyncio.Event().wait()

    async with serving(begin) as server, calling(server) as caller:
        await caller.send(GET)
        assert b"some" in await caller.reader.readuntil(b"some")
        await server.drain(0.01)
        with contextlib.suppress(ConnectionResetError):
            assert b"0\r\n" not in await caller.reader.read()


@both_loops
async def test_a_server_takes_no_more_than_its_connections() -> None:
    """One over the limit hears so, and makes room by leaving."""
    async with serving(echo, limits=ServerLimits(max_connections=1)) as server:
        async with calling(server) as first:
            assert (await first.ask(GET)).status == 200
            async with calling(server) as second:
                assert (await second.answer()).status == 503
            assert (await first.ask(GET)).status == 200
        await until(lambda: not server.connections)
        async with calling(server) as third:
            assert (await third.ask(GET)).status == 200


def test_a_failure_is_answered_without_its_details() -> None:
    """Where nobody said how, whatever was raised stays inside."""
    status, fields, body = answer_plainly(object(), ValueError("secret"))  # type: ignore[arg-type] # unread
    assert (status, dict(fields)) == (500, {b"content-type": b"application/json"})
    assert b"INTERNAL" in body
    assert b"secret" not in body


@both_loops
async def test_one_address_does_not_take_all_connections() -> None:
    """A quarter is left for the others; who leaves makes room."""
    limits = ServerLimits(max_connections=8)
    async with serving(echo, limits=limits) as server:
        assert limits.max_connections_per_address == 6
        async with contextlib.AsyncExitStack() as held:
            callers = [await held.enter_async_context(calling(server)) for _ in range(6)]
            await until(lambda: server.connections == 6)
            async with calling(server) as seventh:
                assert (await seventh.answer()).status == 503
            assert (await from_elsewhere(server, "127.0.0.2")).startswith(b"HTTP/1.1 200")
            callers[0].writer.close()
            await until(lambda: server.connections == 5)
            async with calling(server) as again:
                assert (await again.ask(GET)).status == 200


@both_loops
async def test_a_trusted_proxy_takes_as_many_as_there_are() -> None:
    """Its callers have them."""
    proxies = read_trusted_proxies({"CONDUIT_TRUSTED_PROXIES": "127.0.0.1"})
    limits = ServerLimits(max_connections=8)
    async with (
        serving(echo, limits=limits, proxies=proxies) as server,
        contextlib.AsyncExitStack() as held,
    ):
        for _ in range(8):
            caller = await held.enter_async_context(calling(server))
            assert (await caller.ask(GET)).status == 200


async def from_elsewhere(server: HttpServer, address: str) -> bytes:
    """Return what a caller at another address of this machine is answered."""
    reader, writer = await asyncio.open_connection(
        "127.0.0.1", server.port, local_addr=(address, 0)
    )
    writer.write(GET)
    answer = await reader.readuntil(b"\r\n\r\n")
    writer.close()
    await writer.wait_closed()
    return answer
