"""A disk that refuses."""

import os
import threading
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest


def refuse(
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    code: int,
    *,
    when: Callable[..., bool] = lambda *_: True,
    module: ModuleType = os,
) -> list[tuple[object, ...]]:
    """Let a call of the system fail with a number; return the arguments of those that failed."""
    real = getattr(module, call)
    refused: list[tuple[object, ...]] = []

    def refusing(*args: object, **options: object) -> object:
        if when(*args):
            refused.append(args)
            raise OSError(code, os.strerror(code))
        return real(*args, **options)

    monkeypatch.setattr(module, call, refusing)
    return refused


def creates(_path: object, flags: int, *_: object) -> bool:
    """Return whether a file is to be made."""
    return bool(flags & os.O_CREAT)


def synced_paths(monkeypatch: pytest.MonkeyPatch) -> set[Path]:
    """Return what is brought to the disk from now on; fail if the main thread waits for it."""
    synced: set[Path] = set()
    real = os.fsync

    def fsync(file: int) -> None:
        assert threading.current_thread() is not threading.main_thread()
        synced.add(Path(f"/proc/self/fd/{file}").readlink())
        real(file)

    monkeypatch.setattr(os, "fsync", fsync)
    return synced


def is_segment(file: int, *_: object) -> bool:
    """Return whether a number is that of a segment of the spool."""
    return Path(f"/proc/self/fd/{file}").readlink().suffix == ".spool"
