"""Real disks without room, without names, and without either from the start."""

import asyncio
import shutil
import sys

import pytest
from tests.faults.small_disk_process import COUNT, NOT_ALLOWED


@pytest.mark.parametrize(
    ("options", "roomier", "is_refused"),
    [
        pytest.param("size=100k", "", True, id="no-room"),
        pytest.param("size=4m,nr_inodes=7", "", False, id="no-more-files"),
        pytest.param("size=4m,nr_inodes=2", "nr_inodes=100", True, id="no-file-from-the-start"),
    ],
)
async def test_every_charge_is_delivered_once(
    options: str, roomier: str, *, is_refused: bool
) -> None:
    """Out of memory, of the last segment that could be begun, or of a spool that began late."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("this system has no unshare")
    process = await asyncio.create_subprocess_exec(
        *(unshare, "-rm", sys.executable, "-m", "tests.faults.small_disk_process"),
        *(options, roomier),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complaints = await process.communicate()
    if process.returncode == NOT_ALLOWED or b"unshare failed" in complaints:
        pytest.skip("this system lets no test mount a disk")
    assert process.returncode == 0, complaints
    waited, *taken = map(int, said.splitlines()[-1].split())
    assert taken == list(range(COUNT))
    assert (waited > 0) == is_refused
