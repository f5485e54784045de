"""The total limit of a call: no phase, and no dripping, makes it last longer."""

import asyncio
import time

import pytest
from tests.support.http_peers import (
    FIRM,
    MIB,
    Script,
    both_loops,
    client,
    request_head,
    until,
    upstream,
)
from tests.support.http_samples import OK, fetch_error
from tests.support.http_tls import Certificate

from conduit_kernel.http import (
    ConnectFailed,
    HttpClient,
    Origin,
    PoolExhausted,
    PoolTimeout,
    Timeouts,
    TotalTimeout,
)

TOTAL = Timeouts(connect=2.0, header=2.0, idle=2.0, total=0.4)
# Machines are busy; without the limit each of these would take seconds.
LATE = 4.0


def dripping(answer: bytes, piece: int = 1) -> Script:
    """Make a script that sends an answer in pieces, none of which is long in coming."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        for at in range(0, len(answer), piece):
            writer.write(answer[at : at + piece])
            await writer.drain()
            await asyncio.sleep(0.04)
        await reader.read()

    return script


async def read_slowly(http: HttpClient, origin: Origin) -> bytes:
    """Take what comes until the call's time is over, and return it."""
    response = await http.send(origin, "GET", "/", timeouts=TOTAL)
    got = bytearray()

    async def read_all() -> None:
        while data := await response.next():
            got.extend(data)

    with pytest.raises(TotalTimeout):
        await read_all()
    # It goes on saying so.
    with pytest.raises(TotalTimeout):
        await response.next()
    return bytes(got)


@both_loops
async def test_dripping_head_ends_in_time() -> None:
    """Though the head's own limit has not passed."""
    async with upstream(dripping(OK)) as peer, client() as http:
        started = time.monotonic()
        await fetch_error(http, peer.origin, TOTAL, TotalTimeout)
        assert TOTAL.total <= time.monotonic() - started < LATE
        await until(lambda: not peer.open)


@both_loops
async def test_dripping_body_ends_in_time() -> None:
    """Each piece comes well within the idle limit; what came is handed out first."""
    head = b"HTTP/1.1 200 OK\r\nContent-Length: 5000\r\n\r\n"
    async with upstream(dripping(head + b"x" * 5_000, len(head))) as peer, client() as http:
        started = time.monotonic()
        got = await read_slowly(http, peer.origin)
        assert TOTAL.total <= time.monotonic() - started < LATE
        assert got
        assert not got.strip(b"x")
        await until(lambda: not peer.open)


@both_loops
async def test_endless_stream_ends_in_time() -> None:
    """A body without a length and without an end."""
    head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
    async with upstream(dripping(head + b"1\r\nx\r\n" * 500, len(head))) as peer, client() as http:
        started = time.monotonic()
        assert await read_slowly(http, peer.origin)
        assert time.monotonic() - started < LATE


@both_loops
async def test_reader_that_pauses_does_not_stop_the_clock() -> None:
    """The connection ends in time; reading on gives what was kept, and then the error."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (64 * MIB))
        while True:
            writer.write(b"x" * 65_536)
            await writer.drain()

    async with upstream(script) as peer, client() as http:
        response = await http.send(peer.origin, "GET", "/", timeouts=TOTAL)
        await until(lambda: response.paused)
        await until(lambda: response.done)
        await until(lambda: not peer.open)
        kept = await response.next()
        assert 0 < len(kept) < MIB
        with pytest.raises(TotalTimeout):
            await response.next()


@both_loops
async def test_request_that_goes_out_slowly_ends_in_time() -> None:
    """Progress renews the head's limit, not the total one."""

    async def script(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        for _count in range(1_000):
            await reader.readexactly(65_536)
            await asyncio.sleep(0.01)

    async with upstream(script, limit=65_536) as peer, client() as http:
        started = time.monotonic()
        with pytest.raises(TotalTimeout):
            await http.send(
                peer.origin, "POST", "/", (), b"x" * (64 * MIB), timeouts=Timeouts(total=0.15)
            )
        assert time.monotonic() - started < LATE
        # The peer reads on at its own pace until it has all that the machine had taken over.
        await until(lambda: not peer.open, seconds=20.0)


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    """Make one for this module."""
    return Certificate(tmp_path_factory.mktemp("tls"))


@both_loops
async def test_connecting_ends_in_time(certificate: Certificate) -> None:
    """A server that never shakes hands; a name that is never found."""

    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async def never(_host: str, _port: int) -> list[str]:
        await asyncio.Event().wait()
        raise AssertionError

    async with (
        upstream(silent) as peer,
        client(ssl_context_factory=lambda _: certificate.client()) as http,
        client(resolve=never) as lost,
    ):
        for sender in (http, lost):
            started = time.monotonic()
            origin = peer.origin._replace(scheme="https")
            await fetch_error(sender, origin, TOTAL, TotalTimeout)
            assert time.monotonic() - started < LATE


@both_loops
async def test_waiting_for_a_connection_ends_in_time() -> None:
    """The limit that passed first is named; a full queue is neither's."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(OK[:-1])
        await reader.read()

    limits = {"max_connections": 1, "max_waiting": 1}
    async with upstream(script) as peer, client(limits=limits) as http:
        holder = await http.send(peer.origin, "GET", "/", timeouts=FIRM)
        await fetch_error(http, peer.origin, TOTAL, TotalTimeout)
        await fetch_error(http, peer.origin, Timeouts(connect=0.05, total=1.0), PoolTimeout)
        waiting = asyncio.ensure_future(fetch_error(http, peer.origin, TOTAL, TotalTimeout))
        await asyncio.sleep(0)
        with pytest.raises(PoolExhausted) as caught:
            await http.send(peer.origin, "GET", "/", timeouts=TOTAL)
        assert type(caught.value) is PoolExhausted
        await waiting
        holder.close()


@both_loops
async def test_call_without_time_is_not_sent() -> None:
    """Not even over a connection that is free; other failures keep their own names."""
    async with upstream(dripping(OK, len(OK))) as peer, client() as http:
        spent = Timeouts(total=0.0)
        await fetch_error(http, peer.origin, spent, TotalTimeout)
        assert peer.connections == 0
    async with client() as http:
        with pytest.raises(ConnectFailed) as caught:
            await http.send(peer.origin, "GET", "/", timeouts=TOTAL)
        assert caught.value.kind == "refused"


@both_loops
async def test_answer_in_time_leaves_the_connection_to_the_next_call() -> None:
    """A limit that was kept ends nothing, neither later nor for the next user."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            await request_head(reader)
            writer.write(OK)

    async with upstream(script) as peer, client() as http:
        for timeouts in (TOTAL, FIRM):
            response = await http.send(peer.origin, "GET", "/", timeouts=timeouts)
            assert await response.read(MIB) == b"hello"
            await asyncio.sleep(0.5)
        assert peer.connections == 1
