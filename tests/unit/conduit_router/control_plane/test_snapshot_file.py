"""The last configuration on disk: whole or not at all, whatever the disk does."""

import errno
from pathlib import Path

import pytest
from structlog.testing import capture_logs
from tests.support.disk import refuse
from tests.support.snapshots import provider, save_snapshot, snapshot

from conduit_kernel.snapshot import SnapshotState
from conduit_router.control_plane.snapshot_file import SnapshotFile, load_snapshot

OLD, NEW = snapshot([provider(1)]), snapshot([provider(1), provider(2)])


def file(path: Path) -> SnapshotFile:
    """Return what stores the new configuration."""
    return SnapshotFile(path, SnapshotState.of(NEW))


async def test_what_is_stored_comes_back(tmp_path: Path) -> None:
    """In a folder that was not there, and for nobody else's eyes."""
    path = tmp_path / "router" / "snapshot.binpb"
    await file(path).save()
    loaded = load_snapshot(path)
    assert loaded is not None
    assert [each.id for each in loaded.providers] == [1, 2]
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("call", ["fsync", "open"])
async def test_a_disk_that_refuses_leaves_the_former_file_and_no_litter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, call: str
) -> None:
    """A part of a file would take the room that a full disk lacks."""
    path = tmp_path / "snapshot.binpb"
    save_snapshot(path, OLD)
    with monkeypatch.context() as patch:
        refuse(patch, call, errno.ENOSPC)
        with pytest.raises(OSError, match="No space"):
            await file(path).save()
    assert load_snapshot(path) == OLD
    assert list(tmp_path.iterdir()) == [path]


async def test_closing_stores_only_what_changed(tmp_path: Path) -> None:
    """A process that only read must not write an older configuration over its neighbour's."""
    path = tmp_path / "snapshot.binpb"
    unchanged = file(path)
    await unchanged.close()
    assert not path.exists()
    unchanged.changed.set()
    await unchanged.close()
    assert path.exists()


def test_none_and_nonsense_are_no_configuration(tmp_path: Path) -> None:
    """The one is normal, the other is said; a folder in its place is nonsense, too."""
    path = tmp_path / "snapshot.binpb"
    with capture_logs() as logs:
        assert load_snapshot(path) is None
        assert logs == []
        path.write_bytes(b"\xff\xff\xff")
        assert load_snapshot(path) is None
        path.unlink()
        path.mkdir()
        assert load_snapshot(path) is None
    assert [entry["event"] for entry in logs] == ["snapshot_unreadable"] * 2
