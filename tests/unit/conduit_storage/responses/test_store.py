"""Responses in their database, where conversations are long."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncEngine

from conduit.internal.v1.response_storage_service_pb2 import KeptResponse
from conduit_kernel.database import open_database, reader
from conduit_kernel.settings import Settings
from conduit_storage.bootstrap import MIGRATIONS
from conduit_storage.responses.store import SERVICE, ResponseBounds, ResponseStore
from conduit_storage.responses.tables import ResponseRow

NOW = 1_795_435_200.0
DAY = 24 * 3600.0
BOUNDS = ResponseBounds(response_bytes=1000, key_bytes=1_000_000, retention_seconds=30 * DAY)


@pytest.fixture
async def engine(tmp_path: Path) -> AsyncIterator[AsyncEngine]:
    """Return the database of a Storage service."""
    settings = Settings(data_dir=tmp_path, master_key="", encryption_key=bytes(32))
    opened = await open_database(settings, SERVICE, MIGRATIONS)
    yield opened
    await opened.dispose()


def turn(number: int) -> KeptResponse:
    """Return a turn of a conversation."""
    before = f"r{number - 1}" if number else ""
    return KeptResponse(id=f"r{number}", virtual_key_id=1, previous_id=before, content=b"x")


async def test_a_conversation_is_read_to_its_bound(engine: AsyncEngine) -> None:
    """A longer one is returned without its beginning, and the first one tells that."""
    store = ResponseStore(engine, BOUNDS, most_before=9)
    await store.keep(map(turn, range(13)), NOW)
    read = await store.response(1, "r12", NOW)
    assert [each.id for each in read] == [f"r{number}" for number in range(3, 13)]
    assert read[0].previous_id == "r2"


async def test_none_expires_before_what_goes_on_from_it(engine: AsyncEngine) -> None:
    """However the turns are apart: each outlasts the next one."""
    store = ResponseStore(engine, BOUNDS)
    for number in range(12):
        await store.keep([turn(number)], NOW + number * 3 * DAY)
        async with reader(engine).connect() as connection:
            query = select(ResponseRow.id, ResponseRow.expires_at)
            until = {row.id: row.expires_at for row in await connection.execute(query)}
        ends = [until[f"r{each}"] for each in range(number + 1)]
        assert all(end >= ends[-1] for end in ends)
        assert max(ends) <= ends[-1] + round(BOUNDS.retention_seconds * 50)
