"""A disk that refuses."""

import os
from collections.abc import Callable

import pytest


def refuse(
    monkeypatch: pytest.MonkeyPatch,
    call: str,
    code: int,
    *,
    when: Callable[..., bool] = lambda *_: True,
) -> list[tuple[object, ...]]:
    """Let a call of the system fail with a number; return the arguments of those that failed."""
    real = getattr(os, call)
    refused: list[tuple[object, ...]] = []

    def refusing(*args: object, **options: object) -> object:
        if when(*args):
            refused.append(args)
            raise OSError(code, os.strerror(code))
        return real(*args, **options)

    monkeypatch.setattr(os, call, refusing)
    return refused


def creates(_path: object, flags: int, *_: object) -> bool:
    """Return whether a file is to be made."""
    return bool(flags & os.O_CREAT)
