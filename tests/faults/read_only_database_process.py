"""A process whose database is on a disk that is read-only while it opens it, and then is not.

It mounts the disk where nobody else sees it, and prints what came of its writes: while the disk is
read-only, once it is not but somebody still reads, and behind that; and how many descriptors of
the database are open at the end.
"""

import asyncio
import os
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import AsyncExitStack
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.engine import URL
from sqlalchemy.ext.asyncio import AsyncEngine

from conduit_kernel.database import guarded, make_engine, writer
from conduit_kernel.errors import ServiceUnavailable

CONNECTIONS = 4
TRIES = 20
# Each waits in vain for who reads to end.
HELD_TRIES = 2
# What it ends with where a process may not mount anything.
NOT_ALLOWED = 77


def _run_tool(*command: str) -> None:
    if subprocess.run(command, check=False).returncode:  # noqa: S603 # our own disk
        sys.exit(NOT_ALLOWED)


def _leave_a_log(path: Path) -> None:
    """Write in a process that ends as a killed one does, whose log is there for the next one."""
    if child := os.fork():
        os.waitpid(child, 0)
        return
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("CREATE TABLE notes (id INTEGER)")
    os._exit(0)


async def _write(engine: AsyncEngine) -> str:
    try:
        async with guarded("notes"), writer(engine).begin() as connection:
            await connection.execute(sa.text("INSERT INTO notes VALUES (1)"))
    except ServiceUnavailable:
        return "refused"
    return "made"


def _descriptors(path: Path) -> int:
    found = [each.readlink() for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    return sum(each.name == path.name for each in found)


async def _run(disk: Path) -> None:
    path = disk / "notes.db"
    engine = make_engine(URL.create("sqlite+aiosqlite", database=str(path)))
    came = []
    async with AsyncExitStack() as reading:
        for _ in range(CONNECTIONS):
            connection = await reading.enter_async_context(engine.connect())
            await connection.execute(sa.text("SELECT count(*) FROM notes"))
        came.append(await _write(engine))
        await asyncio.to_thread(_run_tool, "umount", "--lazy", str(disk))
        came += [await _write(engine) for _ in range(HELD_TRIES)]
    came += [await _write(engine) for _ in range(TRIES)]
    sys.stdout.write("\n" + " ".join((*came, str(_descriptors(path)))))
    await engine.dispose()


def _prepare(disk: Path, aside: Path) -> None:
    _run_tool("mount", "-t", "tmpfs", "tmpfs", str(disk))
    _leave_a_log(disk / "notes.db")
    _run_tool("mount", "--bind", str(disk), str(aside))
    _run_tool("mount", "-o", "remount,bind,ro", str(aside))
    _run_tool("mount", "--move", str(aside), str(disk))


if __name__ == "__main__":
    # Ends with the process, which has its mounts for itself; the folders beneath are empty.
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        places = Path(folder) / "disk", Path(folder) / "aside"
        for place in places:
            place.mkdir()
        _prepare(*places)
        asyncio.run(_run(places[0]))
