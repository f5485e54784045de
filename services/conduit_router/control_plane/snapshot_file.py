"""The last configuration on disk, so that a worker serves while the Registry is away.

Secrets stay sealed in it, as the Registry sent them.
"""

import asyncio
import os
import threading
from collections.abc import Callable
from pathlib import Path

import structlog
from google.protobuf.message import DecodeError

from conduit.internal.v1.snapshot_pb2 import Snapshot
from conduit_kernel.snapshot import SnapshotState

# How long changes wait, so that a burst of them is stored together.
SAVE_SECONDS = 0.1


class SnapshotFile:
    """Stores a state whenever it changed, beside the event loop."""

    def __init__(self, path: Path, state: SnapshotState) -> None:
        """Take where to store which state; set `changed` whenever it did."""
        self.changed = asyncio.Event()
        self._path = path
        self._state = state
        self._writing = threading.Lock()

    async def save(self) -> None:
        """Store the state as it is now. OSError if the disk refuses; the former file stays."""
        await asyncio.to_thread(self._save, self._state.capture())

    async def close(self) -> None:
        """Store what was not stored yet. OSError if the disk refuses."""
        if self.changed.is_set():
            await self.save()

    def _save(self, serialize: Callable[[], bytes]) -> None:
        # A thread goes on though nobody waits for it any more.
        with self._writing:
            _store(self._path, serialize())


def load_snapshot(path: Path) -> Snapshot | None:
    """Return the stored configuration, None if there is none that can be read."""
    try:
        return Snapshot.FromString(path.read_bytes())
    except FileNotFoundError:
        return None
    except (OSError, DecodeError) as error:
        log = structlog.get_logger("snapshot")
        log.warning("snapshot_unreadable", reason=str(error))
        return None


def _store(path: Path, data: bytes) -> None:
    """Store bytes; a reader sees the old or the new ones, never a part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    # Workers of one machine share the file and write it at the same time.
    new = path.with_suffix(f".{os.getpid()}")
    try:
        _write(new, data)
        new.replace(path)
    except OSError:
        # A part of a file would take the room that a full disk lacks.
        new.unlink(missing_ok=True)
        raise


def _write(path: Path, data: bytes) -> None:
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(file, "wb") as out:
        out.write(data)
        out.flush()
        os.fsync(out.fileno())
