"""Backups: one file with all that a data directory holds, made also while a gateway runs.

The file is a ZIP archive. Restored, it serves the same keys: the databases as they were at one
moment each, the keys, and the charges that Billing did not have yet. Of these some may be in its
database, too, which takes each once.
"""

import contextlib
import datetime as dt
import hashlib
import json
import os
import re
import shutil
import sqlite3
import tempfile
import zipfile
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import IO, NamedTuple

from conduit_cli.keys import ENCRYPTION, FILE_NAME, KeyFile, KeysUnusable

FORMAT = 1
MANIFEST = "manifest.json"
MAX_MANIFEST_BYTES = 64 * 1024 * 1024
_PIECE = 1024 * 1024
# All that is ever in a backup: databases, keys, and spools.
_NAMES = re.compile(r"[a-z_]+\.db|keys\.toml|router/spool/[\w.-]+/[\w.-]+", re.ASCII)


class BackupFailed(Exception):
    """A backup cannot be made or restored; the message says why, and what to do."""


class Backup(NamedTuple):
    """The content of a backup."""

    # Names in the data directory, in order.
    files: list[str]
    has_encryption_key: bool


def back_up(data_dir: Path, target: Path) -> Backup:
    """Write all data of a gateway into a new file, for its owner's eyes only."""
    if target.exists():
        raise BackupFailed(f"{target} exists already; name another file")
    if not any(_databases(data_dir)):
        raise BackupFailed(f"{data_dir} has no databases of a gateway; name another --data-dir")
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        has_key = ENCRYPTION in KeyFile(data_dir).read()
        number = os.open(partial, os.O_RDWR | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(number, "w+b") as out:
            files = _write(data_dir, out, target.parent)
            out.flush()
            os.fsync(out.fileno())
        partial.replace(target)
        return Backup(files, has_key)
    except (OSError, sqlite3.Error, KeysUnusable) as error:
        raise BackupFailed(f"{data_dir} cannot be copied to {target}: {error}") from error
    finally:
        partial.unlink(missing_ok=True)


def restore(source: Path, data_dir: Path) -> Backup:
    """Put the files of a backup into a data directory that is empty, or not there yet."""
    if data_dir.exists() and (not data_dir.is_dir() or any(data_dir.iterdir())):
        raise BackupFailed(f"{data_dir} is not empty; name another --data-dir")
    data_dir.parent.mkdir(parents=True, exist_ok=True)
    made = Path(tempfile.mkdtemp(prefix=f".{data_dir.name}-", dir=data_dir.parent))
    try:
        with zipfile.ZipFile(source) as archive:
            files = _read(archive, made)
        for path in made.glob("*.db"):
            _check(path)
        has_key = ENCRYPTION in KeyFile(made).read()
        if data_dir.exists():
            data_dir.rmdir()
        made.rename(data_dir)
    except (OSError, zipfile.BadZipFile, sqlite3.Error, ValueError, NotImplementedError) as error:
        raise BackupFailed(f"{source} cannot be restored: {error}") from error
    except KeysUnusable as error:
        message = f"{source} cannot be restored: its {FILE_NAME} is damaged"
        raise BackupFailed(message) from error
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return Backup(files, has_key)


def _write(data_dir: Path, out: IO[bytes], beside: Path) -> list[str]:
    sums: dict[str, str] = {}
    with (
        zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive,
        tempfile.TemporaryDirectory(dir=beside, prefix=".backup-") as folder,
    ):
        # Charges first: what is delivered meanwhile is in Billing's database by then.
        for path in (*_spools(data_dir), data_dir / FILE_NAME):
            with contextlib.suppress(FileNotFoundError), path.open("rb") as data:
                name = path.relative_to(data_dir).as_posix()
                sums[name] = _add(archive, name, data)
        for path in _databases(data_dir):
            copy = Path(folder, path.name)
            with (
                contextlib.closing(sqlite3.connect(path, timeout=30)) as running,
                contextlib.closing(sqlite3.connect(copy)) as copied,
            ):
                running.backup(copied)
            with copy.open("rb") as data:
                sums[path.name] = _add(archive, path.name, data)
            copy.unlink()
        now = dt.datetime.now(dt.UTC).isoformat(timespec="seconds")
        about = {"format": FORMAT, "conduit": version("conduit-suite"), "made_at": now}
        archive.writestr(MANIFEST, json.dumps({**about, "files": sums}, indent=1))
    return list(sums)


def _databases(data_dir: Path) -> Iterator[Path]:
    return (path for path in sorted(data_dir.glob("*.db")) if _NAMES.fullmatch(path.name))


def _spools(data_dir: Path) -> Iterator[Path]:
    for path in sorted((data_dir / "router" / "spool").glob("*/*")):
        is_ours = _NAMES.fullmatch(path.relative_to(data_dir).as_posix())
        if is_ours and path.is_file() and path.name != "lock":
            yield path


def _add(archive: zipfile.ZipFile, name: str, data: IO[bytes]) -> str:
    """Add a file; return its checksum."""
    with archive.open(name, "w", force_zip64=True) as out:
        return _copy(data, out)


def _copy(source: IO[bytes], out: IO[bytes]) -> str:
    """Copy all that a file holds; return its checksum."""
    found = hashlib.sha256()
    while piece := source.read(_PIECE):
        found.update(piece)
        out.write(piece)
    return found.hexdigest()


def _read(archive: zipfile.ZipFile, folder: Path) -> list[str]:
    """Put the files into a folder. ValueError if they are not those of a backup, whole."""
    sums = _manifest(archive)
    for name, expected in sums.items():
        if not _NAMES.fullmatch(name) or ".." in name.split("/"):
            raise ValueError(f"it holds {name[:100]!r}, which is no file of a gateway")
        path = folder / name
        for parent in reversed(Path(name).parents[:-1]):
            (folder / parent).mkdir(mode=0o700, exist_ok=True)
        number = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(number, "wb") as out, archive.open(name) as data:
            found = _copy(data, out)
            out.flush()
            os.fsync(out.fileno())
        if found != expected:
            raise ValueError(f"its {name} is damaged")
    return list(sums)


def _manifest(archive: zipfile.ZipFile) -> dict[str, str]:
    try:
        entry = archive.getinfo(MANIFEST)
    except KeyError:
        raise ValueError("it is no backup of a gateway") from None
    if entry.file_size > MAX_MANIFEST_BYTES:
        raise ValueError("its list of files is too long")
    about = json.loads(archive.read(entry))
    if not isinstance(about, dict) or about.get("format") != FORMAT:
        raise ValueError("a newer Conduit made it, or none; restore it with that one")
    sums = about.get("files")
    names = archive.namelist()
    if not isinstance(sums, dict) or sorted(names) != sorted([*sums, MANIFEST]):
        raise ValueError("its list of files is not what it holds")
    return {str(name): str(expected) for name, expected in sums.items()}


def _check(path: Path) -> None:
    with contextlib.closing(sqlite3.connect(path)) as database:
        [(found,), *_] = database.execute("PRAGMA quick_check(1)").fetchall()
    if found != "ok":
        raise ValueError(f"its {path.name} is damaged: {found}")
