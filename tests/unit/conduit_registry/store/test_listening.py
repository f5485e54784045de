"""Hearing of revisions where the database can notify."""

import asyncio

import pytest
from sqlalchemy.ext.asyncio import create_async_engine

from conduit_kernel.errors import ServiceUnavailable
from conduit_registry.store.listening import listen


async def test_a_database_that_cannot_be_reached_is_an_error_of_the_service() -> None:
    """So that the loop that listens tries again after a pause."""
    closed = await asyncio.start_server(lambda *_: None, "127.0.0.1", 0)
    port = closed.sockets[0].getsockname()[1]
    closed.close()
    await closed.wait_closed()
    engine = create_async_engine(f"postgresql+asyncpg://conduit:hidden@127.0.0.1:{port}/conduit")
    with pytest.raises(ServiceUnavailable) as caught:
        await listen(engine, lambda _revision: None)
    assert "hidden" not in str(caught.value)
    await engine.dispose()
