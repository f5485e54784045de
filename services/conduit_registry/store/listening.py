"""Listens for revisions that other processes made, where the database can notify."""

import asyncio
from collections.abc import Callable

from sqlalchemy.ext.asyncio import AsyncEngine

from conduit_kernel.database import guarded
from conduit_registry.store.store import CHANNEL


async def listen(engine: AsyncEngine, announce: Callable[[int], None]) -> None:
    """Call with each revision that PostgreSQL tells of, until its connection is lost.

    ServiceUnavailable if there is none. Cancel to stop.
    """
    lost = asyncio.Event()

    def hear(_connection: object, _pid: int, _channel: str, payload: str) -> None:
        announce(int(payload))

    async with guarded("registry"), engine.connect() as connection:
        raw = await connection.get_raw_connection()
        driver = raw.driver_connection
        if driver is None:
            return
        await driver.add_listener(CHANNEL, hear)
        driver.add_termination_listener(lambda _connection: lost.set())
        try:
            await lost.wait()
        finally:
            # Not for the pool: it still listens.
            await connection.invalidate()
