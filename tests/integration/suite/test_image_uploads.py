"""Images that are to be changed, through a whole worker: a caller's HTTP in, a provider's out."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import openai
import pytest
from tests.integration.suite.test_uploads import CALLS, MOST_GROWTH_KIB, SIZE, worker
from tests.support.snapshots import ALIAS, VIRTUAL_KEY
from tests.support.transcribers import Transcribers, transcribers

MEMBERS = {"prompt": "a hat", "n": 2, "size": "1024x1024", "quality": "low", "user": "u"}


@pytest.fixture
async def upstream() -> AsyncIterator[Transcribers]:
    """Run the providers."""
    async with transcribers() as found:
        yield found


async def test_the_sdks_form_reaches_the_provider_whole(
    tmp_path: Path, upstream: Transcribers
) -> None:
    """From the SDK through a worker as from the SDK itself, but for the model and the order."""
    images = [("a.png", b"\x89PNG a" * 1000, "image/png"), ("b.webp", b"WEBP", "image/webp")]
    mask = ("m.png", b"\x89PNG m", "image/png")

    async def edit(url: str, model: str) -> None:
        async with openai.AsyncOpenAI(base_url=url, api_key=VIRTUAL_KEY, max_retries=0) as sdk:
            found = await sdk.images.edit(model=model, image=images, mask=mask, **MEMBERS)  # type: ignore[call-overload] # by name
            assert found.data[0].b64_json == "iVBORw0KGgo="

    await edit(f"{upstream.address}/good", "model-2")
    async with worker(tmp_path, f"{upstream.address}/bad", f"{upstream.address}/good") as running:
        await edit(running.url, ALIAS)
    (direct, *_, last) = upstream.sent
    assert [sent.path.split("/")[1] for sent in upstream.sent][:2] == ["good", "bad"]
    assert last.path == direct.path == "/good/images/edits"
    assert sorted(last.members) == sorted(direct.members)
    assert last.files == direct.files


@pytest.mark.timeout(180)
async def test_large_images_pass_in_bounded_memory(tmp_path: Path, upstream: Transcribers) -> None:
    """Several at once, each refused by a first provider after all of it, and taken by a second."""
    piece = bytes(range(256)) * 256

    async def form() -> AsyncIterator[bytes]:
        yield b'--x\r\ncontent-disposition: form-data; name="image"; filename="a.png"\r\n\r\n'
        for _ in range(SIZE // len(piece)):
            yield piece
        for name, value in ((b"model", ALIAS.encode()), (b"prompt", b"a hat")):
            yield b'\r\n--x\r\ncontent-disposition: form-data; name="%b"\r\n\r\n%b' % (name, value)
        yield b"\r\n--x--\r\n"

    async def upload(http: httpx.AsyncClient) -> int:
        headers = {
            "authorization": f"Bearer {VIRTUAL_KEY}",
            "content-type": "multipart/form-data; boundary=x",
        }
        answer = await http.post("/images/edits", content=form(), headers=headers)
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
