"""The HTTP client against servers that stall, cut, lie, flood and send garbage.

Found here, and fixed:

* a second answer begun behind the first: the connection was pooled, and its next answer would
  have been the wrong one. Now it is not used again.
* a connection lost while it was handed to a waiting request: the request waited until its time
  ran out. Now it looks before it sends.
* a response closed while another task reads it: the reader waited for ever. Now the end of the
  connection wakes it.
* a chunk's wrapping without its bytes, on a full buffer: the reader waited for a connection that
  had been paused. Now only bytes that can be read count as unread.
* endless trailers, interim answers or chunk extensions: memory or time without bound. Now what
  brings no body is counted.
* uvloop, given a socket of ours, closed its descriptor a second time when a connection attempt was
  cancelled, and with it whatever had got the same number. Now the loop makes its own sockets.
"""

import asyncio
import random
import time

import pytest
from tests.support.http_peers import (
    FIRM,
    MIB,
    always,
    both_loops,
    client,
    mutated,
    request_head,
    until,
    upstream,
)
from tests.support.http_samples import ANSWERS, OK, fetch, fetch_error, in_two

from conduit_kernel.http import (
    BodyCut,
    BodyTooLarge,
    ConnectionReset,
    HeaderTimeout,
    HttpError,
    IdleTimeout,
    ProtocolViolation,
    Timeouts,
)


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
async def test_head_requests_have_no_body_and_keep_the_connection() -> None:
    """The length that a HEAD's answer announces is not waited for."""
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"
    async with upstream(always(answer)) as peer, client() as http:
        for _ in range(3):
            status, headers, body = await fetch(http, peer.origin, method="HEAD")
            assert (status, dict(headers)[b"content-length"], body) == (200, b"5", b"")
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


@pytest.mark.parametrize("seconds", [0.02, 0.15])
@both_loops
async def test_silence_before_the_head_is_bounded(seconds: float) -> None:
    """A short limit holds to within 50 ms."""

    async def script(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.read()

    async with upstream(script) as peer, client() as http:
        late = 1.0
        # The best of several, since the machine may be busy with something else.
        for _ in range(20):
            started = time.monotonic()
            await fetch_error(http, peer.origin, Timeouts(header=seconds), HeaderTimeout)
            assert time.monotonic() - started >= seconds
            late = min(late, time.monotonic() - started - seconds)
            if late < 0.05:
                break
        assert late < 0.05
        await until(lambda: not peer.open)


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
        with pytest.raises(IdleTimeout):
            await response.read(10)


@pytest.mark.parametrize("first", [b"", b"5;"], ids=["trailer", "extension"])
@both_loops
async def test_what_brings_no_body_breaks_no_silence(first: bytes) -> None:
    """The wrapping of chunks may drip as long as the body may be silent, and no longer."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await request_head(reader)
        writer.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n")
        writer.write(first or b"0\r\nname: ")
        while True:
            writer.write(b"x")
            await asyncio.sleep(0.02)

    async with upstream(script) as peer, client() as http:
        response = await http.send(peer.origin, "GET", "/", timeouts=Timeouts(idle=0.3))
        with pytest.raises(IdleTimeout):
            await response.read(10)


@both_loops
async def test_large_request_going_out_is_not_silence() -> None:
    """The wait for the head begins when the request has left."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        for _ in range(8):
            await reader.readexactly(4 * MIB)
            await asyncio.sleep(0.25)
        writer.write(OK)

    body = b"x" * (32 * MIB)
    async with upstream(script, limit=MIB) as peer, client() as http:
        response = await http.send(
            peer.origin, "POST", "/", (), body, timeouts=Timeouts(header=1.5)
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
    """Whole or in pieces, taken or read; the rest is not waited for."""
    for name in ("length", "chunked", "until%20the%20end"):
        async with upstream(in_two(ANSWERS)) as peer, client() as http:
            for cut in (0, 60):
                target = f"/{name}/{min(cut, len(OK))}"
                response = await http.send(peer.origin, "GET", target, timeouts=FIRM)
                with pytest.raises(BodyTooLarge):
                    response.take_whole(4) or await response.read(4)
                response = await http.send(peer.origin, "GET", target, timeouts=FIRM)
                taken = response.take_whole(5)
                assert (await response.read(5) if taken is None else taken) == b"hello"
                # It came with its head, so there was nothing to wait for.
                assert taken or cut or name == "until%20the%20end"


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
