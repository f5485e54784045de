"""The HTTP client against servers that stall, cut, lie, flood and send garbage.

Found here, and fixed:

| fault | what happened | what holds it now |
|---|---|---|
| second answer begun behind the first | the connection was pooled, and its next answer was the wrong one | not pooled |
| connection lost while handed to a waiter | the request waited for an answer until its time ran out | it starts by looking |
| response closed while another task reads it | the reader waited for ever | woken when the connection ends |
| a chunk's wrapping without its bytes | a reader could wait for a connection that was paused | counted only with bytes |
| endless trailers, interim answers, chunk extensions | memory or time without bound | what brings no body is counted |
"""

import asyncio
import random

import pytest

from conduit_kernel.http import (
    BodyCut,
    BodyTooLarge,
    ClientClosed,
    ConnectionReset,
    HeaderTimeout,
    HttpClient,
    HttpError,
    IdleTimeout,
    Origin,
    PoolExhausted,
    ProtocolViolation,
    Timeouts,
)

from .http_peers import FIRM, Script, always, both_loops, client, request_head, until, upstream

OK = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"
MIB = 1024 * 1024
Plain = tuple[int, list[tuple[bytes, bytes]], bytes]

ANSWERS = {
    "length": b"HTTP/1.1 200 OK\r\nX-A: 1\r\nContent-Length: 5\r\n\r\nhello",
    "chunked": b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;e=1\r\nlo\r\n0\r\nX-T: t\r\n\r\n",
    "until the end": b"HTTP/1.1 200 OK\r\n\r\nhello",
    "old": b"HTTP/1.0 200 OK\r\nContent-Length: 5\r\n\r\nhello",
    "interim": b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n" + OK,
    "no content": b"HTTP/1.1 204 No Content\r\n\r\n",
    "unchanged": b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
    "empty": b"HTTP/1.1 500 Oops\r\nContent-Length: 0\r\nX-A: 1\r\nX-A: 2\r\n\r\n",
    "goodbye": b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 5\r\n\r\nhello",
    "no reason": b"HTTP/1.1 200\r\nContent-Length: 5\r\n\r\nhello",
}


async def fetch(
    http: HttpClient, origin: Origin, target: str = "/", *, method: str = "GET", body: bytes = b""
) -> Plain:
    """One request, read whole."""
    response = await http.send(origin, method, target, (), body, timeouts=FIRM)
    try:
        data = await response.read(MIB)
        return response.status, sorted(response.headers.items()), data
    finally:
        response.close()


def in_two(answers: dict[str, bytes]) -> Script:
    """Send the named answer in two pieces, cut where the target says."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await request_head(reader)
            name, _, cut = head.split(b" ")[1].decode()[1:].rpartition("/")
            answer = answers[name.replace("%20", " ")]
            writer.write(answer[: int(cut)])
            await asyncio.sleep(0.002)
            writer.write(answer[int(cut) :])
            if name == "until%20the%20end":
                return

    return script


@pytest.mark.parametrize("name", ANSWERS)
@both_loops
async def test_answer_is_the_same_wherever_it_is_cut(name: str) -> None:
    """Every cut gives what one piece gives."""
    async with upstream(in_two(ANSWERS)) as peer, client() as http:
        base = "/" + name.replace(" ", "%20")
        whole = await fetch(http, peer.origin, f"{base}/0")
        cuts = range(1, len(ANSWERS[name]))
        pieces = await asyncio.gather(*(fetch(http, peer.origin, f"{base}/{cut}") for cut in cuts))
        assert all(piece == whole for piece in pieces)
        bodiless = name in ("no content", "unchanged", "empty")
        assert whole[2] == (b"" if bodiless else b"hello")


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


@both_loops
async def test_head_requests_have_no_body_and_keep_the_connection() -> None:
    """The length that a HEAD's answer announces is not waited for."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    async with upstream(always(answer)) as peer, client() as http:
        for _ in range(3):
            status, headers, body = await fetch(http, peer.origin, method="HEAD")
            assert (status, dict(headers)[b"content-length"], body) == (200, b"5", b"")
        assert peer.connections == 1


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


BROKEN: dict[str, tuple[type[HttpError], bytes]] = {
    "cut in the body": (BodyCut, OK[:-1]),
    "cut in a chunk": (BodyCut, ANSWERS["chunked"][:50]),
    "cut before the last chunk": (BodyCut, ANSWERS["chunked"][:-19]),
    "cut in the trailer": (BodyCut, ANSWERS["chunked"][:-1]),
    "cut in the head": (ConnectionReset, OK[:20]),
    "cut after an interim answer": (ConnectionReset, ANSWERS["interim"][:40]),
    "nothing": (ConnectionReset, b""),
    "garbage": (ProtocolViolation, b"garbage\r\n\r\n"),
    "another protocol": (ProtocolViolation, b"SSH-2.0-OpenSSH_9.6\r\n"),
    "bad chunk": (ProtocolViolation, ANSWERS["chunked"].replace(b"3\r\n", b"z\r\n")),
    "length and coding": (ProtocolViolation, OK.replace(b"C", b"Transfer-Encoding: chunked\r\nC")),
    "two lengths": (ProtocolViolation, OK.replace(b"C", b"Content-Length: 6\r\nC")),
    "unknown coding": (
        ProtocolViolation,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nhello",
    ),
    "coding before chunked": (
        ProtocolViolation,
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
    ),
    "unasked switch": (
        ProtocolViolation,
        b"HTTP/1.1 101 Switching\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n",
    ),
    "folded field": (ProtocolViolation, OK.replace(b"C", b"X: a\r\n b\r\nC")),
    "too many fields": (
        ProtocolViolation,
        OK.replace(b"C", b"".join(b"X-%d: a\r\n" % n for n in range(300)) + b"C"),
    ),
    "endless head": (ProtocolViolation, b"HTTP/1.1 200 OK\r\n" + b"X: a\r\n" * 20_000),
    "endless field": (ProtocolViolation, b"HTTP/1.1 200 OK\r\nX: " + b"a" * 100_000),
    "endless interim answers": (ProtocolViolation, b"HTTP/1.1 100 Continue\r\n\r\n" * 5_000),
    "endless trailers": (ProtocolViolation, ANSWERS["chunked"][:-14] + b"X: a\r\n" * 20_000),
    "endless chunk extension": (
        ProtocolViolation,
        ANSWERS["chunked"][:47] + b"3;" + b"e" * 100_000,
    ),
}


@pytest.mark.parametrize(("error", "answer"), BROKEN.values(), ids=BROKEN)
@both_loops
async def test_broken_answer_is_a_typed_error(error: type[HttpError], answer: bytes) -> None:
    """Never a body that looks whole; and the next request works."""
    answers = [answer, OK]

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(answers.pop(0))
        await writer.drain()
        if error is ProtocolViolation:
            await reader.read()

    async with upstream(script) as peer, client() as http:
        with pytest.raises(error) as caught:
            await fetch(http, peer.origin)
        assert type(caught.value) is error
        assert (await fetch(http, peer.origin))[2] == b"hello"


@both_loops
async def test_what_came_before_the_cut_is_handed_out_first() -> None:
    """Then the error, as often as it is asked for."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(OK[:-2])

    async with upstream(script) as peer, client() as http:
        response = await http.send(peer.origin, "GET", "/", timeouts=FIRM)
        await until(lambda: response.done)
        assert await response.next() == b"hel"
        for _ in range(2):
            with pytest.raises(BodyCut):
                await response.next()


@pytest.mark.parametrize("seconds", [0.1, 0.3])
@both_loops
async def test_silence_before_the_head_is_bounded(seconds: float) -> None:
    """A short limit holds to within 50 ms."""

    async def script(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with upstream(script) as peer, client() as http:
        clock = asyncio.get_running_loop().time
        await fetch_error(http, peer.origin, Timeouts(header=0.01), HeaderTimeout)
        started = clock()
        await fetch_error(http, peer.origin, Timeouts(header=seconds), HeaderTimeout)
        assert seconds <= clock() - started < seconds + 0.05
        await until(lambda: not peer.open)


async def fetch_error(
    http: HttpClient, origin: Origin, timeouts: Timeouts, error: type[HttpError]
) -> None:
    """Expect this error of a request."""
    with pytest.raises(error):
        await (await http.send(origin, "GET", "/", timeouts=timeouts)).read(MIB)


@both_loops
async def test_silence_in_the_body_is_bounded_and_slowness_is_not() -> None:
    """Pieces may take long together; only the gap between them counts."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(OK[:-5])
        for byte in b"hell":
            writer.write(bytes([byte]))
            await asyncio.sleep(0.05)
        await reader.read()

    async with upstream(script) as peer, client() as http:
        response = await http.send(peer.origin, "GET", "/", timeouts=Timeouts(idle=0.12))
        got = b""
        with pytest.raises(IdleTimeout):
            while True:
                got += await response.next()
        assert got == b"hell"


@both_loops
async def test_large_request_going_out_is_not_silence() -> None:
    """The wait for the head begins when the request has left."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(8):
            await reader.readexactly(4 * MIB)
            await asyncio.sleep(0.06)
        writer.write(OK)

    body = b"x" * (32 * MIB)
    async with upstream(script, limit=MIB) as peer, client() as http:
        response = await http.send(
            peer.origin, "POST", "/", (), body, timeouts=Timeouts(header=0.2)
        )
        assert await response.read(MIB) == b"hello"


@both_loops
async def test_early_answer_to_a_large_request_is_an_answer() -> None:
    """It is read, and the connection with its unsent rest is given up."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK)
        await reader.read()

    async with upstream(script, limit=1024) as peer, client() as http:
        body = b"x" * (32 * MIB)
        assert (await fetch(http, peer.origin, method="POST", body=body))[2] == b"hello"
        await until(lambda: not peer.open)


@both_loops
async def test_slow_reader_holds_the_server_back() -> None:
    """Unread bytes are bounded; reading on brings the rest."""
    sent = 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal sent
        await request_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % (48 * MIB))
        for _ in range(48 * 16):
            writer.write(b"x" * 65_536)
            sent += 65_536
            await writer.drain()
        await reader.read()

    async with upstream(script) as peer, client() as http:
        prepared = http.prepare(peer.origin, "GET", "/")
        response = await http.send_prepared(prepared, (), b"", timeouts=Timeouts(idle=0.3))
        await asyncio.sleep(0.5)
        held = sum(map(len, response.parts))
        assert held <= MIB
        assert sent < 24 * MIB
        got = 0
        while data := await response.next():
            got += len(data)
        assert got == 48 * MIB
        assert len(prepared.pool.idle) == 1


@both_loops
async def test_too_large_a_body_is_refused_at_the_limit() -> None:
    """Whole or in pieces; the rest is not waited for."""
    for name in ("length", "chunked", "until%20the%20end"):
        async with upstream(in_two(ANSWERS)) as peer, client() as http:
            for cut in (0, 60):
                target = f"/{name}/{min(cut, len(OK))}"
                response = await http.send(peer.origin, "GET", target, timeouts=FIRM)
                with pytest.raises(BodyTooLarge):
                    await response.read(4)
                response = await http.send(peer.origin, "GET", target, timeouts=FIRM)
                assert await response.read(5) == b"hello"


@both_loops
async def test_given_up_response_drops_its_connection() -> None:
    """Closing is idempotent; what is given up is not whole; a reader elsewhere hears of it."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(OK[:-2])
        await reader.read()

    async with upstream(script) as peer, client() as http:
        response = await http.send(peer.origin, "GET", "/", timeouts=FIRM)
        assert await response.next() == b"hel"
        reading = asyncio.ensure_future(response.next())
        await asyncio.sleep(0)
        response.close()
        response.close()
        with pytest.raises(BodyCut):
            await reading
        await until(lambda: not peer.open)


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


@both_loops
async def test_garbage_neither_hangs_nor_spoils_later_answers() -> None:
    """2,000 mutated answers: a response or a typed error each, and good ones in between."""
    chance = random.Random(5)  # noqa: S311 - repeatable, not secret
    samples = tuple(ANSWERS.values())

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await request_head(reader)
            if head.startswith(b"GET /good"):
                writer.write(OK)
                continue
            writer.write(mutated(chance.choice(samples), chance))
            await asyncio.sleep(0)
            return

    async with upstream(script) as peer, client() as http:

        async def one() -> None:
            try:
                await fetch(http, peer.origin, "/bad")
            except HttpError:
                return

        for _ in range(100):
            await asyncio.gather(*(one() for _ in range(20)))
            assert (await fetch(http, peer.origin, "/good"))[2] == b"hello"


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
