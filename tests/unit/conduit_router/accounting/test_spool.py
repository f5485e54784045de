"""The spool loses nothing: not by a crash, not by a torn write, not by damage on the disk."""

from pathlib import Path

from tests.support.spools import closed_segment

from conduit_router.accounting.segment import CHARGE, TALLY, read_segment
from conduit_router.accounting.spool import Spool


def records(spool: Spool) -> list[tuple[bytes, bytes]]:
    """Return what is ready to be delivered."""
    return [record for path in spool.closed_segments() for record in read_segment(path).records]


def deliver(spool: Spool) -> list[bytes]:
    """Take everything as Billing would; return the messages."""
    taken = []
    spool.rotate()
    for path in spool.closed_segments():
        segment = read_segment(path)
        taken += [message for _, message in segment.records]
        spool.discard(path, is_damaged=segment.is_damaged)
    return taken


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


def test_a_successor_waits_for_no_lock_and_removes_no_living_folder(tmp_path: Path) -> None:
    """A folder is seen only once it has an owner, and only its adopter ever removes it."""
    one, two = Spool(tmp_path), Spool(tmp_path)
    assert two.closed_segments() == []
    living = next(tmp_path.glob("*/*.spool"))
    assert living.parent.joinpath("lock").exists()
    for path in tmp_path.glob("*/*.spool"):
        # As a sibling would that listed the folder before its owner had the lock.
        two.discard(path)
    assert len(list(tmp_path.iterdir())) == 2
    one.append(CHARGE, b"one")
    two.append(CHARGE, b"two")
    one.rotate()
    one.append(CHARGE, b"more")
    assert deliver(one)[-1:] == [b"more"]
    one.close()
    two.close()


def test_an_adopted_folder_has_one_heir(tmp_path: Path) -> None:
    """It is held until it is delivered, also over several looks; then the next one may have it."""
    crashed, one, two = Spool(tmp_path), Spool(tmp_path), Spool(tmp_path)
    crashed.append(CHARGE, b"left")
    crashed.close()
    assert records(one) == records(one) == [(CHARGE, b"left")]
    assert records(two) == []
    one.close()
    assert deliver(two) == [b"left"]
    two.close()


def test_a_folder_that_holds_nothing_is_cleared_away(tmp_path: Path) -> None:
    """Its process ended between delivering and removing it."""
    crashed, spool = Spool(tmp_path), Spool(tmp_path)
    crashed.close()
    for path in spool.closed_segments():
        path.unlink()
    assert spool.closed_segments() == []
    assert len(list(tmp_path.iterdir())) == 1
    spool.close()


def test_a_damaged_segment_is_kept_for_people_to_look_at(tmp_path: Path) -> None:
    """Its whole records are delivered once, and nobody adopts what is left."""
    path = closed_segment(tmp_path, b"one", b"two", b"three")
    data = bytearray(path.read_bytes())
    data[15] ^= 1
    path.write_bytes(data)
    spool = Spool(tmp_path)
    assert deliver(spool) == [b"one", b"three"]
    assert [kept.read_bytes() for kept in tmp_path.glob("*.damaged")] == [bytes(data)]
    assert spool.damaged_segments == 1
    assert deliver(spool) == []
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
    """Records that were refused wait for people, beside the others."""
    spool = Spool(tmp_path)
    for message in (b"odd", b"queer"):
        assert spool.set_aside([(CHARGE, message)]) == tmp_path / "refused"
    assert read_segment(tmp_path / "refused").records == [(CHARGE, b"odd"), (CHARGE, b"queer")]
    assert spool.refused_records == 2
    spool.rotate()
    assert records(spool) == []
    spool.close()
