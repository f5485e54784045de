"""Two callers whose uploads meet a disk that refuses them: each has an answer of its own."""

import asyncio
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from tests.support.gateways import Served
from tests.support.scripted_upstream import answer, serve
from tests.support.small_disk_gateway import SmallDisk

pytestmark = pytest.mark.slow

# Within what an upload may have in memory, and beyond it.
SMALL, LARGE = 1000, 3_000_000
CALLERS = (b"A", b"B")
ROUNDS = 3
HEARD = (200, "")
OUR_LACK = (503, "service_unavailable")


def prepare(served: Served, url: str) -> list[str]:
    """Have a provider transcribe, and return the keys of two callers."""
    admin = served.admin()
    made = {"name": "Ears", "providerType": "OpenAI", "baseUrl": url}
    ears = admin.call("POST", "/api/providers", made)["id"]
    admin.call("POST", f"/api/providers/{ears}/keys", {"apiKey": "sk-any-0123456789"})
    mapping = {"modelAlias": "hear", "providerId": ears, "actualModelName": "whisper-1"}
    admin.call("POST", "/api/model-provider-mappings", mapping)
    names = [each.decode() for each in CALLERS]
    return [admin.call("POST", "/api/virtual-keys", {"name": each})["key"] for each in names]


async def upload(url: str, key: str, sound: bytes) -> tuple[int, str]:
    """Upload sound; return the status, and the error's code if there is one."""
    async with httpx.AsyncClient(base_url=url, timeout=60) as client:
        found = await client.post(
            "/v1/audio/transcriptions",
            headers={"authorization": f"Bearer {key}"},
            data={"model": "hear"},
            files={"file": ("said.wav", sound)},
        )
    body = found.json()
    return found.status_code, body["error"]["code"] if "error" in body else ""


async def together(url: str, keys: list[str], size: int) -> list[tuple[int, str]]:
    """Have both callers upload, several times each, all at once."""
    calls = [
        upload(url, key, name * size)
        for _ in range(ROUNDS)
        for name, key in zip(CALLERS, keys, strict=True)
    ]
    return await asyncio.gather(*calls)


FULL = (SmallDisk.fill, SmallDisk.mend)
READ_ONLY = (SmallDisk.forbid_writes, SmallDisk.allow_writes)


@pytest.mark.parametrize(("refuse", "allow"), [FULL, READ_ONLY], ids=["full", "read-only"])
async def test_uploads_side_by_side_meet_no_other(
    tmp_path: Path, refuse: Callable[[SmallDisk], None], allow: Callable[[SmallDisk], None]
) -> None:
    """What fits into memory is heard, what does not is refused as our own lack, to each of them."""
    async with serve(answer(b'{"text":"heard"}')) as upstream:
        served = await asyncio.to_thread(SmallDisk, tmp_path / "disk", "size=24m", "--workers", "1")
        with served:
            keys = await asyncio.to_thread(prepare, served, upstream.url)
            assert await together(served.url, keys, LARGE) == [HEARD] * 2 * ROUNDS
            url = served.url
            await asyncio.to_thread(refuse, served)
            assert await together(url, keys, LARGE) == [OUR_LACK] * 2 * ROUNDS
            assert await together(url, keys, SMALL) == [HEARD] * 2 * ROUNDS
            assert await together(url, keys, LARGE) == [OUR_LACK] * 2 * ROUNDS
            await asyncio.to_thread(allow, served)
            assert await together(url, keys, LARGE) == [HEARD] * 2 * ROUNDS
            assert "Traceback" not in "".join(served.log)
        sounds = [name * size for size in (LARGE, SMALL) for name in CALLERS]
        for body in upstream.bodies:
            # Whole, and of one of them.
            assert [name * SMALL in body for name in CALLERS].count(True) == 1
            assert any(b"\r\n\r\n%b\r\n" % sound in body for sound in sounds)
