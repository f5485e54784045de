"""A PostgreSQL that goes away and comes back, as its services' readiness tells it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from sqlalchemy.engine import make_url
from tests.support.postgres import serve_postgres
from tests.support.waiting import eventually

from conduit_kernel.background import Background
from conduit_kernel.database import make_engine
from conduit_kernel.database_check import watch_database

LIMIT_SECONDS = 0.5


class Relay:
    """A port that leads to a database, as long as a test lets it."""

    def __init__(self, socket: str) -> None:
        self.port = 0
        self._socket = socket
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def open(self) -> None:
        """Lead there, at the same port as before."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self.port = self._server.sockets[0].getsockname()[1]

    async def cut(self) -> None:
        """Be away, for what is connected, too."""
        if self._server is not None:
            self._server.close()
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        there, to_there = await asyncio.open_unix_connection(self._socket)
        try:
            await asyncio.gather(_pass(reader, to_there), _pass(there, writer))
        except (asyncio.CancelledError, OSError):
            # The test's own end of it.
            pass
        finally:
            self._tasks.discard(task)
            for each in (writer, to_there):
                each.transport.abort()


async def _pass(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(65536):
        writer.write(data)
        await writer.drain()
    writer.close()


@pytest.fixture(scope="module")
def postgres() -> Iterator[str]:
    """Return the socket of a PostgreSQL server."""
    with serve_postgres() as address:
        yield f"{parse_qs(urlsplit(address).query)['host'][0]}/.s.PGSQL.5432"


@pytest.fixture
async def relay(postgres: str) -> AsyncIterator[Relay]:
    """Return a way to the database."""
    made = Relay(postgres)
    await made.open()
    yield made
    await made.cut()


async def test_a_service_is_not_ready_while_its_database_is_away(relay: Relay) -> None:
    """Once it was away for longer than a restart takes, and until it answers again."""
    engine = make_engine(make_url(f"postgresql+asyncpg://postgres@127.0.0.1:{relay.port}/postgres"))
    background = Background()
    watch_database(background, engine, "billing", every=0.05, limit_seconds=LIMIT_SECONDS)

    async def is_ready() -> bool:
        return background.problems() == []

    async def is_not_ready() -> bool:
        return not await is_ready()

    async def has_asked() -> bool:
        return background.loops[0].steps > 2

    await eventually(has_asked)
    assert await is_ready()
    await relay.cut()
    await asyncio.sleep(LIMIT_SECONDS / 2)
    assert await is_ready()
    await eventually(is_not_ready)
    assert "does not answer" in background.problems()[0]
    await relay.open()
    await eventually(is_ready)
    await background.stop()
    await engine.dispose()
