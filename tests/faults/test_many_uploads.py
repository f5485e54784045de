"""A hundred uploads of the largest size at once, through a whole worker: `make uploads`."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
from tests.integration.suite.test_uploads import worker
from tests.support.snapshots import ALIAS, VIRTUAL_KEY
from tests.support.transcribers import transcribers

from conduit_kernel.http.limits import MIB

CALLS, SIZE = int(os.environ.get("CONDUIT_UPLOADS", "100")), 25 * MIB
MOST_KIB = 250_000_000 // 1024
PIECE = bytes(range(256)) * 256
# Each route with the name of its file, and its other members.
FORMS = {
    "/audio/transcriptions": ("file", {"model": ALIAS}),
    "/images/edits": ("image", {"model": ALIAS, "prompt": "a hat"}),
}


@pytest.mark.skipif("CONDUIT_UPLOADS" not in os.environ, reason="takes the disk: make uploads")
@pytest.mark.timeout(600)
@pytest.mark.parametrize("route", FORMS)
async def test_a_hundred_uploads_fit_into_a_worker(tmp_path: Path, route: str) -> None:
    """All of them under way at once: none ends before each has begun; a first provider refuses."""
    name, members = FORMS[route]
    begun = asyncio.Semaphore(0)
    all_begun = asyncio.Event()

    async def form() -> AsyncIterator[bytes]:
        head = f'content-disposition: form-data; name="{name}"; filename="a.bin"'
        yield f"--x\r\n{head}\r\n\r\n".encode()
        for place in range(SIZE // len(PIECE)):
            yield PIECE
            if place == 1:
                begun.release()
                await all_begun.wait()
        for key, value in members.items():
            yield f'\r\n--x\r\ncontent-disposition: form-data; name="{key}"\r\n\r\n{value}'.encode()
        yield b"\r\n--x--\r\n"

    async def upload(http: httpx.AsyncClient) -> int:
        headers = {
            "authorization": f"Bearer {VIRTUAL_KEY}",
            "content-type": "multipart/form-data; boundary=x",
        }
        return (await http.post(route, content=form(), headers=headers)).status_code

    async with transcribers() as upstream:
        addresses = (f"{upstream.address}/count-bad", f"{upstream.address}/count-good")
        limits = httpx.Limits(max_connections=CALLS)
        async with (
            worker(tmp_path, *addresses) as running,
            httpx.AsyncClient(base_url=running.url, timeout=500, limits=limits) as http,
        ):
            most = await running.memory()
            everything = asyncio.gather(*(upload(http) for _ in range(CALLS)))
            for _ in range(CALLS):
                await begun.acquire()
            all_begun.set()
            while not everything.done():
                most = max(most, await running.memory())
                await asyncio.sleep(0.05)
            assert await everything == [200] * CALLS
            folders = (tmp_path / "uploads", tmp_path / "router" / "uploads")
            assert [file for folder in folders for file in folder.iterdir()] == []
    sys.stdout.write(f"{CALLS} uploads to {route}: {most // 1024} MiB at most\n")
    assert most < MOST_KIB
