"""Uploads that can be sent again: kept in memory at first, then in a file without a name."""

import asyncio
import os
import tempfile
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import IO, Any, TypeVar

from conduit_kernel.http.errors import HttpError, SpillFull
from conduit_kernel.http.limits import KIB, MIB
from conduit_kernel.http.upload import UploadReader

_READ_BYTES = 256 * KIB

ResultT = TypeVar("ResultT")


class SpillSpace:
    """The room that all uploads of a process may take together."""

    def __init__(
        self,
        folder: Path,
        most_bytes: int = 4096 * MIB,
        memory_bytes: int = 256 * KIB,
        all_memory_bytes: int = 8 * MIB,
    ) -> None:
        """Take a folder for files, the most bytes in all, and in memory: of each, and of all."""
        self.folder = folder
        self._left = most_bytes
        self._memory_bytes = memory_bytes
        self._memory_left = all_memory_bytes

    @property
    def left(self) -> int:
        """Return how many more bytes may be kept."""
        return self._left

    def take_memory(self, size: int, kept: int) -> bool:
        """Return whether an upload may keep more in memory than it does; count it in then."""
        if kept + size > self._memory_bytes or size > self._memory_left:
            return False
        self._memory_left -= size
        return True

    def release_memory(self, size: int) -> None:
        """Count bytes in memory out."""
        self._memory_left += size

    def reserve(self, size: int) -> None:
        """Count bytes in. Raises SpillFull."""
        if size > self._left:
            raise SpillFull("the room for uploads is used up")
        self._left -= size

    def release(self, size: int) -> None:
        """Count bytes out."""
        self._left += size


class SpillBody:
    """A body that is read once from its source, and any number of times from here.

    The readers pull: what none has read yet stays with the source, so that a slow provider holds
    the caller back. ``close`` it, always.
    """

    def __init__(
        self, source: UploadReader, space: SpillSpace, *, length: int | None = None
    ) -> None:
        self._length = length
        self._source = source
        self._space = space
        self._counted = 0
        self._memory = bytearray()
        self._file: IO[bytes] | None = None
        self._filed = 0
        # The last piece: on its way to where it is kept, which an attempt's end may cut off.
        self._tail = b""
        self._tail_at = 0
        self._is_whole = False
        self._is_settled = False
        self._is_closed = False
        self._error: Exception | None = None
        self._lock = asyncio.Lock()
        self._writing: asyncio.Future[None] | None = None
        # Threads that use the file's number, which must not become another file's meanwhile.
        self._threads: set[asyncio.Future[Any]] = set()

    @property
    def length(self) -> int | None:
        """Return how many bytes it has: as announced, or as came; None as long as nobody knows."""
        return self.size if self._length is None and self._is_whole else self._length

    @property
    def size(self) -> int:
        """Return how many bytes have come."""
        return self._tail_at + len(self._tail)

    @property
    def in_memory(self) -> int:
        """Return how many bytes of it are in memory for as long as it is kept."""
        return len(self._memory)

    async def open(self) -> "SpillReader":
        """Begin a pass from the beginning. Raises HttpError once ``settle`` was called."""
        if self._is_settled:
            raise HttpError("this upload is kept no longer")
        return SpillReader(self)

    async def fill(self) -> None:
        """Keep all of it, without waiting for readers. Raises what the source raises."""
        while not self._is_whole:
            async with self._lock:
                if not self._is_whole:
                    await self._pull()

    def settle(self) -> None:
        """Keep no more: the reader that is under way will be the last."""
        self._is_settled = True

    def close(self) -> None:
        """Forget what is kept."""
        if self._is_closed:
            return
        self._is_closed = self._is_settled = True
        self._space.release(self._counted)
        self._counted = self._filed = 0
        self._space.release_memory(len(self._memory))
        self._memory.clear()
        # It refers to all who were asked, and so to this.
        self._error = None
        self._close_file()

    def _close_file(self) -> None:
        if self._file is not None and not self._threads:
            self._file.close()
            self._file = None

    # For readers.

    async def piece_at(self, at: int) -> bytes:
        """Return some bytes from a place on; b"" at the end. What raises once raises again."""
        while True:
            if self._is_closed:
                # What was kept is gone: its end would make a part of it look whole.
                raise HttpError("this upload was closed")
            kept = len(self._memory)
            if at < kept:
                return bytes(self._memory[at : at + _READ_BYTES])
            if at < kept + self._filed and self._file is not None:
                number, most = self._file.fileno(), min(_READ_BYTES, kept + self._filed - at)
                return await asyncio.shield(self._in_thread(os.pread, number, most, at - kept))
            if self._tail_at <= at < self.size:
                return self._tail[at - self._tail_at :]
            if self._is_whole:
                return b""
            async with self._lock:
                if at == self.size and not self._is_whole:
                    await self._pull()

    async def _pull(self) -> None:
        if self._error is not None:
            raise self._error
        await self._keep_tail()
        self._tail_at += len(self._tail)
        self._tail = b""
        try:
            piece = await self._source.next()
        except Exception as error:
            self._error = error
            raise
        if piece:
            self._tail = piece
        else:
            self._is_whole = True

    async def _keep_tail(self) -> None:
        """Put the last piece where it is kept, before there is another."""
        tail = self._tail
        if not tail or self._is_settled:
            return
        if self._writing is None:
            self._space.reserve(len(tail))
            self._counted += len(tail)
            kept = len(self._memory)
            if self._filed == 0 and self._space.take_memory(len(tail), kept):
                self._memory += tail
                return
            self._writing = self._in_thread(self._write, tail)
        # Who waits may be cut off; the write then goes on, and the next reader waits for it.
        await asyncio.wait((self._writing,))
        failure, self._writing = self._writing.exception(), None
        if failure is not None:
            self._error = SpillFull(f"an upload cannot be kept: {failure}")
            raise self._error from failure
        self._filed += len(tail)

    def _in_thread(
        self, function: Callable[..., ResultT], *arguments: object
    ) -> "asyncio.Future[ResultT]":
        future = asyncio.get_running_loop().run_in_executor(None, function, *arguments)
        self._threads.add(future)
        future.add_done_callback(self._thread_ended)
        return future

    def _thread_ended(self, future: "asyncio.Future[Any]") -> None:
        self._threads.discard(future)
        if self._is_closed:
            # Nobody else will look at what became of it.
            future.exception()
            self._close_file()

    def _write(self, data: bytes) -> None:
        """Write behind what is filed."""
        if self._file is None:
            self._file = tempfile.TemporaryFile(dir=self._space.folder, buffering=0)  # noqa: SIM115 - closed in close
        number, at = self._file.fileno(), self._filed
        view = memoryview(data)
        while view:
            written = os.pwrite(number, view, at)
            at += written
            view = view[written:]


class SpillReader:
    """One pass over an upload."""

    def __init__(self, body: SpillBody) -> None:
        self._body = body
        self._at = 0

    async def next(self) -> bytes:
        """Return the next piece, waiting for the source where need be; b"" at the end."""
        piece = await self._body.piece_at(self._at)
        self._at += len(piece)
        return piece

    async def __aiter__(self) -> AsyncIterator[bytes]:
        """Yield the pieces."""
        while piece := await self.next():
            yield piece
