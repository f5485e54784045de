"""A segment gives every whole record, whatever became of the bytes between them."""

import os
from pathlib import Path

import pytest
from tests.support.spools import closed_segment

from conduit_router.accounting.segment import CHARGE, Segment, read_segment


@pytest.mark.parametrize("cut", range(1, 13))
def test_a_torn_record_hides_none_before_it(tmp_path: Path, cut: int) -> None:
    """Wherever the last write was cut, what came before it is whole, and that is no damage."""
    path = closed_segment(tmp_path, b"whole", b"torn")
    os.truncate(path, path.stat().st_size - cut)
    assert read_segment(path) == Segment([(CHARGE, b"whole")], is_torn=True)


@pytest.mark.parametrize("at", range(13))
def test_damage_hides_none_that_come_after_it(tmp_path: Path, at: int) -> None:
    """Whichever byte the disk changed, of length, checksum, kind or message."""
    path = closed_segment(tmp_path, b"one.", b"two.", b"three")
    data = bytearray(path.read_bytes())
    data[13 + at] ^= 0x41
    path.write_bytes(data)
    assert read_segment(path) == Segment([(CHARGE, b"one."), (CHARGE, b"three")], is_damaged=True)


def test_a_lost_page_hides_only_its_own_records(tmp_path: Path) -> None:
    """A power cut leaves zeros where a page was not written yet."""
    path = closed_segment(tmp_path, *[b"%06d" % number for number in range(2000)])
    data = bytearray(path.read_bytes())
    data[4096:8192] = bytes(4096)
    path.write_bytes(data)
    segment = read_segment(path)
    kept = {int(message) for _, message in segment.records}
    assert segment.is_damaged
    assert kept == set(range(2000)) - set(range(4096 // 15, 8192 // 15 + 1))


def test_a_lost_page_of_whole_records_is_damage(tmp_path: Path) -> None:
    """Zeros are an end only where nothing follows them."""
    path = closed_segment(tmp_path, *[b"%07d" % number for number in range(1000)])
    data = bytearray(path.read_bytes())
    assert len(data) == 16_000
    data[4096:8192] = bytes(4096)
    path.write_bytes(data)
    segment = read_segment(path)
    assert len(segment.records) == 1000 - 256
    assert segment.is_damaged


def test_zeros_at_the_end_are_no_records_and_no_damage(tmp_path: Path) -> None:
    """Nor does their checksum, which is right, make a charge of them."""
    path = closed_segment(tmp_path, b"one")
    with path.open("ab") as file:
        file.write(bytes(4096))
    assert read_segment(path) == Segment([(CHARGE, b"one")], is_damaged=False)


def test_a_record_torn_before_zeros_is_torn(tmp_path: Path) -> None:
    """A power cut may leave a file its length, and not its end."""
    path = closed_segment(tmp_path, b"whole", b"torn and long")
    os.truncate(path, path.stat().st_size - 5)
    os.truncate(path, 4096)
    assert read_segment(path) == Segment([(CHARGE, b"whole")], is_torn=True)


@pytest.mark.parametrize("at", range(13, 26))
def test_damage_to_the_last_record_is_damage(tmp_path: Path, at: int) -> None:
    """All of it was written, so somebody may have been told that it is stored."""
    path = closed_segment(tmp_path, b"one.", b"two.")
    data = bytearray(path.read_bytes())
    data[at] ^= 0x41
    path.write_bytes(data)
    assert read_segment(path) == Segment([(CHARGE, b"one.")], is_damaged=True)


def test_records_go_on_after_half_a_record(tmp_path: Path) -> None:
    """Which is damage where it is not the end."""
    path = closed_segment(tmp_path, b"one.", b"two.")
    data = path.read_bytes()
    path.write_bytes(data[:20] + data)
    segment = read_segment(path)
    assert segment.records == [(CHARGE, b"one."), (CHARGE, b"one."), (CHARGE, b"two.")]
    assert segment.is_damaged
    assert not segment.is_torn
