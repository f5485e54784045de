"""What the spool does when a system call fails: nothing is lost, doubled or written elsewhere."""

import contextlib
import errno
import itertools
import os
import resource
import signal
import socket
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from tests.support.disk import creates, refuse, synced_paths

from conduit_router.accounting.segment import CHARGE, read_segment
from conduit_router.accounting.spool import Spool

Fail = Callable[..., object]
NO_DISK = (errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EMFILE, errno.EIO, errno.ENOENT)


@pytest.fixture
def fail(monkeypatch: pytest.MonkeyPatch) -> Fail:
    """Return a function that lets calls of the system fail with a number."""
    return partial(refuse, monkeypatch)


def delivered(spool: Spool) -> list[bytes]:
    """Take everything as Billing would; return the messages."""
    taken = []
    spool.rotate()
    for path in spool.closed_segments():
        segment = read_segment(path)
        assert not segment.is_damaged
        taken += [message for _, message in segment.records]
        spool.discard(path)
    return taken


def strangers() -> list[tuple[socket.socket, socket.socket]]:
    """Return connections that take every number that is free."""
    return [socket.socketpair() for _ in range(8)]


def assert_untouched(pairs: list[tuple[socket.socket, socket.socket]]) -> None:
    """Nothing arrived at either end of any connection."""
    ends = list(itertools.chain(*pairs))
    arrived = []
    for end in ends:
        with contextlib.suppress(BlockingIOError):
            arrived.append(end.recv(100, socket.MSG_DONTWAIT))
    for end in ends:
        end.close()
    assert arrived == []


@pytest.mark.parametrize("code", NO_DISK)
def test_a_segment_that_cannot_be_made_leaves_the_old_one_open(
    tmp_path: Path, fail: Fail, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    """Charges go on into it, not to the next connection, and the disk's return mends all."""
    spool = Spool(tmp_path)
    spool.append(CHARGE, b"before")
    fail("open", code, when=creates)
    fail("mkdir", code)
    for number in range(3):
        with pytest.raises(OSError, match=r"\[Errno"):
            spool.rotate()
        pairs = strangers()
        spool.append(CHARGE, b"%d" % number)
        assert_untouched(pairs)
    monkeypatch.undo()
    spool.append(CHARGE, b"after")
    assert delivered(spool) == [b"before", b"0", b"1", b"2", b"after"]
    assert delivered(spool) == []
    spool.close()


def test_a_record_is_stored_though_the_next_segment_cannot_be_made(
    tmp_path: Path, fail: Fail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever heard of an error would store it again."""
    spool = Spool(tmp_path, segment_bytes=40)
    fail("open", errno.ENOSPC, when=creates)
    for number in range(20):
        spool.append(CHARGE, b"%02d" % number)
    monkeypatch.undo()
    assert delivered(spool) == [b"%02d" % number for number in range(20)]
    spool.close()


def test_a_folder_that_was_moved_away_is_adopted_where_it_comes_back(tmp_path: Path) -> None:
    """Meanwhile there is another one."""
    root = tmp_path / "spool"
    spool = Spool(root)
    spool.append(CHARGE, b"before")
    folder = next(root.iterdir())
    folder.rename(tmp_path / "away")
    spool.append(CHARGE, b"moved")
    spool.rotate()
    pairs = strangers()
    spool.append(CHARGE, b"meanwhile")
    assert_untouched(pairs)
    assert delivered(spool) == [b"meanwhile"]
    (tmp_path / "away").rename(folder)
    assert delivered(spool) == [b"before", b"moved"]
    assert delivered(spool) == []
    spool.close()


def test_a_spool_that_was_moved_away_goes_on_where_it_is(tmp_path: Path) -> None:
    """With nowhere to begin anything, the open segment is still the right one."""
    root = tmp_path / "spool"
    spool = Spool(root)
    spool.append(CHARGE, b"before")
    root.rename(tmp_path / "away")
    with pytest.raises(FileNotFoundError):
        spool.rotate()
    pairs = strangers()
    spool.append(CHARGE, b"moved")
    assert_untouched(pairs)
    with pytest.raises(FileNotFoundError):
        spool.closed_segments()
    (tmp_path / "away").rename(root)
    assert delivered(spool) == [b"before", b"moved"]
    spool.close()


def test_a_record_after_the_end_is_refused(tmp_path: Path) -> None:
    """The number of the closed file is somebody else's by then."""
    spool = Spool(tmp_path)
    spool.close()
    pairs = strangers()
    with pytest.raises(OSError, match="Bad file descriptor"):
        spool.append(CHARGE, b"late")
    assert_untouched(pairs)


async def test_what_the_disk_did_not_take_is_brought_to_it_again(
    tmp_path: Path, fail: Fail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A segment, the one before it, and the folders that name them."""
    spool = Spool(tmp_path)
    spool.append(CHARGE, b"one")
    spool.rotate()
    spool.append(CHARGE, b"two")
    fail("fsync", errno.EIO)
    with pytest.raises(OSError, match="Input/output"):
        await spool.sync()
    monkeypatch.undo()
    synced = synced_paths(monkeypatch)
    await spool.sync()
    folder = next(tmp_path.iterdir())
    assert synced == {tmp_path, folder, *folder.glob("*.spool")}
    synced.clear()
    await spool.sync()
    assert synced == set()
    monkeypatch.undo()
    assert delivered(spool) == [b"one", b"two"]
    spool.close()


def test_neither_appending_nor_rotating_waits_for_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are the event loop's."""
    spool = Spool(tmp_path, segment_bytes=40)
    synced_paths(monkeypatch)
    for _ in range(10):
        spool.append(CHARGE, b"x" * 10)
        spool.rotate()
    monkeypatch.undo()
    spool.close()


@pytest.mark.parametrize("written", [0, 1, 8, 9, 12])
def test_a_full_disk_is_told_and_leaves_no_half_record(tmp_path: Path, written: int) -> None:
    """The caller hears of it, and later records are not hidden behind a torn one."""
    spool = Spool(tmp_path)
    spool.append(CHARGE, b"before")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    size = next(tmp_path.rglob("*.spool")).stat().st_size
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + written, hard))
    try:
        for _ in range(2):
            with pytest.raises(OSError, match=r"No space|too large"):
                spool.append(CHARGE, b"does not fit")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    spool.append(CHARGE, b"after")
    assert delivered(spool) == [b"before", b"after"]
    spool.close()


def test_half_a_record_that_cannot_be_cut_off_spoils_no_other(
    tmp_path: Path, fail: Fail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those around it are delivered, also when the next one is cut off."""
    spool = Spool(tmp_path)
    spool.append(CHARGE, b"one")
    write = os.write
    for can_cut in (False, True):
        monkeypatch.setattr(os, "write", lambda file, data: write(file, data[:5]))
        if not can_cut:
            fail("ftruncate", errno.EIO)
        with pytest.raises(OSError, match=r"No space|Input/output"):
            spool.append(CHARGE, b"half")
        monkeypatch.undo()
        spool.append(CHARGE, b"whole")
    spool.rotate()
    segment = read_segment(spool.closed_segments()[0])
    assert [message for _, message in segment.records] == [b"one", b"whole", b"whole"]
    assert segment.is_damaged
    spool.close()


def test_no_room_is_an_error_and_stores_nothing(
    tmp_path: Path, fail: Fail, monkeypatch: pytest.MonkeyPatch
) -> None:
    """ENOSPC before the first byte."""
    spool = Spool(tmp_path)
    spool.append(CHARGE, b"before")
    fail("write", errno.ENOSPC)
    with pytest.raises(OSError, match="No space left"):
        spool.append(CHARGE, b"refused")
    monkeypatch.undo()
    spool.append(CHARGE, b"refused")
    assert delivered(spool) == [b"before", b"refused"]
    spool.close()


@pytest.mark.parametrize("call", ["mkdir", "open", "rename"])
def test_a_spool_begins_when_the_disk_lets_it(
    tmp_path: Path, fail: Fail, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """A process starts all the same, is told why nothing can be stored, and leaves no litter."""
    fail(call, errno.ENOSPC)
    spool = Spool(tmp_path)
    pairs = strangers()
    for _ in range(2):
        with pytest.raises(OSError, match="No space left"):
            spool.append(CHARGE, b"refused")
        with pytest.raises(OSError, match="No space left"):
            spool.rotate()
    assert_untouched(pairs)
    assert spool.closed_segments() == []
    assert list(tmp_path.iterdir()) == []
    monkeypatch.undo()
    assert not spool.rotate()
    spool.append(CHARGE, b"stored")
    spool.begin()
    assert delivered(spool) == [b"stored"]
    assert len(list(tmp_path.iterdir())) == 1
    spool.close()


async def test_a_spool_that_never_began_ends_well(tmp_path: Path, fail: Fail) -> None:
    """And does not begin thereafter."""
    fail("mkdir", errno.EROFS)
    spool = Spool(tmp_path / "spool")
    await spool.sync()
    assert spool.closed_segments() == []
    await spool.aclose()
    spool.begin()
    with pytest.raises(OSError, match="Bad file descriptor"):
        spool.append(CHARGE, b"late")
