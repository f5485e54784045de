"""SQLite's files as they are opened on a disk that is read-only, without such a disk."""

from contextlib import AsyncExitStack
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy import event
from sqlalchemy.ext.asyncio import AsyncEngine


async def open_read_only(engine: AsyncEngine, count: int) -> None:
    """Leave connections in the pool as SQLite opens them there, the log's index among it."""
    path = engine.url.database
    # Signs in names of files mean something in addresses.
    quoted = str(path).replace("%", "%25").replace("?", "%3f").replace("#", "%23")

    def connect(
        _dialect: object, _record: object, args: list[str], more: dict[str, object]
    ) -> None:
        # All connections of a process share the index as the first one opens it.
        args[0], more["uri"] = f"file:{quoted}?readonly_shm=1", True

    # Whoever is the last to close them takes the log with its index along.
    files = [Path(f"{path}{end}") for end in ("", "-wal", "-shm")]
    before = [each.read_bytes() for each in files]
    await engine.dispose()
    for each, content in zip(files, before, strict=True):
        each.write_bytes(content)
    event.listen(engine.sync_engine, "do_connect", connect)
    async with AsyncExitStack() as stack:
        for _ in range(count):
            connection = await stack.enter_async_context(engine.connect())
            await connection.execute(sa.text("SELECT count(*) FROM sqlite_schema"))
    event.remove(engine.sync_engine, "do_connect", connect)
