"""What the disk refuses waits in memory, in order and within bounds; one is tried for all."""

import asyncio
import errno
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.support.disk import refuse

from conduit_kernel.ids import IdSource
from conduit_router.accounting.backlog import Backlog
from conduit_router.accounting.charging import ChargeRecorder
from conduit_router.accounting.prices import PriceList
from conduit_router.accounting.segment import CHARGE, read_segment
from conduit_router.accounting.spool import Spool


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """Return a spool."""
    opened = Spool(tmp_path)
    yield opened
    opened.close()


def stored(spool: Spool) -> list[int]:
    """Return the numbers in the spool."""
    spool.rotate()
    return [
        int(message)
        for path in spool.closed_segments()
        for _, message in read_segment(path).records
    ]


def recording(spool: Spool, **bounds: int) -> ChargeRecorder:
    """Return a recorder whose backlog has some bounds."""
    kept = Backlog(spool, **bounds)
    return ChargeRecorder(spool, PriceList(), IdSource(lambda: 0.0), lambda: 0.0, backlog=kept)


def store(recorder: ChargeRecorder, *numbers: int) -> None:
    """Store some numbers."""
    for number in numbers:
        recorder.store(CHARGE, b"%d" % number)


async def test_what_comes_later_waits_behind_what_was_refused(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One record in a hundred is tried, also when the disk would take the others."""
    recorder = recording(spool)
    backlog = recorder.backlog
    with monkeypatch.context() as patch:
        refused = refuse(patch, "write", errno.ENOSPC)
        store(recorder, *range(100))
        assert len(refused) == 1
        for tries in range(2, 12):
            with pytest.raises(OSError, match="No space"):
                await backlog.retry()
            assert len(refused) == tries
    store(recorder, 100)
    assert stored(spool) == []
    await backlog.retry()
    store(recorder, 101)
    assert stored(spool) == list(range(102))
    assert len(backlog.records) == 0


async def test_memory_is_bounded_and_what_is_lost_is_told(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Once when it begins, and with its number when the disk is back; the oldest are kept."""
    recorder = recording(spool, max_bytes=10 * 301)
    backlog = recorder.backlog
    with capture_logs() as logs:
        with monkeypatch.context() as patch:
            refuse(patch, "write", errno.EROFS)
            store(recorder, *(number % 10 for number in range(100)))
            assert (len(backlog.records), backlog.lost) == (10, 90)
        await backlog.retry()
        # The room is there again.
        with monkeypatch.context() as patch:
            refuse(patch, "write", errno.EROFS)
            store(recorder, *range(10))
        await backlog.retry()
    assert stored(spool) == [*range(10), *range(10)]
    assert [(entry["event"], entry.get("lost")) for entry in logs] == [
        ("spool_refused", None),
        ("charges_lost", None),
        ("spool_recovered", 90),
        ("spool_refused", None),
        ("spool_recovered", 0),
    ]
    assert backlog.lost == 90


async def test_calls_are_refused_only_where_the_operator_says_so(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From so many waiting records on, until fewer wait."""
    ever, never = recording(spool, refuse_at=3), recording(spool)
    with monkeypatch.context() as patch:
        refuse(patch, "write", errno.ENOSPC)
        seen = []
        for number in range(4):
            store(ever, number)
            store(never, number)
            seen.append((ever.backlog.refuses_calls, never.backlog.refuses_calls))
    assert seen == [(False, False), (False, False), (True, False), (True, False)]
    await ever.backlog.retry()
    assert not ever.backlog.refuses_calls


async def test_a_long_backlog_holds_nobody_up(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Others have their turn while it is stored, and what they store comes behind it."""
    recorder = recording(spool)
    backlog = recorder.backlog
    with monkeypatch.context() as patch:
        refuse(patch, "write", errno.ENOSPC)
        store(recorder, *range(20_000))
    retry = asyncio.ensure_future(backlog.retry())
    await asyncio.sleep(0)
    assert not retry.done()
    store(recorder, 20_000)
    await retry
    assert stored(spool) == list(range(20_001))


def test_what_is_lost_with_the_process_is_told(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The disk refused to the last."""
    recorder = recording(spool)
    backlog = recorder.backlog
    with capture_logs() as logs:
        backlog.give_up()
        with monkeypatch.context() as patch:
            refuse(patch, "write", errno.EIO)
            store(recorder, 1, 2)
        backlog.give_up()
    assert [(entry["event"], entry.get("lost")) for entry in logs] == [
        ("spool_refused", None),
        ("charges_lost", 2),
    ]
