"""Reads the files that hold secrets: small regular ones in certain folders, and only for so long.

Whoever may name a key's file may also name the address that the key is sent to, so without the
folders an administrator of the gateway could read every file of its machine.
"""

import asyncio
import os
import stat
import threading
from collections import deque
from collections.abc import Iterable, Mapping
from concurrent.futures import Future
from pathlib import Path
from typing import NamedTuple

import orjson

MAX_BYTES = 64 * 1024
# Threads that read at a time; a share that hangs may keep some of them for ever.
AT_ONCE = 8
# Folders of mounted secrets that prove to a cloud who the machine is: no keys of providers.
IDENTITY_FOLDERS = frozenset({"kubernetes.io", "eks.amazonaws.com", "azure"})
OUTSIDE = "it is in none of the folders of CONDUIT_SECRET_DIRS"


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


class SecretFiles:
    """Reads files of certain folders, and those below them."""

    def __init__(self, folders: Iterable[Path]) -> None:
        self._folders = tuple(folders)

    def may_read(self, path: str) -> bool:
        """Return whether a path leads into one of the folders, links left aside."""
        return _is_within(_absolute(path), map(_absolute, self._folders))

    def read(self, path: str) -> str:
        """Return the text of a regular file of at most 64 KiB. OSError, with the reason, otherwise.

        It may wait: links are followed first, and must end within the folders.
        """
        resolved = os.path.realpath(path)
        if not _is_within(resolved, map(os.path.realpath, self._folders)):
            raise OSError(OUTSIDE)
        return _text(resolved)

    async def read_all(self, paths: Iterable[str], seconds: float) -> FileTexts:
        """Read files in threads; those that are not read within so many seconds are errors."""
        futures = {path: Future[str]() for path in sorted(paths)}
        waiting = deque(futures.items())
        for number in range(min(AT_ONCE, len(waiting))):
            # Not an executor's: those are waited for when the process ends.
            name = f"secret-file-{number}"
            threading.Thread(
                target=self._read_next, args=(waiting,), name=name, daemon=True
            ).start()
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
                malformed = OSError("its path is malformed")
                errors[path] = error if isinstance(error, OSError) else malformed
            else:
                texts[path] = result.result()
        return FileTexts(texts, errors)

    def _read_next(self, waiting: "deque[tuple[str, Future[str]]]") -> None:
        while True:
            try:
                path, future = waiting.popleft()
            except IndexError:
                return
            if not future.set_running_or_notify_cancel():
                continue
            try:
                future.set_result(self.read(path))
            except (OSError, ValueError) as error:
                future.set_exception(error)


NO_FOLDERS = SecretFiles(())


def files_named(secret: str) -> tuple[str, ...]:
    """Return the paths of the files that a key's text names.

    `file:PATH` names one, and so does the JSON of a workload identity whose token is in a file:
    https://docs.cloud.google.com/iam/docs/workload-identity-federation-with-other-clouds
    """
    if (path := secret_file(secret)) is not None:
        return (path,)
    return tuple(_token_files(secret)) if secret.lstrip().startswith("{") else ()


def secret_file(secret: str) -> str | None:
    """Return the path of the file that a key's text stands for, None if it stands for none."""
    kind, _, path = secret.partition(":")
    return path if kind == "file" and path else None


def _token_files(secret: str) -> Iterable[str]:
    try:
        info = orjson.loads(secret)
    except orjson.JSONDecodeError:
        # Whose key it is says what is wrong with it.
        return
    while isinstance(info, dict):
        source = info.get("credential_source")
        path = source.get("file") if isinstance(source, dict) else None
        if isinstance(path, str) and path:
            yield path
        info = info.get("source_credentials")


def _absolute(path: str | Path) -> str:
    return os.path.abspath(path)  # noqa: PTH100 # resolving would ask the disk


def _is_within(path: str, folders: Iterable[str]) -> bool:
    for folder in folders:
        if path.startswith(folder.rstrip(os.sep) + os.sep):
            inner = Path(path).relative_to(folder)
            if inner.parts[0] not in IDENTITY_FOLDERS:
                return True
    return False


def _text(path: str) -> str:
    # Opening a pipe would wait until somebody writes; a link put in its place is not followed.
    file = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOFOLLOW)
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
