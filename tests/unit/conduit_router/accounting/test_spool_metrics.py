"""An operator sees what of the spool waits, was lost, or was set aside."""

import errno
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from tests.support.disk import refuse
from tests.support.spools import closed_segment

from conduit_kernel.ids import IdSource
from conduit_router.accounting.backlog import Backlog
from conduit_router.accounting.charging import ChargeRecorder
from conduit_router.accounting.prices import PriceList
from conduit_router.accounting.segment import CHARGE
from conduit_router.accounting.spool import Spool
from conduit_router.accounting.spool_metrics import SpoolMetrics


def test_what_people_should_look_at_is_counted(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also before there is any."""
    path = closed_segment(tmp_path, b"one")
    spool = Spool(tmp_path)
    backlog = Backlog(spool, max_bytes=700)
    recorder = ChargeRecorder(
        spool, PriceList(), IdSource(lambda: 0.0), lambda: 0.0, backlog=backlog
    )
    registry = CollectorRegistry()
    registry.register(SpoolMetrics(spool, backlog))

    def values() -> list[float | None]:
        aside = [
            registry.get_sample_value("conduit_spool_set_aside_total", {"kind": kind})
            for kind in ("damaged_segment", "refused_record")
        ]
        names = ("conduit_charges_waiting", "conduit_charges_lost_total")
        return [*aside, *map(registry.get_sample_value, names)]

    assert values() == [0, 0, 0, 0]
    spool.closed_segments()
    spool.discard(path, is_damaged=True)
    spool.set_aside([(CHARGE, b"odd")] * 2)
    with monkeypatch.context() as patch:
        refuse(patch, "write", errno.ENOSPC)
        for _ in range(5):
            recorder.store(CHARGE, b"refused")
    assert values() == [1, 2, 2, 3]
    spool.close()
