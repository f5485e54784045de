"""Opens SQLite's file anew once the file system refused something."""

import sqlite3
from contextlib import suppress

from sqlalchemy import event
from sqlalchemy.engine import Engine, ExceptionContext
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.pool import ConnectionPoolEntry

from conduit_kernel.sqlite_file import must_reopen

_GENERATION = "conduit_generation"


class FileReopener:
    """Closes all connections of an engine after a refusal: new ones see how the disk is by now.

    A file that was opened while its disk was read-only stays read-only. So does the log's index,
    which all connections of a process share for as long as one of them is open: to give up those
    that were refused is not enough, see https://sqlite.org/walformat.html#the_wal_index_file_format
    """

    def __init__(self, engine: Engine) -> None:
        """Take an engine, before its first connection."""
        self._engine = engine
        self._generation = 0
        event.listen(engine, "connect", self._opened)
        event.listen(engine, "handle_error", self._failed)
        event.listen(engine, "checkin", self._returned)
        event.listen(engine, "engine_disposed", self._disposed)

    def _opened(self, _connection: DBAPIConnection, record: ConnectionPoolEntry) -> None:
        record.info[_GENERATION] = self._generation

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
