"""What must reach Billing, on disk until it has.

Each process appends to segments in a folder of its own, which it holds with a lock; folders whose
process is gone are adopted. Records are with the kernel before the caller has its answer, so that
no end of this process loses one. They, and the names of their files, are on the disk within
`SYNC_SECONDS`, so that a power cut loses little.

`append` and `rotate` belong to the event loop; what waits for the disk belongs to a thread.
"""

import asyncio
import contextlib
import errno
import os
import secrets
import shutil
import zlib
from collections.abc import Iterable
from copy import copy
from pathlib import Path

from conduit_router.accounting.disk import create, cut_off, lock, sync, sync_and_close
from conduit_router.accounting.segment import HEAD, Record

SYNC_SECONDS = 0.2
SEGMENT_BYTES = 8 * 1024 * 1024


class Spool:
    """The records of this process and of those it adopted."""

    def __init__(self, root: Path, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._root = root
        self._segment_bytes = segment_bytes
        self._lock = -1
        self._file = -1
        self._size = 0
        self._rotate_at = segment_bytes
        self._is_dirty = False
        # Set while there are records that nobody has tried to deliver.
        self.waiting = asyncio.Event()
        # Set while there is something to bring to the disk.
        self.unsynced = asyncio.Event()
        # Segments and folders whose changes the disk may not have yet.
        self._unsynced: set[Path] = set()
        # Folders of processes that are gone, and the locks by which they are this one's now.
        self._adopted: dict[Path, int] = {}
        # What was kept for people to look at: segments with damage, and records refused.
        self.damaged_segments = 0
        self.refused_records = 0
        # The bytes of what is complete and not delivered, as it was last looked at.
        self._closed: dict[Path, int] = {}
        # Why there is no folder yet; a disk without room keeps no process from starting.
        self._refusal: OSError | None = OSError(errno.EBADF, os.strerror(errno.EBADF))
        self._path = root / "none" / _segment_name(0)
        with contextlib.suppress(OSError):
            self.begin()

    def begin(self) -> None:
        """Begin a folder if none could be had so far. OSError if there is still none."""
        if self._refusal is None:
            return
        try:
            made = [path for path in (self._root, *self._root.parents) if not path.exists()]
            self._root.mkdir(parents=True, exist_ok=True)
            self._note_unsynced(*(path.parent for path in made))
            self._begin_folder()
        except OSError as error:
            # Without what it was raised through: the call that found it so.
            self._refusal = copy(error)
            raise
        self._refusal = None

    def append(self, kind: bytes, message: bytes) -> None:
        """Store a record. OSError if the disk refuses."""
        record = _record(kind, message)
        try:
            written = os.write(self._file, record)
        except OSError as error:
            # Without a file, why there is none.
            raise OSError(*(self._refusal or error).args) from None
        if written != len(record):
            cut_off(self._file, written)
        if not self._is_dirty:
            self._is_dirty = True
            self.unsynced.set()
        self.waiting.set()
        self._size += written
        if self._size >= self._rotate_at:
            # The record is stored all the same; not each one that follows tries again.
            self._rotate_at = self._size + self._segment_bytes
            with contextlib.suppress(OSError):
                self.rotate()

    def rotate(self) -> bool:
        """Begin another segment, so that the current one can be delivered, unless that is empty.

        Return whether there is another one. OSError if that is impossible; then the current one
        goes on.
        """
        self.begin()
        if not self._size:
            return False
        self._number += 1
        path = self._folder / _segment_name(self._number)
        try:
            file = create(path)
        except FileNotFoundError:
            # The folder was moved away. Where it turns up again, it is adopted.
            self._begin_folder()
        else:
            self._note_unsynced(self._folder)
            self._go_on_in(path, file)
        return True

    async def sync(self) -> None:
        """Bring what was appended to the disk. OSError if it refuses; the next call tries again."""
        self._note_dirty()
        paths, self._unsynced = self._unsynced, set()
        self.unsynced.clear()
        if paths:
            try:
                await asyncio.to_thread(sync, paths)
            except BaseException:
                self._note_unsynced(*paths)
                raise

    @property
    def waiting_bytes(self) -> int:
        """Return how much waits for its delivery."""
        return self._size + sum(list(self._closed.values()))

    def closed_segments(self) -> list[Path]:
        """Return the segments that are complete, oldest first, adopted ones included. Blocks."""
        # Read once: meanwhile the event loop may begin a segment, which must not be listed.
        current = self._path
        if self._refusal is not None and not self._root.is_dir():
            return []
        self._adopt()
        adopted = [path for folder in sorted(self._adopted) for path in self._segments(folder)]
        own = sorted(current.parent.glob("*.spool"))
        closed = [*adopted, *(path for path in own if path.name < current.name)]
        self._closed = {path: path.stat().st_size for path in closed}
        return closed

    def discard(self, segment: Path, *, is_damaged: bool = False) -> Path | None:
        """Remove a segment all of whose records were delivered. Blocks.

        A damaged one is kept beside the folders, for people to look at; return where.
        """
        folder, kept = segment.parent, None
        self._closed.pop(segment, None)
        if is_damaged:
            kept = self._root / f"{folder.name}-{segment.stem}.damaged"
            segment.rename(kept)
            self.damaged_segments += 1
        else:
            segment.unlink(missing_ok=True)
        if folder in self._adopted:
            self._segments(folder)
        return kept

    def note_discarded(self, segment: Path) -> None:
        """Have the next `sync` bring to the disk that a segment is gone."""
        self._note_unsynced(segment.parent, self._root)

    def set_aside(self, records: Iterable[Record]) -> Path:
        """Keep records that were refused, for people to look at; return where. Blocks."""
        path = self._root / "refused"
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            for kind, message in records:
                record = _record(kind, message)
                written = os.write(file, record)
                if written != len(record):
                    cut_off(file, written)
                self.refused_records += 1
            os.fsync(file)
        finally:
            os.close(file)
        sync([self._root])
        return path

    def close(self) -> None:
        """Bring everything to the disk and let go of the folders. Blocks.

        OSError if the disk refuses; the folders are let go of all the same.
        """
        sync_and_close(self._unsynced, self._let_go())

    async def aclose(self) -> None:
        """Close without blocking the event loop."""
        await asyncio.to_thread(sync_and_close, self._unsynced, self._let_go())

    def _let_go(self) -> list[int]:
        self._note_dirty()
        files = [file for file in (self._file, self._lock) if file >= 0]
        # Whoever appends after this must not write to the next owner of the number.
        self._file = self._lock = -1
        self._refusal = None
        # One by one: a thread that still delivers may close them, too, and nobody twice.
        while self._adopted:
            files.append(self._adopted.popitem()[1])
        return files

    def _begin_folder(self) -> None:
        """Make a folder with its first segment, and go on there."""
        name = secrets.token_hex(8)
        hidden, folder = self._root / f".{name}", self._root / name
        hidden.mkdir()
        opened: list[int] = []
        try:
            opened.append(lock(hidden))
            opened.append(create(hidden / _segment_name(1)))
            # Others see the folder only now that it has an owner.
            hidden.rename(folder)
        except OSError:
            for file in opened:
                os.close(file)
            # Without opening anything: it may be descriptors that there are none of.
            with contextlib.suppress(OSError):
                for path in hidden.iterdir():
                    path.unlink()
                hidden.rmdir()
            raise
        former, self._lock = self._lock, opened[0]
        self._folder, self._number = folder, 1
        self._note_unsynced(self._root, folder)
        self._go_on_in(folder / _segment_name(1), opened[1])
        if former >= 0:
            os.close(former)

    def _go_on_in(self, path: Path, file: int) -> None:
        self._note_dirty()
        former, self._file = self._file, file
        self._path = path
        self._size = 0
        self._rotate_at = self._segment_bytes
        # Only now: a number without its file is the next connection's.
        if former >= 0:
            os.close(former)

    def _note_dirty(self) -> None:
        if self._is_dirty:
            self._is_dirty = False
            self._note_unsynced(self._path)

    def _note_unsynced(self, *paths: Path) -> None:
        self._unsynced.update(paths)
        self.unsynced.set()

    def _adopt(self) -> None:
        """Lock the folders that have no owner; they are kept until they are delivered."""
        for folder in self._root.iterdir():
            if folder.name.startswith(".") or folder in self._adopted or not folder.is_dir():
                continue
            # Its process lives, or another one adopted it.
            with contextlib.suppress(OSError):
                self._adopted[folder] = lock(folder)

    def _segments(self, folder: Path) -> list[Path]:
        """Return the segments of an adopted folder; without any, remove it."""
        found = sorted(folder.glob("*.spool"))
        if not found and (lock := self._adopted.pop(folder, -1)) >= 0:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
        return found


def _record(kind: bytes, message: bytes) -> bytes:
    """Return a record as segments have it; on the way of each call, so not where it is read."""
    payload = kind + message
    return HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def _segment_name(number: int) -> str:
    return f"{number:010}.spool"
