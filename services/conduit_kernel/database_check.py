"""Whether a service's database answers."""

import asyncio

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from conduit_kernel.background import Background
from conduit_kernel.errors import ServiceUnavailable

CHECK_SECONDS = 1.0
# An absence that lasts for so long makes the service not ready.
LIMIT_SECONDS = 5.0
# A database that does not answer in this time is away.
ANSWER_SECONDS = 3.0


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


def watch_database(
    background: Background,
    engine: AsyncEngine,
    service: str,
    *,
    every: float = CHECK_SECONDS,
    limit_seconds: float = LIMIT_SECONDS,
) -> None:
    """Make a service not ready once its database was away for 5 s, until it answers again.

    SQLite is a file of the service's own, which is there or is the end of the service.
    """
    if engine.dialect.name != "sqlite":
        background.run(
            "database",
            DatabaseCheck(engine, service).run,
            every=every,
            is_vital=True,
            absence_limit_seconds=limit_seconds,
        )
