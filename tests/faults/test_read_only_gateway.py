"""A whole gateway whose disk can be written no more, or has no room for uploads."""

from pathlib import Path

import httpx
import pytest
from tests.faults.test_full_gateway import (
    FEW_LINES,
    PATIENCE_SECONDS,
    REFUSED,
    chat,
    counted,
    events,
    is_ready,
    kill,
)
from tests.support.gateways import Served, wait_for
from tests.support.small_disk_gateway import SmallDisk

from conduit_cli.gateway import GatewayError
from conduit_cli.keys import VIRTUAL, KeyFile

pytestmark = pytest.mark.slow

# Within what an upload may have in memory, and beyond it.
SMALL, LARGE = 1000, 3_000_000


def make_key(served: Served, name: str) -> str:
    """Make a virtual key; return what came of it."""
    try:
        made = served.admin().call("POST", "/api/virtual-keys", {"name": name})
    except GatewayError as error:
        return error.code
    return "made" if made["key"] else "nothing"


def transcribe(served: Served, size: int) -> tuple[int, str]:
    """Upload so many bytes of sound; return the status, and the error's code if there is one."""
    key = KeyFile(served.data_dir).read()[VIRTUAL]
    answer = httpx.post(
        f"{served.url}/v1/audio/transcriptions",
        headers={"authorization": f"Bearer {key}"},
        data={"model": "echo"},
        files={"file": ("said.wav", b"R" * size)},
        timeout=30,
    )
    body = answer.json()
    return answer.status_code, body["error"]["code"] if "error" in body else ""


def test_uploads_outlast_their_disk(tmp_path: Path) -> None:
    """One that fits into memory is answered, another is refused as our own lack; then both are."""
    with SmallDisk(tmp_path / "disk", "size=8m", "--workers", "1") as served:
        assert transcribe(served, LARGE) == (200, "")
        served.fill()
        for _ in range(3):
            assert transcribe(served, SMALL) == (200, "")
            assert transcribe(served, LARGE) == (503, "service_unavailable")
        served.mend()
        assert transcribe(served, LARGE) == (200, "")
        wait_for(lambda: counted(served) == 5, PATIENCE_SECONDS)
        assert "Traceback" not in "".join(served.log)


def test_a_gateway_outlasts_a_disk_that_is_read_only(tmp_path: Path) -> None:
    """Calls go on, of new processes, too; changes are refused, and made once it is writable."""
    with SmallDisk(tmp_path / "disk", "size=8m", "--workers", "1") as served:
        chat(served, 0)
        wait_for(lambda: counted(served) == 1, PATIENCE_SECONDS)
        served.forbid_writes()
        for number in range(5):
            chat(served, number)
        assert transcribe(served, LARGE) == (503, "service_unavailable")
        kill(served)
        for number in range(5):
            chat(served, number)
        assert make_key(served, "refused") == REFUSED
        wait_for(lambda: not is_ready(served), PATIENCE_SECONDS)
        flood = {event: times for event, times in events(served).items() if times > FEW_LINES}
        assert flood == {}
        served.allow_writes()
        wait_for(lambda: is_ready(served), PATIENCE_SECONDS)
        wait_for(lambda: make_key(served, "made") == "made", PATIENCE_SECONDS)
        before = counted(served)
        chat(served, 1)
        # What waited in the memory of the process that was not killed follows, too.
        wait_for(lambda: counted(served) > before, PATIENCE_SECONDS)
        assert make_key(served, "refused") == "made"
        assert "Traceback" not in "".join(served.log)
