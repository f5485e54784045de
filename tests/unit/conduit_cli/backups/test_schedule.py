"""Backups are made when they are due."""

import contextlib
import sqlite3
from pathlib import Path

import pytest
from tests.support.registry import Clock

from conduit_cli.backup import BackupFailed
from conduit_cli.backups.configuration import BackupSettings
from conduit_cli.backups.schedule import (
    FOLDER,
    RETRY_SECONDS,
    BackupSchedule,
    moment_of,
    restore_backup,
    store_backup,
)
from conduit_cli.backups.stores import FolderStore, StoreFailed
from conduit_cli.keys import ENCRYPTION, MASTER, KeyFile

KEY = bytes(range(32))
DAY = 86_400.0


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Return a data directory."""
    folder = tmp_path / "data"
    KeyFile(folder).store({MASTER: "canary-master", ENCRYPTION: "e"})
    with contextlib.closing(sqlite3.connect(folder / "registry.db")) as database:
        database.execute("CREATE TABLE things (text TEXT)")
        database.execute("INSERT INTO things VALUES ('canary-thing')")
        database.commit()
    return folder


@pytest.fixture
def settings(tmp_path: Path) -> BackupSettings:
    """Return what has a backup made each day, of which two are kept."""
    return BackupSettings(FolderStore(tmp_path / "store"), KEY, DAY, 2)


def test_a_backup_is_encrypted_and_restored(
    tmp_path: Path, data: Path, settings: BackupSettings
) -> None:
    """The newest one, or one by its name; nothing is left beside."""
    clock = Clock()
    first = store_backup(data, settings, clock())
    stored = (tmp_path / "store" / first.name).read_bytes()
    assert (len(stored), b"canary" in stored, stored[:2] == b"PK") == (first.size, False, False)
    with contextlib.closing(sqlite3.connect(data / "registry.db")) as database:
        database.execute("DELETE FROM things")
        database.commit()
    second = store_backup(data, settings, clock() + 60)
    for name, expected in (("", 0), (second.name, 0), (first.name, 1)):
        target = tmp_path / f"new-{name}"
        restored, made = restore_backup(settings.store, name, KEY, target)
        assert restored == (name or second.name)
        assert made.has_encryption_key
        assert KeyFile(target).read() == KeyFile(data).read()
        with contextlib.closing(sqlite3.connect(target / "registry.db")) as database:
            assert database.execute("SELECT count(*) FROM things").fetchone() == (expected,)
    assert not (data / FOLDER).exists()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_what_cannot_be_restored_is_said_and_leaves_nothing(
    tmp_path: Path, data: Path, settings: BackupSettings
) -> None:
    """Another key, a damaged file, none at all, and a directory that has something."""
    with pytest.raises(BackupFailed, match="has no backup"):
        restore_backup(settings.store, "", KEY, tmp_path / "new")
    stored = store_backup(data, settings, Clock()())
    with pytest.raises(BackupFailed, match="another CONDUIT_BACKUP_KEY"):
        restore_backup(settings.store, "", bytes(32), tmp_path / "new")
    with pytest.raises(BackupFailed, match="is not empty"):
        restore_backup(settings.store, "", KEY, data)
    with pytest.raises(StoreFailed):
        restore_backup(settings.store, stored.name.replace("2026", "2025"), KEY, tmp_path / "new")
    (tmp_path / "store" / stored.name).write_text("nonsense")
    with pytest.raises(BackupFailed, match="no encrypted backup"):
        restore_backup(settings.store, "", KEY, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_an_older_one_under_a_newer_name_is_not_restored(
    tmp_path: Path, data: Path, settings: BackupSettings
) -> None:
    """Whoever can write into the store could have a gateway be what it was otherwise."""
    clock = Clock()
    old, new = (store_backup(data, settings, clock() + later) for later in (0, 60))
    (tmp_path / "store" / old.name).replace(tmp_path / "store" / new.name)
    with pytest.raises(BackupFailed, match="under another name"):
        restore_backup(settings.store, "", KEY, tmp_path / "new")


def test_what_another_user_has_beside_is_not_used(
    tmp_path: Path, data: Path, settings: BackupSettings
) -> None:
    """They would read what is restored; what is in the way of it is an error."""
    stored = store_backup(data, settings, Clock()())
    beside = tmp_path / f".new{FOLDER}"
    (tmp_path / "theirs").mkdir()
    beside.symlink_to(tmp_path / "theirs")
    with pytest.raises(FileExistsError):
        restore_backup(settings.store, stored.name, KEY, tmp_path / "new")
    assert list((tmp_path / "theirs").iterdir()) == []


async def test_names_of_days_to_come_stop_nothing(
    tmp_path: Path, data: Path, settings: BackupSettings
) -> None:
    """Whoever can write into the store has neither the next one left out, nor ours removed."""
    (tmp_path / "store").mkdir()
    for number in range(1, 5):
        (tmp_path / "store" / f"conduit-999{number}1231T000000Z.backup").touch()
    schedule, clock = BackupSchedule(data, settings, clock=Clock()), Clock()
    await schedule.step()
    names = [name for name in settings.store.names() if moment_of(name) <= clock()]
    assert len(names) == 1


async def test_one_is_made_when_it_is_due(data: Path, settings: BackupSettings) -> None:
    """By the last one in the store, whoever made it; those that are too many go."""
    clock = Clock()
    (data / FOLDER).mkdir()
    schedule = BackupSchedule(data, settings, clock=clock)
    began = clock.now
    for now, expected in ((0, 1), (60, 1), (DAY - 1, 1), (DAY, 2), (DAY + 60, 2), (2 * DAY, 2)):
        clock.now = began + now
        await schedule.step()
        assert len(settings.store.names()) == expected
    names = settings.store.names()
    assert [moment_of(name) - began for name in names] == [DAY, 2 * DAY]
    # One that begins anew makes none before its time.
    await BackupSchedule(data, settings, clock=clock).step()
    assert settings.store.names() == names


async def test_one_that_fails_is_tried_again_after_a_while(
    tmp_path: Path, data: Path, settings: BackupSettings
) -> None:
    """Until then it says why it failed, and asks nobody; older ones stay."""
    clock, place = Clock(), tmp_path / "store"
    place.touch()
    schedule = BackupSchedule(data, settings, clock=clock)
    with pytest.raises(StoreFailed):
        await schedule.step()
    place.unlink()
    with pytest.raises(StoreFailed):
        await schedule.step()
    assert settings.store.names() == []
    clock.now += RETRY_SECONDS
    await schedule.step()
    assert len(settings.store.names()) == 1
    (data / "registry.db").unlink()
    clock.now += DAY
    with pytest.raises(BackupFailed):
        await schedule.step()
    assert len(settings.store.names()) == 1
