"""Writes files to Storage and reads them from there, piece by piece."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, Sequence
from contextlib import suppress

from conduit.internal.v1 import file_storage_service_pb2 as pb
from conduit.v1.stored_file_pb2 import StoredFile
from conduit_kernel.errors import ConduitError, ServiceUnavailable
from conduit_kernel.ids import IdSource
from conduit_kernel.secrets import Vault
from conduit_router.files.pieces import PIECE_BYTES, Place, opened, sealed
from conduit_router.files.storage import FileStorage

ID_PREFIX = "file-"
# How long whoever gives a file up waits for Storage to forget it; it does so by itself as well.
LAST_SECONDS = 1.0
# Between tries of whoever waits for Storage to be back.
PAUSE_SECONDS = 1.0


class FileKeeper:
    """Keeps files at Storage, sealed."""

    def __init__(
        self, storage: FileStorage, vault: Vault, ids: IdSource, *, piece_bytes: int = PIECE_BYTES
    ) -> None:
        """Take where files are kept, what seals them, and how many bytes a piece has."""
        self.storage = storage
        self._vault = vault
        self._ids = ids
        self._piece_bytes = piece_bytes

    async def write(self, begun: pb.BeginFileRequest, content: AsyncIterable[bytes]) -> StoredFile:
        """Keep a file as it comes, under a new id. What was kept of it is dropped if it breaks off.

        StorageFull if there is no room for it; what reading it raises.
        """
        owner, file_id = begun.virtual_key_id, f"{ID_PREFIX}{self._ids.next()}"
        begun.id = file_id
        await self.storage.begin(begun)
        try:
            number = 0
            async for piece in _cut(content, self._piece_bytes):
                await self._append(Place(owner, file_id, number), piece)
                number += 1
            return await self.storage.finish(owner, file_id)
        except BaseException:
            with suppress(ConduitError, TimeoutError):
                async with asyncio.timeout(LAST_SECONDS):
                    await self.storage.delete(owner, file_id)
            raise

    async def read(
        self, owner: int, file_id: str, *, waits: bool = False
    ) -> AsyncGenerator[bytes, None]:
        """Yield a file's bytes in order. FileNotFound if the owner has none of this id.

        ServiceUnavailable while Storage is away, unless that is waited out.
        """
        number = 0
        while kept := await self._pieces(owner, file_id, number, waits=waits):
            for each in kept:
                place = Place(owner, file_id, number)
                yield await asyncio.to_thread(opened, each, place, self._vault)
                number += 1

    async def _pieces(
        self, owner: int, file_id: str, number: int, *, waits: bool
    ) -> Sequence[bytes]:
        while True:
            try:
                return await self.storage.read(owner, file_id, number)
            except ServiceUnavailable:
                if not waits:
                    raise
                await asyncio.sleep(PAUSE_SECONDS)

    async def _append(self, place: Place, piece: bytes) -> None:
        content = await asyncio.to_thread(sealed, piece, place, self._vault)
        await self.storage.append(
            pb.AppendToFileRequest(
                virtual_key_id=place.virtual_key_id,
                id=place.file_id,
                number=place.number,
                content=content,
                bytes=len(piece),
            )
        )


async def _cut(content: AsyncIterable[bytes], size: int) -> AsyncGenerator[bytes, None]:
    """Yield bytes in pieces of a size, of which the last one may be shorter."""
    held = bytearray()
    async for data in content:
        held += data
        while len(held) >= size:
            yield bytes(held[:size])
            del held[:size]
    if held:
        yield bytes(held)
