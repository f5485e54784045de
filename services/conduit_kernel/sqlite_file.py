"""A SQLite database as a file: what is wrong with it, and whether it was written to."""

import sqlite3
from pathlib import Path

from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine

from conduit_kernel.file_errors import MAKE_USABLE

# The lower byte of an extended code, https://sqlite.org/rescode.html
_CODE = 0xFF
_DAMAGED = frozenset({sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB})
# Of these the file system is the cause, not another process.
_UNUSABLE = _DAMAGED | {
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}
# A connection that met one of these may meet it again when the file system is well.
_LASTING = frozenset({sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_READONLY})
_WHAT_TO_DO = "Put a backup in its place (conduit restore), or choose another data directory."


def damage_of(error: BaseException | None) -> str:
    """Return in SQLite's words why what it read is no database of its own; empty if it is one."""
    return _words(error) if _code(error) in _DAMAGED else ""


def refusal_of(error: BaseException | None) -> str:
    """Return in SQLite's words what the file system refused it; empty if it refused nothing."""
    return _words(error) if _code(error) in _UNUSABLE - _DAMAGED else ""


def trouble_with_file(error: BaseException | None) -> str:
    """Return why a file cannot be used at all, and what to do; empty if it can."""
    code = _code(error)
    if code not in _UNUSABLE:
        return ""
    return f"{_words(error)}. {_WHAT_TO_DO if code in _DAMAGED else MAKE_USABLE}"


def is_locked(error: sqlite3.Error) -> bool:
    """Return whether another connection is in the way, which passes."""
    return _code(error) in {sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED}


def must_reopen(error: BaseException | None) -> bool:
    """Return whether the file must be opened anew to find out that it can be used again."""
    return _code(error) in _LASTING


def may_be_held_up(error: BaseException | None) -> bool:
    """Return whether those who have the file open may be all that is in its way.

    Not where it could not even be opened, for want of a descriptor, say: they could not either.
    """
    return _code(error) in _LASTING - {sqlite3.SQLITE_CANTOPEN}


def _code(error: BaseException | None) -> int | None:
    original = error.orig if isinstance(error, DBAPIError) else error
    code = getattr(original, "sqlite_errorcode", None)
    return None if code is None else code & _CODE


def _words(error: BaseException | None) -> str:
    return str(error.orig if isinstance(error, DBAPIError) else error)


def sqlite_signature(engine: AsyncEngine) -> tuple[tuple[int, int], ...] | None:
    """Return what differs after each write of any process to SQLite; None for other databases."""
    path = engine.url.database
    if engine.dialect.name != "sqlite" or not path:
        return None
    return _signature(Path(path)), _signature(Path(f"{path}-wal"))


def _signature(path: Path) -> tuple[int, int]:
    try:
        found = path.stat()
    except OSError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
