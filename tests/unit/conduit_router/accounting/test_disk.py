"""What the spool asks of a disk leaves nothing half done and nothing open."""

import errno
import os
from pathlib import Path

import pytest
from tests.support.disk import refuse

from conduit_router.accounting.disk import create, cut_off, lock, sync, sync_and_close


def open_files() -> set[str]:
    """Return the numbers of the files that this process has open."""
    return {path.name for path in Path("/proc/self/fd").iterdir()}


def synced_names(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Return the names of what is brought to the disk from now on."""
    synced: list[str] = []

    def fsync(file: int) -> None:
        synced.append(Path(f"/proc/self/fd/{file}").readlink().name)

    monkeypatch.setattr(os, "fsync", fsync)
    return synced


def test_half_a_record_is_cut_off(tmp_path: Path) -> None:
    """What was there before it stays, and whoever wrote it hears that there is no room."""
    file = create(tmp_path / "segment")
    os.write(file, b"whole")
    with pytest.raises(OSError, match="No space left"):
        cut_off(file, os.write(file, b"ha"))
    os.write(file, b"next")
    os.close(file)
    assert (tmp_path / "segment").read_bytes() == b"wholenext"


def test_no_file_is_made_twice(tmp_path: Path) -> None:
    """Two that append to one file would not know how long it is."""
    os.close(create(tmp_path / "segment"))
    with pytest.raises(FileExistsError):
        create(tmp_path / "segment")


def test_a_folder_has_one_owner(tmp_path: Path) -> None:
    """Until that lets go; who asks in vain has nothing open."""
    owned = lock(tmp_path)
    before = open_files()
    with pytest.raises(BlockingIOError):
        lock(tmp_path)
    assert open_files() == before
    os.close(owned)
    os.close(lock(tmp_path))


def test_one_file_that_cannot_be_had_keeps_no_other_from_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told at the end; what is gone was delivered."""
    paths = [tmp_path / name for name in ("bad", "good", "gone")]
    for path in paths[:2]:
        path.touch()
    with monkeypatch.context() as patch:
        refuse(patch, "open", errno.EIO, when=lambda path, *_: path == paths[0])
        synced = synced_names(patch)
        before = open_files()
        with pytest.raises(OSError, match="Input/output"):
            sync(paths)
    assert synced == ["good"]
    assert open_files() == before


def test_files_are_closed_though_the_disk_refuses(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A lock that is not let go of would keep its folder from being adopted."""
    before = open_files()
    file = create(tmp_path / "segment")
    refuse(monkeypatch, "fsync", errno.EIO)
    with pytest.raises(OSError, match="Input/output"):
        sync_and_close([tmp_path / "segment"], [file])
    assert open_files() == before
