"""Databases as every service opens them: SQLite on one machine, PostgreSQL on more than one.

Each service owns its tables, its migrations and its version table `alembic_version_<service>`, so
that all of them may share one PostgreSQL database. Migrations are files in the service's folder
`migrations/`, named `v0001_what_it_does.py` for the Alembic revision `v0001`.
"""

import asyncio
import contextlib
import importlib
import os
import sqlite3
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
import structlog
from sqlalchemy import event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.exc import (
    ArgumentError,
    DBAPIError,
    InterfaceError,
    OperationalError,
    SQLAlchemyError,
)
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry

from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.settings import Settings
from conduit_kernel.sqlite_file import (
    damage_of,
    is_locked,
    must_reopen,
    refusal_of,
    trouble_with_file,
)
from conduit_kernel.sqlite_reopening import FileReopener

# How long a statement may wait for another writer, in seconds.
LOCK_SECONDS = 10
# How long one statement may take on PostgreSQL, in seconds.
STATEMENT_SECONDS = 30
# How long a change may stand in SQLite's log alone, in seconds.
CHECKPOINT_SECONDS = 1.0
PRIVATE_FILE = 0o600
_WRITES = "conduit_writes"
# Connection trouble, rollbacks to be tried again, too few resources, locks, shutdowns:
# https://www.postgresql.org/docs/current/errcodes-appendix.html
_PASSING = frozenset({"08", "25", "40", "53", "55", "57"})


async def open_database(settings: Settings, service: str, migrations: Path) -> AsyncEngine:
    """Open a service's database and bring its tables up to date.

    The caller disposes of the engine. ServiceUnavailable if the database cannot be reached, or was
    written by a newer version.
    """
    engine = make_engine(database_url(settings, service))
    if engine.dialect.name == "sqlite":
        _make_private(Path(str(engine.url.database)))
    try:
        async with guarded(service):
            await _upgrade_file(engine, service, migrations)
    except BaseException:
        await engine.dispose()
        raise
    return engine


async def _upgrade_file(engine: AsyncEngine, service: str, migrations: Path) -> None:
    """Upgrade; ServiceUnavailable, which is all that is told, if SQLite's file is of no use."""
    try:
        await _upgrade(engine, service, migrations)
    except SQLAlchemyError as error:
        if reason := trouble_with_file(error):
            raise ServiceUnavailable(f"{engine.url.database}: {reason}", service=service) from error
        raise


def database_url(settings: Settings, service: str) -> URL:
    """Return where a service's tables are, with the driver that we use.

    ValueError, without the URL, if it makes no sense.
    """
    if not settings.database_url:
        settings.data_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = settings.data_dir / f"{service}.db"
        return URL.create("sqlite+aiosqlite", database=str(path))
    url = _parsed(settings.database_url)
    match url.get_backend_name():
        case "sqlite":
            return url.set(drivername="sqlite+aiosqlite")
        case "postgresql" | "postgres":
            return _for_asyncpg(url.set(drivername="postgresql+asyncpg"))
    raise ValueError("CONDUIT_DATABASE_URL must begin with postgresql:// or sqlite:///")


def _make_private(path: Path) -> None:
    """Make a file its owner's alone; SQLite makes those beside it likewise.

    What keeps it from being made or changed is told by who opens it.
    """
    with contextlib.suppress(OSError):
        try:
            # One that is there is not opened: closing it would take SQLite's locks from it.
            os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, PRIVATE_FILE))
        except FileExistsError:
            if path.stat().st_mode & 0o077:
                path.chmod(PRIVATE_FILE)


def _parsed(text: str) -> URL:
    try:
        return make_url(text)
    except (ArgumentError, ValueError):
        # The error's words may be those of a password.
        raise ValueError("CONDUIT_DATABASE_URL must be a URL, special signs escaped") from None


def make_engine(url: URL) -> AsyncEngine:
    """Make an engine; nothing is opened yet."""
    if url.get_backend_name() == "sqlite":
        engine = create_async_engine(url, pool_timeout=LOCK_SECONDS, hide_parameters=True)
        event.listen(engine.sync_engine, "connect", _set_up_sqlite)
        event.listen(engine.sync_engine, "begin", _begin_sqlite)
        event.listen(engine.sync_engine, "invalidate", _roll_back_sqlite)
        FileReopener(engine.sync_engine)
        return engine
    return create_async_engine(
        url,
        pool_timeout=LOCK_SECONDS,
        # What is stored is nobody's business who reads the log.
        hide_parameters=True,
        # The server may have been restarted since a connection was last used.
        pool_pre_ping=True,
        connect_args={
            "timeout": LOCK_SECONDS,
            "command_timeout": STATEMENT_SECONDS,
            "server_settings": {
                "application_name": "conduit",
                "lock_timeout": f"{LOCK_SECONDS}s",
                "idle_in_transaction_session_timeout": f"{STATEMENT_SECONDS}s",
            },
        },
    )


def reader(engine: AsyncEngine) -> AsyncEngine:
    """Return the engine for transactions that only read: all they see is of one moment."""
    if engine.dialect.name == "sqlite":
        return engine
    return engine.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)


def writer(engine: AsyncEngine) -> AsyncEngine:
    """Return the engine for transactions that write: on SQLite they wait for each other."""
    return engine.execution_options(**{_WRITES: True})


async def checkpoint(engine: AsyncEngine) -> bool:
    """Copy SQLite's log into its file, so that the file alone is a backup; return whether all is.

    Waits for nobody, so that neither readers nor writers notice. ServiceUnavailable if it fails:
    nothing is lost by it, and the next checkpoint copies what this one did not. PostgreSQL needs
    none.
    """
    if engine.dialect.name != "sqlite":
        return True
    try:
        async with engine.connect() as connection:
            # Not through SQLAlchemy, which would begin a transaction first.
            raw: Any = (await connection.get_raw_connection()).driver_connection
            async with raw.execute("PRAGMA wal_checkpoint(PASSIVE)") as cursor:
                is_busy, logged, copied = await cursor.fetchone()
    except (SQLAlchemyError, sqlite3.Error) as error:
        if must_reopen(error):
            await engine.dispose()
        name = Path(engine.url.database or "").stem
        why = refusal_of(error) or type(error).__name__
        message = f"The log of the database {name} cannot be copied into its file: {why}"
        raise ServiceUnavailable(message) from error
    return not is_busy and bool(logged == copied)


class Checkpointer:
    """Checkpoints after transactions that wrote, and rests while there are none."""

    def __init__(self, engine: AsyncEngine) -> None:
        """Take an engine; PostgreSQL's is never waited for."""
        # Set while the file may lack what was committed; at first, what an earlier process left.
        self.waiting = asyncio.Event()
        self._engine = engine
        if engine.dialect.name == "sqlite":
            self.waiting.set()
            event.listen(engine.sync_engine, "checkin", self._note)

    async def run(self) -> None:
        """Checkpoint: a step of a loop, after `waiting` was set."""
        if not await checkpoint(self._engine):
            self.waiting.set()

    def _note(self, _connection: object, record: ConnectionPoolEntry) -> None:
        # Only now, not at the commit, which may take longer than the loop waits.
        if record.info.pop(_WRITES, None):
            self.waiting.set()


@contextlib.asynccontextmanager
async def guarded(service: str) -> AsyncIterator[None]:
    """Turn a database that cannot be reached, or read, into ServiceUnavailable without address."""
    try:
        yield
    except (SQLAlchemyError, OSError) as error:
        damage = damage_of(error)
        if not damage and not _may_pass(error):
            raise
        log = structlog.get_logger("database")
        # In the driver's words alone: with the statement, each one would be another line.
        detail = str(error.orig if isinstance(error, DBAPIError) else error)
        log.warning("database_failed", service=service, error=type(error).__name__, detail=detail)
        trouble = "cannot be reached or is too busy"
        if damage:
            trouble = f"is damaged: {damage}"
        elif refusal := refusal_of(error):
            trouble = f"cannot be used: {refusal}"
        message = f"The database of the {service} service {trouble}"
        raise ServiceUnavailable(message, service=service) from error


def _may_pass(error: Exception) -> bool:
    """Return whether the database, and not what was asked of it, is the trouble."""
    if isinstance(error, DBAPIError):
        # The driver for PostgreSQL tells by code what SQLAlchemy has no class for.
        code = str(getattr(error.orig, "sqlstate", None) or "")
        of_class = error.connection_invalidated or code[:2] in _PASSING
        return of_class or isinstance(error, OperationalError | InterfaceError)
    return isinstance(error, PoolTimeout | OSError)


async def _upgrade(engine: AsyncEngine, service: str, migrations: Path) -> None:
    async with engine.connect() as connection:
        if await connection.run_sync(_version, service) == head(migrations):
            return
    # Only now, because Alembic takes a third of a second to import.
    migrating = await asyncio.to_thread(importlib.import_module, "conduit_kernel.migrating")
    async with writer(engine).begin() as connection:
        await _wait_for_other_starters(connection, service)
        await connection.run_sync(migrating.migrate, service, migrations, head(migrations))


async def _wait_for_other_starters(connection: AsyncConnection, service: str) -> None:
    # On SQLite the writer's transaction itself is the lock.
    if connection.dialect.name == "postgresql":
        lock = sa.func.pg_advisory_xact_lock(sa.func.hashtext(version_table(service)))
        await connection.execute(sa.select(lock))


def head(migrations: Path) -> str:
    """Return the newest revision in a folder of migrations."""
    return max(path.stem.partition("_")[0] for path in migrations.glob("v*.py"))


def version_table(service: str) -> str:
    """Return the name of the table that holds a service's revision."""
    return f"alembic_version_{service}"


def _version(connection: Connection, service: str) -> str | None:
    table = version_table(service)
    if not sa.inspect(connection).has_table(table):
        return None
    column: sa.ColumnClause[str] = sa.column("version_num")
    return connection.scalar(sa.select(column).select_from(sa.table(table)))


def _for_asyncpg(url: URL) -> URL:
    # libpq's name for what asyncpg calls `ssl`; the values are the same.
    mode = url.query.get("sslmode")
    url = url.difference_update_query(["sslmode"])
    return url.update_query_dict({"ssl": mode}) if isinstance(mode, str) else url


def _set_up_sqlite(connection: Any, _record: object) -> None:  # noqa: ANN401 # the driver's own type, adapted
    try:
        # The driver must not begin transactions by itself: it would leave DDL outside of them.
        connection.isolation_level = None
        with contextlib.closing(connection.cursor()) as cursor:
            _set_pragmas(cursor)
    except BaseException:
        # The pool does not know it yet, and would leave it open.
        connection.close()
        raise


def _set_pragmas(cursor: Any) -> None:  # noqa: ANN401 # as above
    cursor.execute(f"PRAGMA busy_timeout = {LOCK_SECONDS * 1000}")
    _write_ahead(cursor)
    for pragma in (
        "synchronous = FULL",
        "foreign_keys = ON",
        # What is deleted is gone from the file, too.
        "secure_delete = ON",
    ):
        cursor.execute(f"PRAGMA {pragma}")


def _write_ahead(cursor: Any) -> None:  # noqa: ANN401 # the driver's own type, adapted
    # Who changes the mode while another starter does is not made to wait by SQLite, but refused.
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        try:
            cursor.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError as error:
            if not is_locked(error) or time.monotonic() > deadline:
                raise
        else:
            return


def _begin_sqlite(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES)
    if writes:
        connection.info[_WRITES] = True
    # A transaction that first reads and then writes would fail, not wait, if another wrote between.
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _roll_back_sqlite(connection: Any, _record: object, _error: object) -> None:  # noqa: ANN401 # the driver's own type, adapted
    # Closing is not enough for a connection whose task was cancelled in the middle of a statement:
    # while a cursor that nobody can reach still has the statement, SQLite keeps the connection,
    # and with it the lock that all other writers wait for.
    with contextlib.suppress(sqlite3.Error, ValueError):
        connection.rollback()
