"""Opens SQLite's file anew once the file system refused something."""

import asyncio
import itertools
import sqlite3
from contextlib import suppress
from functools import partial
from typing import Any, NamedTuple

from sqlalchemy import event
from sqlalchemy.engine import Dialect, Engine, ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry
from sqlalchemy.util.concurrency import await_

from conduit_kernel.sqlite_file import must_reopen

_GENERATION = "conduit_generation"
# How long a new connection waits for those that are in use; transactions take milliseconds.
DRAIN_SECONDS = 2.0
_LOOK_SECONDS = 0.005


class _Opened(NamedTuple):
    """A connection that may keep the log's index open."""

    generation: int
    number: int


class _CountedConnection(sqlite3.Connection):
    """Tells when it is closed for SQLite, which is in a thread, and after the pool let go of it."""

    def __init__(
        self,
        database: str,
        *,
        opened: set[_Opened],
        as_what: _Opened,
        **options: Any,  # noqa: ANN401 # what sqlite3 takes
    ) -> None:
        self._end = partial(opened.discard, as_what)
        opened.add(as_what)
        try:
            super().__init__(database, **options)
        except BaseException:
            self._end()
            raise

    def close(self) -> None:
        super().close()
        self._end()

    def __del__(self) -> None:
        self._end()


class FileReopener:
    """Closes all connections of an engine after a refusal: new ones see how the disk is by now.

    A file that was opened while its disk was read-only stays read-only. So does the log's index,
    which all connections of a process share for as long as one of them is open: to give up those
    that were refused is not enough, see https://sqlite.org/walformat.html#the_wal_index_file_format
    Nor is it where connections overlap without end. So new ones wait until the last old one is
    closed, for 2 s at most: what holds one for longer keeps the file as it is.
    """

    def __init__(self, engine: Engine) -> None:
        """Take an engine of asyncio's, before its first connection."""
        self._engine = engine
        self._generation = 0
        self._numbers = itertools.count()
        # Changed by the connections' threads, each time in one step.
        self._opened: set[_Opened] = set()
        event.listen(engine, "do_connect", self._connecting)
        event.listen(engine, "handle_error", self._failed)
        event.listen(engine, "checkin", self._returned)
        event.listen(engine, "engine_disposed", self._disposed)

    def _connecting(
        self,
        _dialect: Dialect,
        record: ConnectionPoolEntry,
        _arguments: list[Any],
        options: dict[str, Any],
    ) -> None:
        if self._is_draining():
            await_(self._drained())
        opened = _Opened(self._generation, next(self._numbers))
        record.info[_GENERATION] = opened.generation
        options["factory"] = partial(_CountedConnection, opened=self._opened, as_what=opened)

    def _is_draining(self) -> bool:
        return any(each.generation < self._generation for each in self._opened.copy())

    async def _drained(self) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(DRAIN_SECONDS):
                while self._is_draining():  # noqa: ASYNC110 # threads close them
                    await asyncio.sleep(_LOOK_SECONDS)

    def _failed(self, context: ExceptionContext) -> None:
        if must_reopen(context.original_exception):
            if context.execution_context is not None:
                # SQLite keeps a connection open for as long as one of its statements is.
                with suppress(sqlite3.Error):
                    context.execution_context.cursor.close()
            context.is_disconnect = True
            context.invalidate_pool_on_disconnect = False
            self._engine.dispose()

    def _disposed(self, _engine: Engine) -> None:
        # What was idle is closed; what is in use is when it is returned.
        self._generation += 1

    def _returned(self, _connection: DBAPIConnection | None, record: ConnectionPoolEntry) -> None:
        if record.info.get(_GENERATION, self._generation) != self._generation:
            record.invalidate()
