"""What must reach Billing, on disk until it has.

Each process appends to segments in a folder of its own, which it holds with a lock; folders whose
process is gone are adopted. A record is 4 bytes of length, 4 bytes of CRC-32, 1 byte of kind, and
a message. Records are with the kernel before the caller has its answer, so that no end of this
process loses one, and on the disk within `SYNC_SECONDS`, so that a power cut loses little.

`append` and `rotate` belong to the event loop; what waits for the disk belongs to a thread.
"""

import asyncio
import contextlib
import fcntl
import os
import re
import secrets
import shutil
import struct
import zlib
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

CHARGE = b"c"
TALLY = b"t"
SYNC_SECONDS = 0.2
SEGMENT_BYTES = 8 * 1024 * 1024
_HEAD = struct.Struct("<II")
# Where a record may begin: a length below 1 MiB, any checksum, a kind.
_BEGINNING = re.compile(rb"(?=..[\x00-\x0f]\x00.{4}[ct])", re.DOTALL)


class Segment(NamedTuple):
    """What a segment holds: kind and message of each whole record, and whether others are lost."""

    records: list[tuple[bytes, bytes]]
    is_damaged: bool


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
        root.mkdir(parents=True, exist_ok=True)
        self._begin_folder()

    def append(self, kind: bytes, message: bytes) -> None:
        """Store a record. OSError if the disk refuses."""
        record = _record(kind, message)
        written = os.write(self._file, record)
        if written != len(record):
            # Half a record would be taken for damage.
            os.ftruncate(self._file, os.fstat(self._file).st_size - written)
            raise OSError(f"the disk of {self._root} is full")
        self._is_dirty = True
        self.waiting.set()
        self.unsynced.set()
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
        if not self._size:
            return False
        self._number += 1
        path = self._folder / _segment_name(self._number)
        try:
            file = _create(path)
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
                await asyncio.to_thread(_sync, paths)
            except BaseException:
                self._note_unsynced(*paths)
                raise

    def closed_segments(self) -> list[Path]:
        """Return the segments that are complete, oldest first, adopted ones included. Blocks."""
        # Read once: meanwhile the event loop may begin a segment, which must not be listed.
        current = self._path
        self._adopt()
        adopted = [path for folder in sorted(self._adopted) for path in self._segments(folder)]
        own = sorted(current.parent.glob("*.spool"))
        return [*adopted, *(path for path in own if path.name < current.name)]

    def discard(self, segment: Path, *, is_damaged: bool = False) -> None:
        """Remove a segment all of whose records were delivered. Blocks.

        A damaged one is kept beside the folders, for people to look at.
        """
        folder = segment.parent
        if is_damaged:
            segment.rename(self._root / f"{folder.name}-{segment.stem}.damaged")
        else:
            segment.unlink(missing_ok=True)
        if folder in self._adopted:
            self._segments(folder)

    def set_aside(self, kind: bytes, message: bytes) -> None:
        """Keep a record that was refused, for people to look at, in `refused`. Blocks."""
        with (self._root / "refused").open("ab") as file:
            file.write(_record(kind, message))
            file.flush()
            os.fsync(file.fileno())

    def close(self) -> None:
        """Bring everything to the disk and let go of the folders. Blocks.

        OSError if the disk refuses; the folders are let go of all the same.
        """
        _sync_and_close(self._unsynced, self._let_go())

    async def aclose(self) -> None:
        """Close without blocking the event loop."""
        await asyncio.to_thread(_sync_and_close, self._unsynced, self._let_go())

    def _let_go(self) -> list[int]:
        self._note_dirty()
        files = [self._file, self._lock, *self._adopted.values()]
        # Whoever appends after this must not write to the next owner of the number.
        self._file = self._lock = -1
        self._adopted.clear()
        return files

    def _begin_folder(self) -> None:
        """Make a folder with its first segment, and go on there."""
        name = secrets.token_hex(8)
        hidden, folder = self._root / f".{name}", self._root / name
        hidden.mkdir()
        opened: list[int] = []
        try:
            opened.append(_lock(hidden))
            opened.append(_create(hidden / _segment_name(1)))
            # Others see the folder only now that it has an owner.
            hidden.rename(folder)
        except OSError:
            for file in opened:
                os.close(file)
            shutil.rmtree(hidden, ignore_errors=True)
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
                self._adopted[folder] = _lock(folder)

    def _segments(self, folder: Path) -> list[Path]:
        """Return the segments of an adopted folder; without any, remove it."""
        found = sorted(folder.glob("*.spool"))
        if not found and (lock := self._adopted.pop(folder, -1)) >= 0:
            shutil.rmtree(folder, ignore_errors=True)
            os.close(lock)
        return found


def read_segment(path: Path) -> Segment:
    """Read a segment. Damage hides no whole record, wherever it is; zeros are no damage."""
    data = path.read_bytes()
    records: list[tuple[bytes, bytes]] = []
    is_damaged = False
    at = 0
    for start, payload in _payloads(data):
        is_damaged = is_damaged or bool(data[at:start].strip(b"\0"))
        records.append((payload[:1], payload[1:]))
        at = start + _HEAD.size + len(payload)
    return Segment(records, is_damaged or bool(data[at:].strip(b"\0")))


def _payloads(data: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield each whole record's place and payload; look on for the next one after damage."""
    at = 0
    while True:
        payload = _payload_at(data, at)
        if payload is None:
            # A power cut loses pages in any order, so good records may follow.
            places = (found.start() for found in _BEGINNING.finditer(data, at))
            at = next((place for place in places if _payload_at(data, place)), -1)
            if at < 0:
                return
            continue
        yield at, payload
        at += _HEAD.size + len(payload)


def _payload_at(data: bytes, at: int) -> bytes | None:
    if at + _HEAD.size >= len(data):
        return None
    length, crc = _HEAD.unpack_from(data, at)
    payload = data[at + _HEAD.size : at + _HEAD.size + length]
    # Zeros, which a disk puts where nothing was written, have the right checksum.
    is_whole = length > 0 and len(payload) == length and zlib.crc32(payload) == crc
    return payload if is_whole else None


def _record(kind: bytes, message: bytes) -> bytes:
    payload = kind + message
    return _HEAD.pack(len(payload), zlib.crc32(payload)) + payload


def _segment_name(number: int) -> str:
    return f"{number:010}.spool"


def _create(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL, 0o600)


def _sync_and_close(paths: Iterable[Path], files: Iterable[int]) -> None:
    try:
        _sync(paths)
    finally:
        for file in files:
            os.close(file)


def _sync(paths: Iterable[Path]) -> None:
    """Bring files and folders to the disk. What is no longer there was delivered."""
    refused: OSError | None = None
    for path in paths:
        try:
            file = os.open(path, os.O_RDONLY)
            try:
                os.fsync(file)
            finally:
                os.close(file)
        except FileNotFoundError:
            continue
        except OSError as error:
            # One that cannot be had must not keep the others waiting.
            refused = error
    if refused:
        raise refused


def _lock(folder: Path) -> int:
    """Lock a folder. OSError if somebody else holds it."""
    file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        os.close(file)
        raise
    return file
