"""The spool loses nothing: not by a crash, not by a torn write, not by a full disk."""

import os
import resource
import signal
from pathlib import Path

import pytest

from conduit_router.spool import CHARGE, TALLY, Spool, read_segment


def records(spool: Spool) -> list[tuple[bytes, bytes]]:
    """Return what is ready to be delivered."""
    return [record for path in spool.closed_segments() for record in read_segment(path)]


def test_what_is_appended_comes_back_in_order(tmp_path: Path) -> None:
    """Kind and message, unchanged."""
    spool = Spool(tmp_path)
    stored = [(CHARGE, b"one"), (TALLY, b""), (CHARGE, bytes(range(256)) * 100)]
    for kind, message in stored:
        spool.append(kind, message)
    assert records(spool) == []
    spool.rotate()
    assert records(spool) == stored
    spool.close()


def test_discarded_segments_are_gone(tmp_path: Path) -> None:
    """Delivered once is enough."""
    spool = Spool(tmp_path)
    spool.append(CHARGE, b"one")
    spool.rotate()
    spool.discard(spool.closed_segments()[0])
    spool.append(CHARGE, b"two")
    spool.rotate()
    assert records(spool) == [(CHARGE, b"two")]
    spool.close()


def test_a_successor_adopts_what_a_crash_left(tmp_path: Path) -> None:
    """The records of a process that is gone are delivered by another, then its folder removed."""
    crashed = Spool(tmp_path)
    crashed.append(CHARGE, b"left")
    crashed.close()
    spool = Spool(tmp_path)
    assert records(spool) == [(CHARGE, b"left")]
    for segment in spool.closed_segments():
        spool.discard(segment)
    assert len(list(tmp_path.iterdir())) == 1
    spool.close()


def test_a_living_process_keeps_its_own(tmp_path: Path) -> None:
    """Nobody delivers what another process still writes."""
    one, two = Spool(tmp_path), Spool(tmp_path)
    one.append(CHARGE, b"mine")
    one.rotate()
    assert records(two) == []
    one.close()
    assert records(two) == [(CHARGE, b"mine")]
    two.close()


@pytest.mark.parametrize("cut", range(1, 14))
def test_a_torn_record_hides_none_before_it(tmp_path: Path, cut: int) -> None:
    """Wherever the last write was cut, what came before it is whole."""
    spool = Spool(tmp_path)
    spool.append(CHARGE, b"whole")
    spool.append(CHARGE, b"torn")
    spool.rotate()
    path = spool.closed_segments()[0]
    os.truncate(path, path.stat().st_size - cut)
    assert list(read_segment(path)) == [(CHARGE, b"whole")]
    spool.close()


def test_a_flipped_bit_is_noticed(tmp_path: Path) -> None:
    """What the disk changed is not charged."""
    spool = Spool(tmp_path)
    spool.append(CHARGE, b"message")
    spool.rotate()
    path = spool.closed_segments()[0]
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(data)
    assert list(read_segment(path)) == []
    spool.close()


def test_segments_are_closed_at_their_size(tmp_path: Path) -> None:
    """No segment grows beyond its size by more than a record."""
    spool = Spool(tmp_path, segment_bytes=100)
    for _ in range(30):
        spool.append(CHARGE, b"x" * 20)
    assert all(path.stat().st_size <= 130 for path in spool.closed_segments())
    spool.rotate()
    assert len(records(spool)) == 30
    spool.close()


def test_a_full_disk_is_told_and_leaves_no_half_record(tmp_path: Path) -> None:
    """The caller hears of it, and later records are not hidden behind a torn one."""
    spool = Spool(tmp_path)
    spool.append(CHARGE, b"before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = next(tmp_path.rglob("*.spool")).stat().st_size
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10, hard))
    try:
        with pytest.raises(OSError, match=r"full|too large"):
            spool.append(CHARGE, b"does not fit")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    spool.append(CHARGE, b"after")
    spool.rotate()
    assert records(spool) == [(CHARGE, b"before"), (CHARGE, b"after")]
    spool.close()


async def test_sync_survives_a_rotation(tmp_path: Path) -> None:
    """Bringing records to the disk and closing a segment do not get into each other's way."""
    spool = Spool(tmp_path)
    for _ in range(20):
        spool.append(CHARGE, b"x")
        await spool.sync()
        spool.rotate()
    assert len(records(spool)) == 20
    spool.close()


def test_what_is_set_aside_is_kept_and_not_delivered(tmp_path: Path) -> None:
    """A record that was refused waits for people, beside the others."""
    spool = Spool(tmp_path)
    spool.set_aside(CHARGE, b"odd")
    assert list(read_segment(tmp_path / "refused")) == [(CHARGE, b"odd")]
    spool.rotate()
    assert records(spool) == []
    spool.close()
