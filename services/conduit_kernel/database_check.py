"""Whether a service's database answers."""

import asyncio
import contextlib
import os
import sqlite3
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from conduit_kernel.background import Background
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.sqlite_file import may_be_held_up

CHECK_SECONDS = 2.0
# An absence that lasts for so long makes the service not ready.
LIMIT_SECONDS = 5.0
# A database that does not answer in this time is away.
ANSWER_SECONDS = 3.0
# So long a file's lock is waited for, in each check.
FILE_LOCK_SECONDS = 1.0


class DatabaseCheck:
    """Asks a database for next to nothing."""

    def __init__(self, engine: AsyncEngine, service: str) -> None:
        self._engine = engine
        self._service = service

    async def run(self) -> None:
        """Ask: a step of a loop. ServiceUnavailable if there is no answer."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS), self._engine.connect() as connection:
                await connection.execute(sa.text("SELECT 1"))
        except (SQLAlchemyError, OSError) as error:
            message = f"The database of the {self._service} service does not answer"
            raise ServiceUnavailable(message, service=self._service) from error


class FileCheck:
    """Asks whether SQLite's file can be written where it is: connections outlive a deleted one."""

    def __init__(self, engine: AsyncEngine, path: Path, service: str) -> None:
        self._engine = engine
        self._path = path
        self._service = service
        # Of the file that the service opened.
        self._identity: tuple[int, int] | None = None

    async def run(self) -> None:
        """Look, beside the event loop: a step of a loop. ServiceUnavailable if it cannot be."""
        try:
            await asyncio.to_thread(self._look)
        except (sqlite3.Error, OSError) as error:
            if may_be_held_up(error):
                # What the engine has open may be all that is in the way, though nobody writes.
                await self._engine.dispose()
            message = f"The database file of the {self._service} service cannot be written"
            raise ServiceUnavailable(message, service=self._service) from error

    def _look(self) -> None:
        found = self._path.stat()
        identity = found.st_dev, found.st_ino
        if self._identity is None:
            self._identity = identity
        if identity != self._identity:
            raise FileNotFoundError(f"{self._path} is another file now")
        if not os.access(self._path, os.R_OK | os.W_OK):
            raise PermissionError(f"{self._path} cannot be written")
        # Made nowhere, and given back at once: that it may be written is all there is to know.
        address = f"{self._path.absolute().as_uri()}?mode=rw"
        with contextlib.closing(
            sqlite3.connect(address, uri=True, timeout=FILE_LOCK_SECONDS, isolation_level=None)
        ) as connection:
            connection.execute("BEGIN IMMEDIATE")
            connection.execute("ROLLBACK")


def watch_database(
    background: Background,
    engine: AsyncEngine,
    service: str,
    *,
    every: float = CHECK_SECONDS,
    limit_seconds: float = LIMIT_SECONDS,
) -> None:
    """Make a service not ready once its database was away for 5 s, until it answers again.

    A file of SQLite's is away while it is deleted, replaced, locked, or cannot be written.
    """
    path = engine.url.database if engine.dialect.name == "sqlite" else None
    check: DatabaseCheck | FileCheck = DatabaseCheck(engine, service)
    if path is not None:
        check = FileCheck(engine, Path(path), service)
    background.run(
        "database",
        check.run,
        every=every,
        is_vital=True,
        absence_limit_seconds=limit_seconds,
    )
