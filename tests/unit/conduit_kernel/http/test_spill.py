"""Uploads that are kept so that they can be sent again."""

import asyncio
import errno
import os
from pathlib import Path

import pytest
from tests.support.http_peers import (
    both_loops,
)
from tests.support.upload_pieces import source_of

from conduit_kernel.http import (
    HttpError,
    LocalExhausted,
    SpillBody,
    SpillFull,
    SpillSpace,
)


async def whole(body: SpillBody) -> bytes:
    """Read an upload from its beginning."""
    return b"".join([piece async for piece in await body.open()])


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
async def test_all_uploads_together_take_no_more_memory_than_they_may(tmp_path: Path) -> None:
    """Those that come when it is used up go to the disk at once, until one of the others ends."""
    space = SpillSpace(tmp_path, memory_bytes=6_000, all_memory_bytes=10_000)
    bodies = [SpillBody(await source_of(b"x" * 5_000, b"y"), space) for _ in range(3)]
    for body in bodies:
        await body.fill()
    assert [body.in_memory for body in bodies] == [5_001, 0, 0]
    assert [await whole(body) for body in bodies] == [b"x" * 5_000 + b"y"] * 3
    for body in bodies:
        body.close()
    later = SpillBody(await source_of(b"z" * 5_000, b"z"), space)
    await later.fill()
    assert later.in_memory == 5_001
    later.close()


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


@both_loops
async def test_reader_of_a_closed_upload_gets_no_end(tmp_path: Path) -> None:
    """Neither from memory nor from the file: what is forgotten must not look whole."""
    for memory_bytes in (0, 100):
        body = SpillBody(
            await source_of(b"abc", b"def"), SpillSpace(tmp_path, memory_bytes=memory_bytes)
        )
        reader = await body.open()
        assert await reader.next() == b"abc"
        await body.fill()
        body.close()
        for _ in range(2):
            with pytest.raises(HttpError, match="closed"):
                await reader.next()


@both_loops
async def test_length_is_known_when_all_has_come(tmp_path: Path) -> None:
    """Or when it was announced; the size grows as it comes."""
    body = SpillBody(await source_of(b"abc", b"de"), SpillSpace(tmp_path))
    assert (body.length, body.size) == (None, 0)
    await (await body.open()).next()
    assert (body.length, body.size) == (None, 3)
    await body.fill()
    assert (body.length, body.size) == (5, 5)
    body.close()
    announced = SpillBody(await source_of(), SpillSpace(tmp_path), length=9)
    assert announced.length == 9
    announced.close()
