"""Requests that are sent as they come."""

import asyncio
import time
from base64 import b64encode

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
from tests.support.http_samples import OK
from tests.support.upload_pieces import Pieces

from conduit_kernel.http import (
    Base64Upload,
    HeaderTimeout,
    JoinedUpload,
    Timeouts,
    TotalTimeout,
    Upload,
    UploadFailed,
    UploadReader,
)


async def body_of(reader: asyncio.StreamReader) -> bytes:
    """Read one request and return its body."""
    head = (await reader.readuntil(b"\r\n\r\n")).lower()
    if b"transfer-encoding: chunked" in head:
        got = b""
        while size := int(await reader.readuntil(b"\r\n"), 16):
            got += (await reader.readexactly(size + 2))[:-2]
        await reader.readexactly(2)
        return got
    return await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r\n")[0]))


def taking(got: list[bytes]) -> Script:
    """Make a script that keeps the bodies."""

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            got.append(await body_of(reader))
            writer.write(OK)

    return script


@both_loops
async def test_upload_is_sent_with_its_length_or_in_chunks() -> None:
    """The connection goes on to the next request; parts can be joined."""
    got: list[bytes] = []
    joined = JoinedUpload([b"--", Pieces(b"ab", b"c", length=3), b"", Pieces(length=0), b"=="])
    uploads: list[Upload] = [
        Pieces(b"abc", b"def", length=6),
        Pieces(b"abc", b"def"),
        Pieces(length=0),
        joined,
        JoinedUpload([b"x", Pieces(b"y")]),
    ]
    async with upstream(taking(got)) as peer, client() as http:
        for upload in uploads:
            response = await http.send(peer.origin, "POST", "/", (), upload, timeouts=FIRM)
            assert await response.read(MIB) == b"hello"
        assert got == [b"abcdef", b"abcdef", b"", b"--abc==", b"xy"]
        assert peer.connections == 1


@pytest.mark.parametrize(
    "pieces",
    [(), (b"a",), (b"ab",), (b"abc",), (b"abcd",), (b"a", b"b", b"cde", b"fg"), (b"a",) * 7],
)
async def test_base64_is_the_same_wherever_the_body_is_cut(pieces: tuple[bytes, ...]) -> None:
    """Its length is known before it is read, and it can be read twice."""
    body = b"".join(pieces)
    made = Base64Upload(Pieces(*pieces, length=len(body)))
    for _ in range(2):
        reader, found = await made.open(), b""
        while data := await reader.next():
            found += data
        assert found == b64encode(body)
        assert made.length == len(found)
    assert Base64Upload(Pieces(*pieces)).length is None


@both_loops
async def test_upload_goes_no_faster_than_it_is_taken() -> None:
    """What the server leaves unread stays where it comes from."""
    go = asyncio.Event()

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await go.wait()
        await reader.readexactly(32 * MIB)
        writer.write(OK)
        await reader.read()

    pieces = [b"x" * 65_536] * 512
    upload = Pieces(*pieces, length=32 * MIB)
    async with upstream(script, limit=65_536) as peer, client() as http:
        sending = asyncio.ensure_future(
            http.send(peer.origin, "POST", "/", (), upload, timeouts=FIRM)
        )
        await asyncio.sleep(0.2)
        assert 0 < upload.taken < 16 * MIB
        go.set()
        assert await (await sending).read(MIB) == b"hello"
        assert upload.taken == 32 * MIB


@both_loops
async def test_server_that_takes_nothing_is_given_up_and_a_slow_source_is_not() -> None:
    """The head's limit watches the server; only the total limit watches where the body is from."""

    class Slow(Pieces):
        async def open(self) -> UploadReader:
            await asyncio.sleep(0.3)
            return await super().open()

    async def deaf(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        await asyncio.Event().wait()

    quick = Timeouts(header=0.1)
    got: list[bytes] = []
    async with (
        upstream(deaf, limit=65_536) as deaf_peer,
        upstream(taking(got)) as peer,
        client() as http,
    ):
        started = time.monotonic()
        large = Pieces(*[b"x" * 65_536] * 512)
        with pytest.raises(HeaderTimeout):
            await http.send(deaf_peer.origin, "POST", "/", (), large, timeouts=quick)
        with pytest.raises(HeaderTimeout):
            await http.send(deaf_peer.origin, "POST", "/", (), Pieces(b"a"), timeouts=quick)
        assert time.monotonic() - started < 4
        response = await http.send(peer.origin, "POST", "/", (), Slow(b"a"), timeouts=quick)
        assert await response.read(MIB) == b"hello"
        with pytest.raises(TotalTimeout):
            await http.send(
                peer.origin, "POST", "/", (), Slow(b"a"), timeouts=Timeouts(header=0.1, total=0.15)
            )


@pytest.mark.parametrize(
    "upload",
    [
        Pieces(b"abc", OSError("no"), length=6),
        Pieces(b"abc", OSError("no")),
        Pieces(b"abc", length=6),
        Pieces(b"abc", b"defg", length=6),
    ],
    ids=["broken", "broken in chunks", "too short", "too long"],
)
@both_loops
async def test_upload_that_cannot_be_had_is_no_fault_of_the_server(upload: Pieces) -> None:
    """And is never sent so that it looks whole."""
    got: list[bytes] = []
    async with upstream(taking(got)) as peer, client() as http:
        with pytest.raises(UploadFailed):
            await http.send(peer.origin, "POST", "/", (), upload, timeouts=FIRM)
        await until(lambda: not peer.open)
        assert not got


@both_loops
async def test_refusal_ends_an_upload_and_early_acceptance_does_not() -> None:
    """The refusal can be read; the rest of what it refuses is not asked for."""
    total = 64 * MIB

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        status = b"413" if head.startswith(b"POST /no") else b"200"
        writer.write(b"HTTP/1.1 %b X\r\nContent-Length: 5\r\n\r\nhe" % status)
        if status == b"200":
            await reader.readexactly(total)
        else:
            await asyncio.sleep(0.1)
        writer.write(b"llo")
        await reader.read()

    async with upstream(script, limit=65_536) as peer, client() as http:
        for target, status in (("/no", 413), ("/yes", 200)):
            upload = Pieces(*[b"x" * 65_536] * 1_024, length=total)
            response = await http.send(peer.origin, "POST", target, (), upload, timeouts=FIRM)
            assert response.status == status
            assert await response.read(MIB) == b"hello"
            assert (upload.taken == total) is (status == 200)


@both_loops
async def test_stale_connection_is_retried_with_the_whole_upload() -> None:
    """It is opened again."""
    got: list[bytes] = []
    connections = 0

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal connections
        connections += 1
        if connections == 1:
            await request_head(reader)
            writer.write(OK)
            await reader.readuntil(b"\r\n\r\n")
            writer.transport.abort()
            return
        await taking(got)(reader, writer)

    upload = Pieces(b"abc", b"def")
    async with upstream(script) as peer, client() as http:
        await (await http.send(peer.origin, "GET", "/", timeouts=FIRM)).read(MIB)
        response = await http.send(peer.origin, "POST", "/", (), upload, timeouts=FIRM)
        assert await response.read(MIB) == b"hello"
        assert (got, upload.opened) == ([b"abcdef"], 2)


@both_loops
async def test_given_up_request_ends_its_upload() -> None:
    """Nothing goes on asking for pieces."""

    async def script(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        while await reader.read(65_536):
            pass

    class Endless(Pieces):
        async def next(self) -> bytes:
            await asyncio.sleep(0.001)
            self.taken += 1
            return b"x"

        async def open(self) -> UploadReader:
            return self

    upload = Endless()
    async with upstream(script) as peer, client() as http:
        sending = asyncio.ensure_future(
            http.send(peer.origin, "POST", "/", (), upload, timeouts=FIRM)
        )
        await until(lambda: upload.taken > 5)
        sending.cancel()
        await asyncio.gather(sending, return_exceptions=True)
        await until(lambda: not peer.open)
        taken = upload.taken
        await asyncio.sleep(0.02)
        assert upload.taken == taken
