"""The control plane's beginning and end, where nobody is there to be asked."""

import asyncio
import errno
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.support.call_bench import Bench
from tests.support.disk import refuse
from tests.support.snapshots import ENCRYPTION_KEY, provider, save_snapshot, snapshot

from conduit_kernel.key_ring import KeyRing
from conduit_kernel.settings import Settings
from conduit_router.accounting.prices import PriceList
from conduit_router.control_plane.control_plane import ControlPlane
from conduit_router.trail.recent_calls import RecentCalls

NOWHERE = "127.0.0.1:1"


def made(folder: Path) -> tuple[ControlPlane, Bench]:
    """Return a control plane whose services are all away, and what it delivers."""
    bench = Bench(folder / "spool")
    settings = Settings(
        data_dir=folder,
        master_key="master",
        encryption_key=ENCRYPTION_KEY,
        targets=dict.fromkeys(("registry", "health", "billing"), NOWHERE),
    )
    plane = ControlPlane(
        settings,
        keys=KeyRing.of(settings),
        recorder=bench.recorder,
        spool=bench.spool,
        prices=PriceList(),
        provider_state=bench.state,
        outcomes=bench.outcomes,
        recent=RecentCalls(10),
        router_id="r1",
        clock=time.time,
        timer=time.monotonic,
    )
    return plane, bench


@pytest.fixture
async def stored(tmp_path: Path) -> AsyncIterator[ControlPlane]:
    """Return a control plane that finds a configuration on the disk."""
    save_snapshot(tmp_path / "router" / "snapshot.binpb", snapshot([provider(1)]))
    plane, _ = made(tmp_path)
    yield plane
    await plane.close()


async def test_a_stored_configuration_is_used_at_once(stored: ControlPlane) -> None:
    """Before anybody was asked for one."""
    loaded: list[int] = []

    async def load() -> None:
        loaded.append(stored.state.revision)

    await stored.load_stored(load)
    assert loaded == [7]


async def test_a_stored_configuration_that_cannot_be_used_is_forgotten(
    stored: ControlPlane,
) -> None:
    """So the Registry is asked for all of it; the start goes on."""

    async def load() -> None:
        raise RuntimeError("written by another version")

    with capture_logs() as logs:
        await stored.load_stored(load)
    assert [entry["event"] for entry in logs] == ["snapshot_unusable"]
    assert stored.state.revision == 0


async def test_nothing_stored_loads_nothing(tmp_path: Path) -> None:
    """A table of nothing would be served as if it were a configuration."""
    plane, _ = made(tmp_path)

    async def load() -> None:
        raise AssertionError("loaded")

    await plane.load_stored(load)
    await plane.close()


async def test_closing_ends_though_nobody_listens_and_the_disk_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part is closed whatever became of the one before."""
    plane, bench = made(tmp_path)
    with bench.admit() as scope:
        scope.succeed(bench.begun(scope))
    with capture_logs() as logs, monkeypatch.context() as patch:
        refuse(patch, "fsync", errno.EIO)
        async with asyncio.timeout(10):
            await plane.close()
    assert {"delivery_waits"} <= {entry["event"] for entry in logs}
