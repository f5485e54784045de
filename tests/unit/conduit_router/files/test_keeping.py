"""Files written to a Storage service and read from it, piece by piece."""

import asyncio
from collections.abc import AsyncIterator

import pytest
from tests.support.storage_host import StorageHost

from conduit.internal.v1.file_storage_service_pb2 import BeginFileRequest, ListFilesRequest
from conduit_kernel.errors import ServiceUnavailable, StorageFull
from conduit_kernel.ids import IdSource
from conduit_kernel.not_found_errors import FileNotFound
from conduit_kernel.secrets import Vault
from conduit_router.files.keeping import FileKeeper
from conduit_router.files.storage import FileStorage

OWNER = 5
PIECE_BYTES = 1000


@pytest.fixture
def keeper(storage: FileStorage) -> FileKeeper:
    """Return what keeps files, in small pieces."""
    return FileKeeper(storage, Vault(bytes(range(32))), IdSource(), piece_bytes=PIECE_BYTES)


def asked() -> BeginFileRequest:
    """Return what is said of a file."""
    return BeginFileRequest(virtual_key_id=OWNER, filename="a.jsonl", purpose="batch")


async def cut(content: bytes, size: int) -> AsyncIterator[bytes]:
    """Yield bytes as they come from somewhere."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def read(keeper: FileKeeper, file_id: str, owner: int = OWNER) -> bytes:
    """Return a file's bytes."""
    return b"".join([piece async for piece in keeper.read(owner, file_id)])


@pytest.mark.parametrize("size", [0, 1, 999, 1000, 1001, 5000, 5001])
@pytest.mark.parametrize("coming", [7, 1000, 9999])
async def test_a_file_is_read_as_it_was_written(keeper: FileKeeper, size: int, coming: int) -> None:
    """However its bytes came, and wherever its pieces end."""
    content = (b"0123456789" * 501)[:size]
    made = await keeper.write(asked(), cut(content, coming))
    assert (made.bytes, made.filename, made.purpose) == (size, "a.jsonl", "batch")
    assert await read(keeper, made.id) == content


async def test_a_file_is_its_owners_alone(keeper: FileKeeper) -> None:
    """Nobody else reads it by its id."""
    made = await keeper.write(asked(), cut(b"secret", 3))
    with pytest.raises(FileNotFound):
        await read(keeper, made.id, OWNER + 1)


async def test_nothing_is_left_of_what_broke_off(keeper: FileKeeper, storage: FileStorage) -> None:
    """Neither a file nor its room: who sends too much is refused, and may send less at once."""

    async def breaking() -> AsyncIterator[bytes]:
        yield bytes(PIECE_BYTES)
        raise ConnectionResetError

    for content, error in (
        (breaking(), ConnectionResetError),
        (cut(bytes(100_001), 10_000), StorageFull),
    ):
        request = asked()
        with pytest.raises(error):
            await keeper.write(request, content)
        with pytest.raises(FileNotFound):
            await storage.finish(OWNER, request.id)
    assert await storage.files(ListFilesRequest(virtual_key_id=OWNER, limit=1)) == ([], False)
    await keeper.write(asked(), cut(bytes(100_000), 10_000))


async def test_a_sender_who_leaves_leaves_nothing(keeper: FileKeeper, storage: FileStorage) -> None:
    """The file that it began is given up."""
    request, has_come = asked(), asyncio.Event()

    async def hanging() -> AsyncIterator[bytes]:
        yield bytes(PIECE_BYTES)
        has_come.set()
        await asyncio.Event().wait()

    writing = asyncio.create_task(keeper.write(request, hanging()))
    await has_come.wait()
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    with pytest.raises(FileNotFound):
        await storage.delete(OWNER, request.id)


async def test_without_storage_files_are_refused(keeper: FileKeeper, host: StorageHost) -> None:
    """Neither kept nor read, until it is back."""
    made = await keeper.write(asked(), cut(b"before", 6))
    await host.stop()
    with pytest.raises(ServiceUnavailable):
        await keeper.write(asked(), cut(b"meanwhile", 9))
    with pytest.raises(ServiceUnavailable):
        await read(keeper, made.id)
    await host.start()
    assert await read(keeper, made.id) == b"before"
