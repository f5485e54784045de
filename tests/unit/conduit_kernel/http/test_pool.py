"""The HTTP client's connections: kept, queued for, noticed when they end, never used dirty."""

import asyncio
import random

import pytest
from tests.support.http_peers import (
    FIRM,
    Script,
    always,
    both_loops,
    client,
    request_head,
    until,
    upstream,
)
from tests.support.http_samples import ANSWERS, OK, fetch, fetch_error, in_two

from conduit_kernel.http import ClientClosed, ConnectionReset, PoolExhausted, Timeouts


@both_loops
async def test_connections_are_kept_and_the_youngest_is_used() -> None:
    """One after the other needs one connection; after a crowd the last one freed goes on."""
    async with upstream(always(OK)) as peer, client() as http:
        for method in ("GET", "POST", "GET"):
            assert (await fetch(http, peer.origin, method=method))[2] == b"hello"
        assert peer.connections == 1
        await asyncio.gather(*(fetch(http, peer.origin) for _ in range(5)))
        assert peer.connections == 5
        await asyncio.gather(*(fetch(http, peer.origin) for _ in range(5)))
        assert peer.connections == 5


@pytest.mark.parametrize("name", ["goodbye", "until the end", "old"])
@both_loops
async def test_connections_that_end_are_not_kept(name: str) -> None:
    """Not after a goodbye, not where the end delimits the body, not with HTTP/1.0."""
    async with upstream(in_two(ANSWERS)) as peer, client() as http:
        for turn in range(1, 4):
            target = f"/{name.replace(' ', '%20')}/0"
            assert (await fetch(http, peer.origin, target))[2] == b"hello"
            assert peer.connections == turn


SPOILT = {
    "a second answer": OK + OK,
    "a second answer begun": OK + b"HT",
    "bytes behind the body": OK + b"x",
    "a body to a bodiless status": b"HTTP/1.1 204 No Content\r\n\r\nhello",
}


@pytest.mark.parametrize("answer", SPOILT.values(), ids=SPOILT)
@both_loops
async def test_connection_that_says_too_much_is_not_used_again(answer: bytes) -> None:
    """The answer is good; what follows it would be taken for the next one."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(answer)
        await reader.read()

    async with upstream(script) as peer, client() as http:
        for turn in range(1, 4):
            assert (await fetch(http, peer.origin))[0] in (200, 204)
            await until(lambda: not peer.open)
            assert peer.connections == turn


@both_loops
async def test_bytes_on_an_idle_connection_end_it() -> None:
    """A server's parting 408 is not the answer to a later request."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(OK)
        await asyncio.sleep(0.02)
        writer.write(b"HTTP/1.1 408 Request Timeout\r\nContent-Length: 0\r\n\r\n")
        await reader.read()

    async with upstream(script) as peer, client() as http:
        assert (await fetch(http, peer.origin))[0] == 200
        await until(lambda: not peer.open)
        assert (await fetch(http, peer.origin))[0] == 200


@both_loops
async def test_idle_connections_end_before_the_server_ends_them() -> None:
    """Idle expiry is ours."""
    async with upstream(always(OK)) as peer, client(limits={"idle_seconds": 0.1}) as http:
        await asyncio.gather(*(fetch(http, peer.origin) for _ in range(3)))
        assert len(peer.open) == 3
        await until(lambda: not peer.open)


@both_loops
async def test_connection_ended_while_idle_is_noticed_at_once() -> None:
    """The next request goes to a new connection straight away, without a failed attempt."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(OK)
        await asyncio.sleep(0.02)

    async with upstream(script) as peer, client() as http:
        prepared = http.prepare(peer.origin, "POST", "/")
        for turn in range(1, 4):
            response = await http.send_prepared(
                prepared, (), b"x", timeouts=FIRM, retry_stale=False
            )
            assert await response.read(10) == b"hello"
            response.close()
            assert len(prepared.pool.idle) == 1
            await until(lambda: not prepared.pool.idle)
            assert peer.connections == turn


def stale_after_one(*, farewell: bytes = b"") -> Script:
    """Answer one request per connection; end the next with no answer, or with these bytes."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(OK)
        await reader.read(1)
        writer.write(farewell)
        if not farewell:
            writer.transport.abort()

    return script


@both_loops
async def test_request_that_met_a_closing_connection_is_sent_again() -> None:
    """Once, on a new connection, and only where no byte of an answer came."""
    async with upstream(stale_after_one()) as peer, client() as http:
        for turn in range(1, 4):
            assert (await fetch(http, peer.origin, method="POST", body=b"x"))[2] == b"hello"
            assert peer.connections == turn
        with pytest.raises(ConnectionReset):
            await http.send(peer.origin, "POST", "/", timeouts=FIRM, retry_stale=False)
    async with upstream(stale_after_one(farewell=b"HTTP/1.1 2")) as peer, client() as http:
        await fetch(http, peer.origin)
        with pytest.raises(ConnectionReset):
            await fetch(http, peer.origin)
        assert peer.connections == 1


@both_loops
async def test_new_connection_that_ends_is_an_error() -> None:
    """No second attempt: the server may have acted on the request."""

    async def script(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await request_head(reader)

    async with upstream(script) as peer, client() as http:
        with pytest.raises(ConnectionReset):
            await fetch(http, peer.origin)
        assert peer.connections == 1


@both_loops
async def test_cancelled_requests_leave_nothing_dirty() -> None:
    """Cancelled at any moment, a request takes its connection with it; later answers are right."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await request_head(reader)
            body = head.split(b" ")[1]
            for piece in (b"HTTP/1.1 200 OK\r\nContent-", b"Length: %d\r\n\r\n" % len(body), body):
                writer.write(piece)
                await asyncio.sleep(0.001)

    chance = random.Random(3)  # noqa: S311 - repeatable, not secret
    async with upstream(script) as peer, client(limits={"max_connections": 4}) as http:

        async def one(number: int) -> bool:
            try:
                async with asyncio.timeout(chance.uniform(0, 0.3)):
                    got = await fetch(http, peer.origin, f"/{number}")
            except TimeoutError:
                return False
            assert got[2] == b"/%d" % number
            return True

        done = await asyncio.gather(*(one(number) for number in range(300)))
        assert 0 < sum(done) < 300
        for number in range(20):
            assert (await fetch(http, peer.origin, f"/{number}"))[2] == b"/%d" % number
        assert len(peer.open) <= 4


@both_loops
async def test_cancelled_request_tells_the_server_at_once() -> None:
    """A server that is still thinking learns that nobody waits any more."""

    async def script(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await request_head(reader)
        await reader.read()

    async with upstream(script) as peer, client() as http:
        asking = asyncio.ensure_future(fetch(http, peer.origin))
        await until(lambda: peer.open)
        asking.cancel()
        await until(lambda: not peer.open)
        assert asking.cancelled()


@both_loops
async def test_connection_lost_before_its_next_request_is_no_wait() -> None:
    """A request that is handed a connection at the moment of its end fails at once, as stale."""
    async with upstream(always(OK)) as peer, client() as http:
        prepared = http.prepare(peer.origin, "GET", "/")
        await fetch(http, peer.origin)
        connection = prepared.pool.take_idle()
        assert connection is not None
        connection.drop()
        await until(lambda: not peer.open)
        await asyncio.sleep(0.01)
        response = connection.begin(b"GET / HTTP/1.1\r\n\r\n", b"", FIRM, head_only=False)
        assert isinstance(response.error, ConnectionReset)
        assert (connection.used, connection.answered) == (True, False)


@both_loops
async def test_connections_are_bounded_and_the_queue_is_fair() -> None:
    """Those who wait are served in the order in which they came."""
    order: list[int] = []
    async with upstream(always(OK)) as peer, client(limits={"max_connections": 1}) as http:

        async def one(number: int) -> None:
            await fetch(http, peer.origin)
            order.append(number)

        await asyncio.gather(*(one(number) for number in range(50)))
        assert peer.connections == 1
    assert order == list(range(50))


@both_loops
async def test_queue_is_bounded_in_length_and_time() -> None:
    """Too many waiting, or waiting too long, is PoolExhausted; leaving the queue spoils nothing."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(OK[:-1])
        await reader.read()

    limits = {"max_connections": 1, "max_waiting": 1}
    async with upstream(script) as peer, client(limits=limits) as http:
        holder = await http.send(peer.origin, "GET", "/", timeouts=FIRM)
        waiter = asyncio.ensure_future(fetch(http, peer.origin))
        await asyncio.sleep(0)
        await fetch_error(http, peer.origin, FIRM, PoolExhausted)
        waiter.cancel()
        await asyncio.gather(waiter, return_exceptions=True)
        await fetch_error(http, peer.origin, Timeouts(connect=0.05), PoolExhausted)
        holder.close()
        assert (await http.send(peer.origin, "GET", "/", timeouts=FIRM)).status == 200


@both_loops
async def test_closing_the_client_ends_everything() -> None:
    """Requests under way and in the queue end with ClientClosed, new ones are refused."""

    async def script(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with upstream(script) as peer, client(limits={"max_connections": 1}) as http:
        prepared = http.prepare(peer.origin, "GET", "/")
        pending = [asyncio.ensure_future(fetch(http, peer.origin)) for _ in range(3)]
        await until(lambda: peer.connections)
        await http.close()
        for result in await asyncio.gather(*pending, return_exceptions=True):
            assert isinstance(result, ClientClosed)
        with pytest.raises(ClientClosed):
            await fetch(http, peer.origin)
        with pytest.raises(ClientClosed):
            await http.send_prepared(prepared, (), b"", timeouts=FIRM)
