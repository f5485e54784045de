"""A process that spools on a disk of its own, with little room: `... OPTIONS ROOMIER_OPTIONS`.

It mounts the disk where nobody else sees it, stores numbers beyond what fits, delivers, and prints
how many had to wait, and what was delivered.
"""

import asyncio
import sys
import tempfile
from pathlib import Path

from conduit_kernel.ids import IdSource
from conduit_router.accounting.charging import ChargeRecorder
from conduit_router.accounting.prices import PriceList
from conduit_router.accounting.segment import CHARGE, read_segment
from conduit_router.accounting.spool import Spool

SEGMENT_BYTES = 8000
COUNT = 1000
RECORD = "{:0250d}"
# What it ends with where a process may not mount anything.
NOT_ALLOWED = 77


async def _mount(*options: str) -> None:
    process = await asyncio.create_subprocess_exec("mount", *options)
    if await process.wait():
        sys.exit(NOT_ALLOWED)


def _deliver(spool: Spool) -> list[int]:
    taken = []
    for path in spool.closed_segments():
        segment = read_segment(path)
        assert not segment.is_damaged
        taken += [int(message) for _, message in segment.records]
        spool.discard(path)
    return taken


async def _run(disk: Path, options: str, roomier: str) -> None:
    await _mount("-t", "tmpfs", "-o", options, "tmpfs", str(disk))
    spool = Spool(disk / "spool", segment_bytes=SEGMENT_BYTES)
    recorder = ChargeRecorder(spool, PriceList(), IdSource(lambda: 0.0), lambda: 0.0)
    for number in range(COUNT):
        recorder.store(CHARGE, RECORD.format(number).encode())
    waited = len(recorder.backlog.records)
    taken = _deliver(spool)
    if roomier:
        await _mount("-o", f"remount,{roomier}", str(disk))
    while recorder.backlog.records:
        try:
            await recorder.backlog.retry()
        except OSError:
            # What is delivered makes room.
            spool.rotate()
            taken += _deliver(spool)
    spool.rotate()
    taken += _deliver(spool)
    spool.close()
    sys.stdout.write("\n" + " ".join(map(str, (waited, *taken))))


if __name__ == "__main__":
    # Ends with the process, which has its mounts for itself; the folder beneath is empty.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        asyncio.run(_run(Path(folder), *sys.argv[1:3]))
