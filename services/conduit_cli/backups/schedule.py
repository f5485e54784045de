"""Makes backups when they are due, and removes those that are too many."""

import asyncio
import shutil
import time
from collections.abc import Callable
from copy import copy
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import structlog

from conduit_cli.backup import Backup, BackupFailed, back_up, restore
from conduit_cli.backups.cipher import WrongBackupKey, decrypt, encrypt
from conduit_cli.backups.configuration import BackupSettings
from conduit_cli.backups.stores import FORM, BackupStore, StoreFailed

# How soon one that failed is tried again.
RETRY_SECONDS = 600.0
FOLDER = ".backup"
# What the clocks of machines with one store may differ by.
CLOCKS_APART_SECONDS = 3600.0


class Stored(NamedTuple):
    """A backup that was stored."""

    name: str
    size: int
    # Older ones that were removed.
    removed: list[str]


class BackupSchedule:
    """One data directory, and where its backups go."""

    def __init__(
        self,
        data_dir: Path,
        settings: BackupSettings,
        *,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take a clock in seconds since 1970."""
        self._data_dir = data_dir
        self._settings = settings
        self._clock = clock
        self._not_before = 0.0
        # Of the last try, as long as it is not tried again.
        self._problem: Exception | None = None
        self._log = structlog.get_logger("backups")

    async def step(self) -> None:
        """Make a backup if one is due. BackupFailed or StoreFailed if that fails."""
        now = self._clock()
        if now < self._not_before:
            if self._problem is not None:
                raise copy(self._problem)
            return
        # Whatever comes of it, not sooner.
        self._not_before = now + RETRY_SECONDS
        try:
            due = await asyncio.to_thread(self._due_at)
            if due <= now:
                stored = await asyncio.to_thread(store_backup, self._data_dir, self._settings, now)
                self._log.info("backup_stored", **stored._asdict())
                due = now + self._settings.every_seconds
        except (BackupFailed, StoreFailed, OSError) as error:
            self._problem = copy(error)
            raise
        self._problem, self._not_before = None, due

    def _due_at(self) -> float:
        """Return when the next one is due, by the last one that is in the store."""
        names = _made_until(self._settings.store, self._clock())
        return moment_of(names[-1]) + self._settings.every_seconds if names else 0.0


def store_backup(data_dir: Path, settings: BackupSettings, now: float) -> Stored:
    """Make a backup now, store it, and remove those that are too many.

    BackupFailed or StoreFailed if that fails; none is removed then.
    """
    name = datetime.fromtimestamp(now, UTC).strftime(FORM)
    folder = data_dir / FOLDER
    # Of a process that was killed.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700)
    try:
        plain, sealed = folder / "plain", folder / "sealed"
        back_up(data_dir, plain)
        with plain.open("rb") as source, sealed.open("wb") as out:
            encrypt(source, out, settings.key, name)
        plain.unlink()
        settings.store.put(sealed, name)
        size = sealed.stat().st_size
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    removed = _made_until(settings.store, now)[: -settings.kept]
    for each in removed:
        settings.store.delete(each)
    return Stored(name, size, removed)


def restore_backup(store: BackupStore, name: str, key: bytes, data_dir: Path) -> tuple[str, Backup]:
    """Put a backup of a store into an empty data directory; without a name the newest one.

    Return its name and what it holds. BackupFailed or StoreFailed if that cannot be.
    """
    if not name:
        names = store.names()
        if not names:
            raise BackupFailed("The store has no backup there")
        name = names[-1]
    folder = data_dir.parent / f".{data_dir.name}{FOLDER}"
    # Another user's would be read by them; it is not removed, and so not made.
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(mode=0o700, parents=True)
    try:
        sealed, plain = folder / "sealed", folder / "plain"
        store.get(name, sealed)
        with sealed.open("rb") as source, plain.open("wb") as out:
            decrypt(source, out, key, name)
        return name, restore(plain, data_dir)
    except (WrongBackupKey, ValueError) as error:
        raise BackupFailed(f"{name} cannot be restored: {error}") from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _made_until(store: BackupStore, now: float) -> list[str]:
    """Return the backups that a store has, oldest first.

    Who else may write there could name others after days to come, so that no more would be made,
    and ours were those that are too many.
    """
    return [name for name in store.names() if moment_of(name) <= now + CLOCKS_APART_SECONDS]


def moment_of(name: str) -> float:
    """Return when a backup was made, in seconds since 1970."""
    return datetime.strptime(name, FORM).replace(tzinfo=UTC).timestamp()
