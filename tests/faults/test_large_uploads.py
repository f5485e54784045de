"""Uploads larger than the memory that all of them may take."""

import asyncio
import contextlib
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.support.http_peers import (
    MIB,
    upstream,
)
from tests.support.http_samples import OK

pytestmark = pytest.mark.slow

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
