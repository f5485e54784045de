"""A disk that refuses charges: nothing is lost, one line is said, and one record is tried."""

import errno
from collections.abc import Iterator
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.support.disk import refuse

from conduit.internal.v1.call_tally_pb2 import CallTally
from conduit_kernel.ids import IdSource
from conduit_router.accounting.charging import ChargeRecorder
from conduit_router.accounting.prices import PriceList
from conduit_router.accounting.spool import Spool, read_segment


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[Spool]:
    """Return a spool."""
    opened = Spool(tmp_path)
    yield opened
    opened.close()


def stored(spool: Spool) -> list[int]:
    """Return the instances whose tallies are in the spool."""
    spool.rotate()
    return [
        CallTally.FromString(message).provider_id
        for path in spool.closed_segments()
        for _, message in read_segment(path).records
    ]


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO])
async def test_what_the_disk_refused_is_stored_when_it_takes_it(
    spool: Spool, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """In between, one record of all that wait is tried, and the log is not filled."""
    recorder = ChargeRecorder(spool, PriceList(), IdSource(lambda: 0.0), lambda: 0.0)
    with capture_logs() as logs:
        with monkeypatch.context() as patch:
            refused = refuse(patch, "write", code)
            for provider_id in range(1, 101):
                recorder.count_attempt(provider_id, 1.0, is_success=True)
                recorder.flush()
            assert recorder.refused.is_set()
            refused.clear()
            for _ in range(10):
                with pytest.raises(OSError, match="Errno"):
                    await recorder.store_refused()
            assert len(refused) == 10
        await recorder.store_refused()
        await recorder.store_refused()
    assert stored(spool) == list(range(1, 101))
    assert [(e["event"], e.get("stored")) for e in logs] == [
        ("spool_refused", None),
        ("spool_recovered", 100),
    ]


async def test_a_disk_that_fills_again_keeps_the_rest_waiting(
    spool: Spool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was stored is not stored twice."""
    recorder = ChargeRecorder(spool, PriceList(), IdSource(lambda: 0.0), lambda: 0.0)
    with monkeypatch.context() as patch:
        refuse(patch, "write", errno.ENOSPC)
        for provider_id in (1, 2, 3):
            recorder.count_attempt(provider_id, 1.0, is_success=True)
            recorder.flush()
    with monkeypatch.context() as patch:
        calls = iter((False, True))
        refuse(patch, "write", errno.ENOSPC, when=lambda *_: next(calls))
        with pytest.raises(OSError, match="No space"):
            await recorder.store_refused()
    await recorder.store_refused()
    assert stored(spool) == [1, 2, 3]
