"""Uploads made of pieces, and sources that can be read once."""

import asyncio
from collections.abc import Sequence

from conduit_kernel.http import UploadReader


class Pieces:
    """An upload of these pieces; an exception among them is raised in its turn."""

    def __init__(self, *pieces: bytes | Exception, length: int | None = None) -> None:
        self.length = length
        self.opened = 0
        self.taken = 0
        self._pieces: Sequence[bytes | Exception] = pieces

    async def open(self) -> UploadReader:
        """Begin again."""
        self.opened += 1
        return _PiecesReader(self, list(self._pieces))


class _PiecesReader:
    def __init__(self, upload: Pieces, left: list[bytes | Exception]) -> None:
        self._upload = upload
        self._left = left

    async def next(self) -> bytes:
        await asyncio.sleep(0)
        if not self._left:
            return b""
        piece = self._left.pop(0)
        if isinstance(piece, Exception):
            raise piece
        self._upload.taken += len(piece)
        return piece


async def source_of(*pieces: bytes | Exception) -> UploadReader:
    """Make a source that can be read once."""
    return await Pieces(*pieces).open()
