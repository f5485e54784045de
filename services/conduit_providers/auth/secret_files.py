"""Reads the files that hold secrets: only regular and small ones, and only for so long."""

import asyncio
import os
import stat
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from typing import NamedTuple

MAX_BYTES = 64 * 1024
# Threads that read at a time; a share that hangs may keep some of them for ever.
AT_ONCE = 8


class FileTexts(NamedTuple):
    """The texts of files that were read, and why others were not."""

    texts: Mapping[str, str]
    errors: Mapping[str, OSError]

    def read(self, path: str) -> str:
        """Return the text of a file. OSError if it has none."""
        if path in self.texts:
            return self.texts[path]
        raise self.errors.get(path) or OSError("it was not read")


NO_FILES = FileTexts({}, {})


def read_secret_file(path: str) -> str:
    """Return the text of a regular file of at most 64 KiB. OSError, with the reason, otherwise."""
    # Opening a pipe would wait until somebody writes.
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    with os.fdopen(file, "rb") as opened:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError("it is no regular file")
        data = opened.read(MAX_BYTES + 1)
    if len(data) > MAX_BYTES:
        raise OSError(f"it has more than {MAX_BYTES // 1024} KiB")
    try:
        return data.decode()
    except UnicodeDecodeError:
        # That error quotes the secret.
        raise OSError("it is no text in UTF-8") from None


async def read_secret_files(paths: Iterable[str], seconds: float) -> FileTexts:
    """Read files in threads; those that are not read within so many seconds are errors."""
    futures = {path: Future[str]() for path in sorted(paths)}
    waiting = deque(futures.items())
    for number in range(min(AT_ONCE, len(waiting))):
        # Not an executor's: those are waited for when the process ends.
        name = f"secret-file-{number}"
        threading.Thread(target=_read, args=(waiting,), name=name, daemon=True).start()
    results = {path: asyncio.wrap_future(future) for path, future in futures.items()}
    if results:
        await asyncio.wait(results.values(), timeout=seconds)
    texts: dict[str, str] = {}
    errors: dict[str, OSError] = {}
    for path, result in results.items():
        if not result.done():
            result.cancel()
            errors[path] = OSError(f"it was not read within {seconds:g} s")
        elif (error := result.exception()) is not None:
            errors[path] = error if isinstance(error, OSError) else OSError("its path is malformed")
        else:
            texts[path] = result.result()
    return FileTexts(texts, errors)


def _read(waiting: "deque[tuple[str, Future[str]]]") -> None:
    while True:
        try:
            path, future = waiting.popleft()
        except IndexError:
            return
        if not future.set_running_or_notify_cancel():
            continue
        try:
            future.set_result(read_secret_file(path))
        except (OSError, ValueError) as error:
            future.set_exception(error)
