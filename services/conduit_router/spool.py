"""What must reach Billing, on disk until it has.

Each process appends to segments in a folder of its own, which it holds with a lock; folders whose
process is gone are adopted. A record is 4 bytes of length, 4 bytes of CRC-32, 1 byte of kind, and
a message. Records are with the kernel before the caller has its answer, so that no end of this
process loses one, and on the disk within `SYNC_SECONDS`, so that a power cut loses little.
"""

import asyncio
import fcntl
import os
import secrets
import shutil
import struct
import zlib
from collections.abc import Iterator
from pathlib import Path

CHARGE = b"c"
TALLY = b"t"
SYNC_SECONDS = 0.2
SEGMENT_BYTES = 8 * 1024 * 1024
_HEAD = struct.Struct("<II")


class Spool:
    """The records of this process and of those it adopted."""

    def __init__(self, root: Path, segment_bytes: int = SEGMENT_BYTES) -> None:
        self._root = root
        self._segment_bytes = segment_bytes
        self._folder = root / secrets.token_hex(8)
        self._folder.mkdir(parents=True)
        # Waits: another process may just be looking whether the new folder has an owner.
        self._lock = _lock(self._folder, fcntl.LOCK_EX)
        self._number = 0
        self._file = -1
        self._size = 0
        self._is_dirty = False
        self._open_segment()

    def append(self, kind: bytes, message: bytes) -> None:
        """Store a record. OSError if the disk refuses."""
        payload = kind + message
        record = _HEAD.pack(len(payload), zlib.crc32(payload)) + payload
        if os.write(self._file, record) != len(record):
            # Half a record would hide those that come after it.
            os.ftruncate(self._file, self._size)
            raise OSError(f"the disk of {self._root} is full")
        self._is_dirty = True
        self._size += len(record)
        if self._size >= self._segment_bytes:
            self.rotate()

    def rotate(self) -> None:
        """Close the current segment, so that it can be delivered, and begin another."""
        if self._size:
            os.fsync(self._file)
            os.close(self._file)
            self._open_segment()

    async def sync(self) -> None:
        """Bring what was appended to the disk."""
        if self._is_dirty:
            self._is_dirty = False
            # A second descriptor: the segment may be closed while the disk is busy.
            file = os.dup(self._file)
            try:
                await asyncio.to_thread(os.fsync, file)
            finally:
                os.close(file)

    def closed_segments(self) -> list[Path]:
        """Return the segments that are complete, oldest first, adopted ones included."""
        own = sorted(self._folder.glob("*.spool"))[:-1]
        return [*self._adopted(), *own]

    def discard(self, segment: Path) -> None:
        """Remove a segment all of whose records were delivered."""
        segment.unlink(missing_ok=True)
        folder = segment.parent
        if folder != self._folder and not any(folder.glob("*.spool")):
            # Another process may be clearing the same folder.
            shutil.rmtree(folder, ignore_errors=True)

    def set_aside(self, kind: bytes, message: bytes) -> None:
        """Keep a record that was refused, for people to look at, in `refused`."""
        with (self._root / "refused").open("ab") as file:
            payload = kind + message
            file.write(_HEAD.pack(len(payload), zlib.crc32(payload)) + payload)

    def close(self) -> None:
        """Bring everything to the disk and let go of the folder."""
        os.fsync(self._file)
        os.close(self._file)
        os.close(self._lock)

    def _open_segment(self) -> None:
        self._number += 1
        path = self._folder / f"{self._number:010}.spool"
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_EXCL, 0o600)
        self._size = 0

    def _adopted(self) -> Iterator[Path]:
        for folder in sorted(self._root.iterdir()):
            if folder == self._folder or not folder.is_dir():
                continue
            try:
                lock = _lock(folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                # Its process lives, or another one adopted it.
                continue
            os.close(lock)
            yield from sorted(folder.glob("*.spool"))


def read_segment(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """Yield the kind and message of each whole record; a torn last one ends the segment."""
    data = path.read_bytes()
    at = 0
    while at + _HEAD.size < len(data):
        length, crc = _HEAD.unpack_from(data, at)
        payload = data[at + _HEAD.size : at + _HEAD.size + length]
        if len(payload) != length or zlib.crc32(payload) != crc:
            return
        yield payload[:1], payload[1:]
        at += _HEAD.size + length


def _lock(folder: Path, mode: int) -> int:
    file = os.open(folder / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(file, mode)
    except OSError:
        os.close(file)
        raise
    return file
