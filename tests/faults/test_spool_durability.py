"""What is promised of charges: no end of a process loses one, and a power cut the last moment's."""

import asyncio
import os
import sys
import time
from pathlib import Path

import grpc
import pytest
from tests.faults.charging_gateway import Ledger, serving_ledger

from conduit_kernel.background import Background
from conduit_kernel.ids import IdSource
from conduit_router.accounting.charging import ChargeRecorder
from conduit_router.accounting.prices import PriceList
from conduit_router.accounting.segment import CHARGE, read_segment
from conduit_router.accounting.spool import SYNC_SECONDS, Spool
from conduit_router.control_plane.charge_delivery import ChargeDelivery

# What a busy machine may add: both to when the loop runs, and to what a disk takes.
SLACK_SECONDS = 0.6
# How long a process may take until Billing has its first charges.
PATIENCE_SECONDS = 30.0


async def killed(folder: Path, ledger: Ledger, name: str, after: int, taken: int) -> list[str]:
    """Run a process that spools, kill it; return the charges for which callers have an answer.

    It is killed once it said so many, and Billing took so many.
    """
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.faults.spooling_process",
        str(folder),
        ledger.target,
        name,
        stdout=asyncio.subprocess.PIPE,
        limit=1 << 24,
    )
    assert process.stdout is not None
    lines: list[bytes] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(lines) < after or len(ledger.charges) < taken:
            lines.append(await process.stdout.readline())
    process.kill()
    lines += (await process.stdout.read()).splitlines(keepends=True)
    await process.wait()
    return [line.decode().strip() for line in lines if line.endswith(b"\n")]


async def test_kill_9_loses_no_charge_of_an_answered_call(tmp_path: Path) -> None:
    """Wherever it strikes, in writing, rotating, delivering or removing: each reaches Billing."""
    answered: list[str] = []
    async with serving_ledger() as ledger:
        # Some had reached Billing, and segments were removed, when the last kill came.
        for number, (after, taken) in enumerate(((1, 0), (400, 0), (1500, 1))):
            answered += await killed(tmp_path, ledger, f"p{number}", after, taken)
        spool = Spool(tmp_path)
        recorder = ChargeRecorder(spool, PriceList(), IdSource(lambda: 0.0), lambda: 0.0)
        async with grpc.aio.insecure_channel(ledger.target) as channel:
            await ChargeDelivery(channel, spool, recorder, ()).deliver()
        await spool.aclose()
    assert len(answered) > 1900
    assert set(answered) <= set(ledger.charges)
    # Besides, one of each process that was stored, and whose caller was not answered any more.
    assert len(ledger.charges) <= len(answered) + 3
    # Nothing is left but the folder of this process.
    assert list(tmp_path.glob("*.damaged")) == []
    assert len(list(tmp_path.glob("*/*.spool"))) == 1


class Disk:
    """What a disk has for certain: what was brought to it by fsync, and no more."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._sizes: dict[Path, int] = {}
        self._entries: dict[Path, set[str]] = {}
        self._fsync = os.fsync
        monkeypatch.setattr(os, "fsync", self._note)

    def _note(self, file: int) -> None:
        path = Path(f"/proc/self/fd/{file}").readlink()
        if path.is_dir():
            entries = {entry.name for entry in path.iterdir()}
            self._fsync(file)
            self._entries[path] = entries
        else:
            size = os.fstat(file).st_size
            self._fsync(file)
            self._sizes[path] = size

    def after_power_cut(self, root: Path, copy: Path) -> None:
        """Make a copy of a folder with what is certain."""
        copy.mkdir()
        for name in self._entries.get(root, ()):
            path = root / name
            if path.is_dir():
                self.after_power_cut(path, copy / name)
            elif path.exists():
                (copy / name).write_bytes(path.read_bytes()[: self._sizes.get(path, 0)])


async def test_a_power_cut_loses_the_last_moment_only(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is older is on the disk, and so are the folders by which it is found."""
    disk, background = Disk(monkeypatch), Background()
    data = tmp_path / "data"
    data.mkdir()
    spool = Spool(data / "router" / "spool", segment_bytes=1000)
    background.run("spool_sync", spool.sync, every=SYNC_SECONDS, when=spool.unsynced)
    stored_at: list[float] = []
    began = time.monotonic()
    while time.monotonic() < began + 3 * (SYNC_SECONDS + SLACK_SECONDS):
        spool.append(CHARGE, b"%06d" % len(stored_at))
        stored_at.append(time.monotonic())
        await asyncio.sleep(0.002)
    cut_at = time.monotonic()
    disk.after_power_cut(data, tmp_path / "after")
    await background.stop()
    spool.close()
    successor = Spool(tmp_path / "after" / "router" / "spool")
    kept = {
        int(message)
        for path in successor.closed_segments()
        for _, message in read_segment(path).records
    }
    successor.close()
    old = [n for n, at in enumerate(stored_at) if at < cut_at - SYNC_SECONDS - SLACK_SECONDS]
    assert len(old) > 100
    assert kept >= set(old)
