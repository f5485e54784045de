"""How the counts of workers become one, over files that may be broken or of the dead."""

import errno
import os
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry, Metric
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.registry import Collector
from tests.support.clock import Clock
from tests.support.route_metrics import counted, seconds_of, values

from conduit_kernel.exposition import (
    KEEP_SECONDS,
    SIGN_OF_LIFE_SECONDS,
    STALE_SECONDS,
    Exposition,
)
from conduit_kernel.process_metrics import ProcessMetrics

LABELS = {"method": "GET", "route": "/a", "rpc": "A"}


class Gauge(Collector):
    """A gauge of a test."""

    def __init__(self, value: float) -> None:
        self.value = value

    def collect(self) -> Iterator[Metric]:
        """Yield the one value, with a label that needs escaping."""
        gauge = GaugeMetricFamily("things", "What there is.", labels=("kind",))
        gauge.add_metric(('q"uo\nted',), self.value)
        yield gauge


async def test_workers_add_up(tmp_path: Path) -> None:
    """Counters, histograms and gauges; families that only one of them has as well."""
    first, _ = counted(0.1, 0.2)
    second, _ = counted(0.3)
    first.register(Gauge(2.0))
    second.register(Gauge(3.0))
    await Exposition(second, folder=tmp_path, worker="b").write()
    text = await Exposition(first, folder=tmp_path, worker="a").render()
    requests = values(text, "conduit_http_requests_total")
    assert requests == [({**LABELS, "status": "200"}, 3)]
    assert values(text, seconds_of("count")) == [(LABELS, 3)]
    assert values(text, "things") == [({"kind": 'q"uo\nted'}, 5.0)]


async def test_one_worker_is_as_good_as_many(tmp_path: Path) -> None:
    """The way over files changes nothing in what is told."""
    registry, _ = counted(0.1, 0.7)
    alone = await Exposition(registry).render()
    among = await Exposition(registry, folder=tmp_path, worker="a").render()
    assert sorted(alone.splitlines()) == sorted(among.splitlines())


async def test_the_dead_are_not_counted_and_cleared_away(tmp_path: Path) -> None:
    """A worker that stopped writing is gone; its file follows later."""
    registry, _ = counted(0.1)
    exposition = Exposition(registry, folder=tmp_path, worker="a")
    for worker, age in (("b", STALE_SECONDS + 5), ("c", KEEP_SECONDS + 5)):
        await Exposition(registry, folder=tmp_path, worker=worker).write()
        path = tmp_path / f"{worker}.json"
        written = path.stat().st_mtime - age
        os.utime(path, (written, written))
    text = await exposition.render()
    assert values(text, "conduit_http_requests_total")[0][1] == 1
    assert [path.name for path in tmp_path.iterdir()] == ["b.json"]


async def test_a_broken_file_does_not_break_the_scrape(tmp_path: Path) -> None:
    """As when a disk was full."""
    registry, _ = counted(0.1)
    (tmp_path / "b.json").write_bytes(b'[["conduit')
    text = await Exposition(registry, folder=tmp_path, worker="a").render()
    assert values(text, "conduit_http_requests_total")[0][1] == 1


async def test_the_file_is_written_when_counts_change_and_as_a_sign_of_life(tmp_path: Path) -> None:
    """An idle worker leaves the disk alone, and does not seem dead."""
    registry, counts = counted(0.1)
    clock = Clock()
    exposition = Exposition(registry, folder=tmp_path, worker="a", clock=clock, timer=clock)
    path = tmp_path / "a.json"

    async def is_written() -> bool:
        path.unlink(missing_ok=True)
        await exposition.write()
        return path.exists()

    assert await is_written()
    clock.now = SIGN_OF_LIFE_SECONDS - 0.1
    assert not await is_written()
    counts.ended(200, 0.1)
    assert await is_written()
    assert not await is_written()
    clock.now += SIGN_OF_LIFE_SECONDS
    assert await is_written()
    assert SIGN_OF_LIFE_SECONDS < STALE_SECONDS / 2
    await exposition.close()
    assert not path.exists()
    await exposition.close()


@pytest.mark.parametrize(
    "data", [b"", b"\x00" * 10, b"null", b'[["a"]]', b'["\xff"]', b'[["a","b","gauge",[[]]]]']
)
async def test_whatever_a_siblings_file_holds_the_scrape_goes_on(
    tmp_path: Path, data: bytes
) -> None:
    """Also of another version."""
    registry, _ = counted(0.1)
    (tmp_path / "b.json").write_bytes(data)
    text = await Exposition(registry, folder=tmp_path, worker="a").render()
    assert values(text, "conduit_http_requests_total")[0][1] == 1


async def test_a_file_is_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the disk is full, the former one stays, and the next write tries again."""
    registry, counts = counted(0.1)
    exposition = Exposition(registry, folder=tmp_path, worker="a", timer=lambda: 0.0)
    await exposition.write()
    before = (tmp_path / "a.json").read_bytes()
    counts.ended(200, 0.1)
    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_bytes", _full)
        with pytest.raises(OSError, match="No space"):
            await exposition.write()
    assert (tmp_path / "a.json").read_bytes() == before
    await exposition.write()
    assert (tmp_path / "a.json").read_bytes() != before


def _full(_path: Path, _data: bytes) -> int:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


async def test_a_worker_alone_has_no_file(tmp_path: Path) -> None:
    """Neither to write nor to remove."""
    registry, _ = counted(0.1)
    for exposition in (Exposition(registry), Exposition(registry, folder=tmp_path)):
        await exposition.write()
        await exposition.close()
    assert not list(tmp_path.iterdir())


async def test_much_to_write_is_written_less_often(tmp_path: Path) -> None:
    """So that thousands of series take a fiftieth of a processor at most; others still see it."""
    registry, counts = counted(0.1)
    clock, timer = Clock(), iter((0.0, 0.1, 10.0, 10.01))
    exposition = Exposition(
        registry, folder=tmp_path, worker="a", clock=clock, timer=lambda: next(timer)
    )
    path = tmp_path / "a.json"
    await exposition.write()
    written = path.read_bytes()
    counts.ended(200, 0.1)
    clock.now = SIGN_OF_LIFE_SECONDS - 0.1
    await exposition.write()
    assert path.read_bytes() == written
    clock.now = SIGN_OF_LIFE_SECONDS
    await exposition.write()
    assert path.read_bytes() != written


async def test_what_a_process_takes_is_no_change(tmp_path: Path) -> None:
    """It changes by being looked at; an idle worker would write each second."""
    clock = Clock()
    exposition = Exposition(
        CollectorRegistry(),
        process=ProcessMetrics("a"),
        folder=tmp_path,
        worker="a",
        clock=clock,
    )
    path = tmp_path / "a.json"
    await exposition.write()
    path.unlink()
    clock.now = SIGN_OF_LIFE_SECONDS - 0.1
    await exposition.write()
    assert not path.exists()


async def test_what_has_no_file_of_its_own_shows_those_of_others(tmp_path: Path) -> None:
    """As the only worker shows the control plane's."""
    registry, _ = counted(0.1)
    await Exposition(registry, folder=tmp_path, worker="control").write()
    text = await Exposition(registry, folder=tmp_path).render()
    assert values(text, "conduit_http_requests_total")[0][1] == 2


class Asked(Collector):
    """What a process takes, and the threads that asked for it."""

    def __init__(self) -> None:
        self.by: list[threading.Thread] = []

    def collect(self) -> Iterator[Metric]:
        """Yield nothing but a number."""
        self.by.append(threading.current_thread())
        yield GaugeMetricFamily("conduit_process_open_fds", "Descriptors.", value=7)


async def test_a_process_is_asked_what_it_takes_by_no_loop_that_serves(tmp_path: Path) -> None:
    """The system takes its time; and not for a file that is not written."""
    registry, counts = counted(0.1)
    asked = Asked()
    clock = Clock()
    shown = Exposition(
        registry, process=asked, folder=tmp_path, worker="a", clock=clock, timer=clock
    )
    for _ in range(3):
        await shown.write()
    assert len(asked.by) == 1
    counts.ended(200, 0.1)
    await shown.write()
    assert len(asked.by) == 2
    for exposition in (shown, Exposition(registry, process=asked)):
        assert values(await exposition.render(), "conduit_process_open_fds") == [({}, 7.0)]
    assert threading.current_thread() not in asked.by
