"""Requests that are sent as they come, and kept so that they can be sent again."""

import asyncio
import contextlib
import errno
import os
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from conduit_kernel.http import (
    HeaderTimeout,
    HttpError,
    JoinedUpload,
    LocalExhausted,
    SpillBody,
    SpillFull,
    SpillSpace,
    Timeouts,
    TotalTimeout,
    Upload,
    UploadFailed,
    UploadReader,
)

from .http_peers import FIRM, MIB, Script, both_loops, client, request_head, until, upstream
from .http_samples import OK


class Pieces:
    """An upload of these pieces; an exception among them is raised in its turn."""

    def __init__(self, *pieces: bytes | Exception, length: int | None = None) -> None:
        self.length = length
        self.opened = 0
        self.taken = 0
        self._pieces: Sequence[bytes | Exception] = pieces

    async def open(self) -> UploadReader:
        """Begin again."""
        self.opened += 1
        return _PiecesReader(self, list(self._pieces))


class _PiecesReader:
    def __init__(self, upload: Pieces, left: list[bytes | Exception]) -> None:
        self._upload = upload
        self._left = left

    async def next(self) -> bytes:
        await asyncio.sleep(0)
        if not self._left:
            return b""
        piece = self._left.pop(0)
        if isinstance(piece, Exception):
            raise piece
        self._upload.taken += len(piece)
        return piece


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
        assert time.monotonic() - started < 2.0
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


# Keeping.


async def whole(body: SpillBody) -> bytes:
    """Read an upload from its beginning."""
    return b"".join([piece async for piece in await body.open()])


async def source_of(*pieces: bytes | Exception) -> UploadReader:
    """Make a source that can be read once."""
    return await Pieces(*pieces).open()


@both_loops
async def test_kept_upload_is_the_same_for_every_reader(tmp_path: Path) -> None:
    """One after the other, at once, and from where an earlier one stopped; all is given back."""
    chunks = [os.urandom(size) for size in (1, 300, 5_000, 70_000, 3, 900_000)]
    space = SpillSpace(tmp_path, memory_bytes=6_000)
    left = space.left
    body = SpillBody(await source_of(*chunks), space)
    first = await body.open()
    assert [await first.next() for _ in range(4)] == chunks[:4]
    assert list(await asyncio.gather(whole(body), whole(body))) == [b"".join(chunks)] * 2
    assert b"".join([piece async for piece in first]) == b"".join(chunks[4:])
    assert space.left < left
    assert not list(tmp_path.iterdir())
    body.close()
    assert space.left == left
    with pytest.raises(HttpError):
        await body.open()


@both_loops
async def test_reader_cut_off_while_bytes_are_put_away_loses_none(tmp_path: Path) -> None:
    """Cancelled at every moment, the next reader still gets all of them."""
    chunks = [bytes([number]) * 5_000 for number in range(40)]
    body = SpillBody(await source_of(*chunks), SpillSpace(tmp_path, memory_bytes=0))
    for turns in range(60):
        reading = asyncio.ensure_future(whole(body))
        for _ in range(turns):
            await asyncio.sleep(0)
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)
    assert await whole(body) == b"".join(chunks)
    body.close()


@both_loops
async def test_settled_upload_is_passed_on_without_being_kept(tmp_path: Path) -> None:
    """Its last reader goes on; there is no other."""
    chunks = [bytes([number]) * 50_000 for number in range(10)]
    space = SpillSpace(tmp_path, memory_bytes=0)
    body = SpillBody(await source_of(*chunks), space)
    reader = await body.open()
    got = [await reader.next() for _ in range(3)]
    body.settle()
    left = space.left
    got += [piece async for piece in reader]
    assert got == chunks
    assert space.left == left
    with pytest.raises(HttpError):
        await body.open()
    body.close()


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
@both_loops
async def test_full_disk_is_our_own_failure(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """Nothing stays counted."""

    def refuse(*_: object) -> int:
        raise OSError(number, os.strerror(number))

    space = SpillSpace(tmp_path, memory_bytes=0)
    left = space.left
    with monkeypatch.context() as patch:
        patch.setattr(os, "pwrite", refuse)
        body = SpillBody(await source_of(b"abc", b"def"), space)
        with pytest.raises(SpillFull) as caught:
            await whole(body)
    assert isinstance(caught.value, LocalExhausted)
    body.close()
    assert space.left == left


@both_loops
async def test_room_for_uploads_is_bounded(tmp_path: Path) -> None:
    """Over all of them; what is closed makes room."""
    space = SpillSpace(tmp_path, most_bytes=10_000)
    first = SpillBody(await source_of(b"a" * 8_000, b""), space)
    assert await whole(first) == b"a" * 8_000
    second = SpillBody(await source_of(b"b" * 8_000), space)
    with pytest.raises(SpillFull):
        await whole(second)
    first.close()
    second.close()
    third = SpillBody(await source_of(b"c" * 8_000), space)
    assert await whole(third) == b"c" * 8_000
    third.close()


@both_loops
async def test_source_that_breaks_breaks_every_reader(tmp_path: Path) -> None:
    """After what came before it."""
    body = SpillBody(await source_of(b"abc", ConnectionError("gone")), SpillSpace(tmp_path))
    for _ in range(2):
        reader = await body.open()
        assert await reader.next() == b"abc"
        with pytest.raises(ConnectionError):
            await reader.next()
    body.close()


# All of it together.

UPLOADS, SIZE = 40, 25 * MIB
# 40 x 25 MB are 1,000 MB; each may hold some pieces in memory, at both ends and between.
MOST_GROWTH_KIB = 150 * 1024


@pytest.mark.timeout(180)
async def test_many_large_uploads_pass_in_bounded_memory(tmp_path: Path) -> None:
    """Each is refused by a first candidate after 20 MB and taken whole by a second."""
    taken: list[int] = []

    async def script(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        refuses = head.startswith(b"POST /refuse")
        left = 20 * MIB if refuses else SIZE
        while left:
            left -= len(await reader.read(min(left, 65_536)))
        if refuses:
            writer.write(b"HTTP/1.1 503 X\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
            return
        taken.append(SIZE)
        writer.write(OK)
        await reader.read()

    async with upstream(script, limit=65_536) as peer:
        gateway = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "tests.faults.upload_gateway"),
            *(str(peer.origin.port), str(tmp_path)),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert gateway.stdin is not None
        assert gateway.stdout is not None
        try:
            port = int(await gateway.stdout.readline())
            statuses, growth = await _upload_all(port, _memory_of(gateway))
        finally:
            gateway.stdin.close()
            await gateway.wait()
    assert statuses == [200] * UPLOADS
    assert len(taken) == UPLOADS
    assert growth < MOST_GROWTH_KIB
    assert not list(tmp_path.iterdir())


def _memory_of(gateway: asyncio.subprocess.Process) -> Callable[[], "asyncio.Future[int]"]:
    async def ask() -> int:
        assert gateway.stdin is not None
        assert gateway.stdout is not None
        gateway.stdin.write(b"\n")
        return int(await gateway.stdout.readline())

    return lambda: asyncio.ensure_future(ask())


async def _upload_all(
    port: int, memory: Callable[[], "asyncio.Future[int]"]
) -> tuple[list[int], int]:
    async def upload() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % SIZE)
        for _ in range(SIZE // 65_536):
            writer.write(b"x" * 65_536)
            await writer.drain()
        line = await reader.readline()
        # What the server never took would keep the connection open beyond the test.
        writer.transport.abort()
        with contextlib.suppress(OSError):
            await writer.wait_closed()
        return int(line.split()[1])

    before = most = await memory()
    uploads = [asyncio.ensure_future(upload()) for _ in range(UPLOADS)]
    everything = asyncio.gather(*uploads)
    while not everything.done():
        most = max(most, await memory())
        await asyncio.sleep(0.05)
    return list(await everything), most - before
