"""Transactions on the Registry's state, and notification of their commits."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine, AsyncSession

from conduit_kernel.audit.author import Author
from conduit_kernel.database import LOCK_SECONDS, guarded, reader, writer
from conduit_kernel.secrets import Vault
from conduit_registry.store.read_transaction import ReadTransaction
from conduit_registry.store.write_transaction import WriteTransaction

# The channel on which PostgreSQL tells the other processes of a new revision.
CHANNEL = "conduit_registry_revision"


class Store:
    """One transaction per RPC: `read` sees one moment, `change` is all or nothing."""

    def __init__(self, engine: AsyncEngine, clock: Callable[[], float], vault: Vault) -> None:
        """Take a migrated database, a clock in seconds since 1970, and what signs the audit log."""
        self._vault = vault
        self._readers = reader(engine)
        self._writers = writer(engine)
        self._is_shared = engine.dialect.name == "postgresql"
        self._clock = clock
        self._listeners: list[Callable[[int], None]] = []
        # Who waits here holds no connection, so writers in a queue leave some for readers.
        self._turn = asyncio.Lock()

    def now(self) -> int:
        """Return the time in microseconds since 1970."""
        return int(self._clock() * 1_000_000)

    def on_change(self, listener: Callable[[int], None]) -> None:
        """Call this with the new revision after each change that was committed here."""
        self._listeners.append(listener)

    @asynccontextmanager
    async def read(self) -> AsyncIterator[ReadTransaction]:
        """Read within one transaction."""
        async with guarded("registry"), AsyncSession(self._readers) as session:
            yield ReadTransaction(session)

    @asynccontextmanager
    async def change(
        self, author: Author, kind: type[WriteTransaction] = WriteTransaction
    ) -> AsyncIterator[WriteTransaction]:
        """Change within one transaction; an exception undoes all of it."""
        async with self._writing() as session:
            changing = await kind.begin(session, author, self.now(), self._vault)
            yield changing
            await changing.finish()
            revision = changing.revision
            if revision != changing.began_at and self._is_shared:
                await session.execute(sa.select(sa.func.pg_notify(CHANNEL, str(revision))))
        if revision != changing.began_at:
            for listener in self._listeners:
                listener(revision)

    @asynccontextmanager
    async def rehearse(
        self, author: Author, kind: type[WriteTransaction] = WriteTransaction
    ) -> AsyncIterator[WriteTransaction]:
        """Change within a transaction that is undone at the end."""
        async with self._writing() as session:
            yield await kind.begin(session, author, self.now(), self._vault)
            await session.rollback()

    @asynccontextmanager
    async def _writing(self) -> AsyncIterator[AsyncSession]:
        async with guarded("registry"), AsyncExitStack() as stack:
            async with asyncio.timeout(LOCK_SECONDS):
                await stack.enter_async_context(self._turn)
            session = await stack.enter_async_context(AsyncSession(self._writers))
            await stack.enter_async_context(session.begin())
            yield session
