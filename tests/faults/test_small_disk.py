"""Real disks without room, without names, without either from the start, and read-only ones."""

import asyncio
import shutil
import sys

import pytest
from tests.faults.read_only_database_process import HELD_TRIES, TRIES
from tests.faults.small_disk_process import COUNT, NOT_ALLOWED


async def said_by(module: str, *arguments: str) -> list[str]:
    """Return what a process with mounts of its own says in the end; else skip the test."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("this system has no unshare")
    process = await asyncio.create_subprocess_exec(
        *(unshare, "-rm", sys.executable, "-m", f"tests.faults.{module}", *arguments),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complaints = await process.communicate()
    if process.returncode == NOT_ALLOWED or b"unshare failed" in complaints:
        pytest.skip("this system lets no test mount a disk")
    assert process.returncode == 0, complaints
    return said.decode().splitlines()[-1].split()


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
    words = await said_by("small_disk_process", options, roomier)
    waited, *taken = map(int, words)
    assert taken == list(range(COUNT))
    assert (waited > 0) == is_refused


async def test_a_database_is_written_again_once_its_disk_is() -> None:
    """Though all of its connections were opened while the disk was read-only.

    What is still in use holds up writes until it is returned; nothing stays open but the pool's.
    """
    *came, descriptors = await said_by("read_only_database_process")
    assert came == ["refused"] * (1 + HELD_TRIES) + ["made"] * TRIES
    assert int(descriptors) <= 1
