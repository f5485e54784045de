"""Sound through a whole worker: a caller's HTTP in, a provider's HTTP out."""

import asyncio
import hashlib
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import openai
import pytest
from tests.support.snapshots import (
    ALIAS,
    VIRTUAL_KEY,
    mapping,
    provider,
    save_snapshot,
    snapshot,
)
from tests.support.transcribers import Transcribers, transcribers

from conduit_kernel.http.limits import MIB

CALLS, SIZE = 8, 25 * MIB
# 8 x 25 MB are 200 MB; each call may hold some pieces, at both ends and between.
MOST_GROWTH_KIB = 50 * 1024


class Worker:
    """A running worker."""

    def __init__(self, process: asyncio.subprocess.Process, port: int, folder: Path) -> None:
        self.url = f"http://127.0.0.1:{port}/v1"
        self.folder = folder
        self._process = process

    async def memory(self) -> int:
        """Return its resident memory in KiB."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(b"\n")
        # Between lines of its log.
        while not (line := (await self._process.stdout.readline()).strip()).isdigit():
            assert line
        return int(line)


@asynccontextmanager
async def worker(folder: Path, *addresses: str) -> AsyncIterator[Worker]:
    """Run a worker with an instance at each address, in order of priority."""
    instances = [provider(n, address, priority=n) for n, address in enumerate(addresses, 1)]
    mappings = [mapping(each.id, each.id, priority=each.id) for each in instances]
    save_snapshot(folder / "router" / "snapshot.binpb", snapshot(instances, mappings=mappings))
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.integration.suite.upload_worker", str(folder)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        yield Worker(process, int(await process.stdout.readline()), folder)
    finally:
        process.stdin.close()
        await process.wait()


@pytest.fixture
async def upstream() -> AsyncIterator[Transcribers]:
    """Run the providers."""
    async with transcribers() as found:
        yield found


async def test_the_sdk_gets_its_words(tmp_path: Path, upstream: Transcribers) -> None:
    """From the second provider; with the form as the SDK writes it, and subtitles as text."""
    data = b"\xff\xfbsound" * 1000
    sound = ("talk.mp3", data, "audio/mpeg")
    async with (
        worker(tmp_path, f"{upstream.address}/bad", f"{upstream.address}/good") as running,
        openai.AsyncOpenAI(base_url=running.url, api_key=VIRTUAL_KEY, max_retries=0) as sdk,
    ):
        found = await sdk.audio.transcriptions.create(
            model=ALIAS, file=sound, language="en", timestamp_granularities=["word"]
        )
        with pytest.warns(DeprecationWarning, match="deprecated"):
            # OpenAI's own says so of its translations; Groq's does not.
            translated = await sdk.audio.translations.create(model=ALIAS, file=sound)
    assert (found.text, translated.text) == ("Hello.", "Hello.")
    assert upstream.sent[0].files == upstream.sent[-1].files == [("talk.mp3", "audio/mpeg", data)]
    assert upstream.sent[-1].path == "/good/audio/translations"
    asked = next(sent for sent in upstream.sent if sent.path.startswith("/good"))
    assert dict(asked.members)["timestamp_granularities[]"] == "word"


async def test_the_sdk_gets_subtitles(tmp_path: Path, upstream: Transcribers) -> None:
    """As text, as from OpenAI."""
    async with (
        worker(tmp_path, f"{upstream.address}/vtt") as running,
        openai.AsyncOpenAI(base_url=running.url, api_key=VIRTUAL_KEY, max_retries=0) as sdk,
    ):
        found = await sdk.audio.transcriptions.create(
            model=ALIAS, file=("a.mp3", b"x"), response_format="vtt"
        )
    assert found.startswith("WEBVTT")


@pytest.mark.timeout(180)
async def test_large_uploads_pass_in_bounded_memory(tmp_path: Path, upstream: Transcribers) -> None:
    """Several at once, each refused by a first provider after all of it, and taken by a second."""
    piece = bytes(range(256)) * 256

    async def form() -> AsyncIterator[bytes]:
        yield b'--x\r\ncontent-disposition: form-data; name="file"; filename="a.wav"\r\n\r\n'
        for _ in range(SIZE // len(piece)):
            yield piece
        yield b'\r\n--x\r\ncontent-disposition: form-data; name="model"\r\n\r\n'
        yield ALIAS.encode() + b"\r\n--x--\r\n"

    async def upload(http: httpx.AsyncClient) -> int:
        headers = {
            "authorization": f"Bearer {VIRTUAL_KEY}",
            "content-type": "multipart/form-data; boundary=x",
        }
        answer = await http.post("/audio/transcriptions", content=form(), headers=headers)
        return answer.status_code

    addresses = (f"{upstream.address}/count-bad", f"{upstream.address}/count-good")
    async with (
        worker(tmp_path, *addresses) as running,
        httpx.AsyncClient(base_url=running.url, timeout=120) as http,
    ):
        before = most = await running.memory()
        everything = asyncio.gather(*(upload(http) for _ in range(CALLS)))
        while not everything.done():
            most = max(most, await running.memory())
            await asyncio.sleep(0.05)
        assert await everything == [200] * CALLS
        kept = [*(tmp_path / "uploads").iterdir(), *(tmp_path / "router" / "uploads").iterdir()]
    assert kept == []
    assert most - before < MOST_GROWTH_KIB
    # What each provider got is as long as all others' and, but for the boundary, the same.
    assert len(upstream.digests) >= 2 * CALLS
    assert hashlib.sha256(b"").hexdigest() not in upstream.digests
