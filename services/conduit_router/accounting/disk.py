"""The spool's operations on a disk. OSError if it refuses, unless noted otherwise."""

import errno
import fcntl
import os
from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn


def create(path: Path) -> int:
    """Make a file to append to, which no other process may have made."""
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL, 0o600)


def cut_off(file: int, written: int) -> NoReturn:
    """Take back half a record, which would be taken for damage. OSError in any case."""
    os.ftruncate(file, os.fstat(file).st_size - written)
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def sync_and_close(paths: Iterable[Path], files: Iterable[int]) -> None:
    """Bring files and folders to the disk, and close others, whatever comes of it."""
    try:
        sync(paths)
    finally:
        for file in files:
            os.close(file)


def sync(paths: Iterable[Path]) -> None:
    """Bring files and folders to the disk. What is no longer there was delivered."""
    refused: OSError | None = None
    for path in paths:
        try:
            file = os.open(path, os.O_RDONLY)
            try:
                os.fsync(file)
            finally:
                os.close(file)
        except FileNotFoundError:
            continue
        except OSError as error:
            # One that cannot be had must not keep the others waiting.
            refused = error
    if refused:
        raise refused


def lock(folder: Path) -> int:
    """Lock a folder. OSError if somebody else holds it."""
    file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise
    return file
