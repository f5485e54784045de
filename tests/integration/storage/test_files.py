"""Files as routers keep them at Storage, on both databases."""

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import grpc
import pytest
from tests.integration.storage.conftest import LOOK_SECONDS, METADATA, NOW, Bench

from conduit.internal.v1 import file_storage_service_pb2 as pb
from conduit.internal.v1.file_storage_service_pb2_grpc import FileStorageServiceStub
from conduit.v1.stored_file_pb2 import StoredFile
from conduit_kernel.rpc import connect, error_of
from conduit_storage import bootstrap
from conduit_storage.files.store import ROW_BYTES, UNFINISHED_SECONDS

DAY = 24 * 3600.0


@asynccontextmanager
async def storage_of(bench: Bench, **settings: Any) -> AsyncIterator[Any]:  # noqa: ANN401 # of Settings
    """Run a Storage process for as long as this lasts."""
    process = await bootstrap.start(
        dataclasses.replace(bench.settings, **settings),
        clock=bench.clock,
        port=0,
        look_seconds=LOOK_SECONDS,
    )
    channel = connect(f"127.0.0.1:{process.port}")
    try:
        yield FileStorageServiceStub(channel)
    finally:
        await channel.close()
        await process.drain(0.1)


async def begun(storage: Any, name: str, owner: int = 1, **members: Any) -> None:  # noqa: ANN401 # a stub
    """Begin a file."""
    said = {"filename": "in.jsonl", "purpose": "batch", **members}
    request = pb.BeginFileRequest(virtual_key_id=owner, id=name, **said)
    await storage.BeginFile(request, metadata=METADATA)


async def appended(
    storage: Any,  # noqa: ANN401 # a stub
    name: str,
    number: int,
    content: bytes = b"\0sealed\xff",
    length: int = 0,
    owner: int = 1,
) -> None:
    """Store a piece."""
    request = pb.AppendToFileRequest(
        virtual_key_id=owner, id=name, number=number, content=content, bytes=length or len(content)
    )
    await storage.AppendToFile(request, metadata=METADATA)


async def finished(storage: Any, name: str, owner: int = 1) -> StoredFile:  # noqa: ANN401 # a stub
    """Let a file be seen."""
    request = pb.FinishFileRequest(virtual_key_id=owner, id=name)
    made: StoredFile = (await storage.FinishFile(request, metadata=METADATA)).file
    return made


async def kept(storage: Any, name: str, *pieces: bytes, owner: int = 1, **members: Any) -> None:  # noqa: ANN401 # a stub
    """Keep a file."""
    await begun(storage, name, owner, **members)
    for number, piece in enumerate(pieces):
        await appended(storage, name, number, piece, owner=owner)
    await finished(storage, name, owner)


async def read(storage: Any, name: str, number: int = 0, owner: int = 1) -> list[bytes]:  # noqa: ANN401 # a stub
    """Return pieces from one on."""
    request = pb.ReadFileRequest(virtual_key_id=owner, id=name, number=number)
    return [*(await storage.ReadFile(request, metadata=METADATA)).contents]


async def listed(storage: Any, **page: Any) -> tuple[list[str], bool]:  # noqa: ANN401 # a stub
    """Return the ids of a page, and whether there are more."""
    request = pb.ListFilesRequest(**{"virtual_key_id": 1, "limit": 100, **page})
    answer = await storage.ListFiles(request, metadata=METADATA)
    return [each.id for each in answer.files], answer.has_more


@asynccontextmanager
async def refused(reason: str) -> AsyncIterator[None]:
    """Fail unless what is done in it is refused for a reason."""
    with pytest.raises(grpc.RpcError) as raised:
        yield
    assert error_of(raised.value, "storage").reason == reason


async def test_a_file_is_seen_once_it_is_whole(bench: Bench) -> None:
    """By its owner alone, as it was sent."""
    async with storage_of(bench) as storage:
        await begun(storage, "a", filename="my\0file")
        await appended(storage, "a", 0, b"first", length=500)
        for ask in (
            storage.GetFile(pb.GetFileRequest(virtual_key_id=1, id="a"), metadata=METADATA),
            read(storage, "a"),
        ):
            async with refused("FILE_NOT_FOUND"):
                await ask
        assert await listed(storage) == ([], False)
        await appended(storage, "a", 1, b"second", length=20)
        made = await finished(storage, "a")
        assert made == StoredFile(
            id="a",
            object="file",
            bytes=520,
            created_at=int(NOW),
            expires_at=int(NOW + 30 * DAY),
            filename="my\ufffdfile",
            purpose="batch",
            status="processed",
        )
        assert await read(storage, "a") == [b"first", b"second"]
        assert await read(storage, "a", 1) == [b"second"]
        assert await read(storage, "a", 2) == []
        for ask in (finished(storage, "a", owner=2), read(storage, "a", owner=2)):
            async with refused("FILE_NOT_FOUND"):
                await ask
        assert await listed(storage, virtual_key_id=2) == ([], False)


async def test_a_piece_that_comes_again_counts_once(bench: Bench) -> None:
    """Its router did not hear that it had arrived; and none is left out."""
    async with storage_of(bench) as storage:
        await begun(storage, "a")
        for _ in range(2):
            await begun(storage, "a")
            await appended(storage, "a", 0, b"piece")
        async with refused("INVALID_REQUEST"):
            await appended(storage, "a", 2, b"piece")
        assert (await finished(storage, "a")).bytes == len(b"piece")
        assert (await finished(storage, "a")).bytes == len(b"piece")
        assert await read(storage, "a") == [b"piece"]
        async with refused("FILE_NOT_FOUND"):
            await appended(storage, "a", 1, b"behind its end")


async def test_a_large_file_is_read_in_parts(bench: Bench) -> None:
    """About a mebibyte at a time, one piece at least."""
    pieces = [bytes([number]) * 700_000 for number in range(3)] + [b"x" * 1_500_000]
    async with storage_of(bench) as storage:
        await kept(storage, "a", *pieces)
        found = list[bytes]()
        while part := await read(storage, "a", len(found)):
            assert len(part) == 1
            found += part
        assert found == pieces
        await kept(storage, "b", *[b"small"] * 9)
        assert await read(storage, "b") == [b"small"] * 9


async def test_files_are_listed_in_pages_of_either_order(bench: Bench) -> None:
    """Those for one thing alone, where that is asked."""
    async with storage_of(bench) as storage:
        for name in "abcd":
            await kept(storage, name, purpose="vision" if name == "b" else "batch")
        assert await listed(storage, limit=3) == (["d", "c", "b"], True)
        assert await listed(storage, limit=3, after="b") == (["a"], False)
        assert await listed(storage, is_ascending=True, limit=2) == (["a", "b"], True)
        assert await listed(storage, is_ascending=True, after="b") == (["c", "d"], False)
        assert await listed(storage, purpose="vision") == (["b"], False)
        for limit in (0, -1, 10_001):
            async with refused("INVALID_REQUEST"):
                await listed(storage, limit=limit)


async def test_a_deleted_file_is_gone_with_its_pieces(bench: Bench) -> None:
    """And leaves room; a stranger deletes none."""
    room = ROW_BYTES + 1000
    async with storage_of(bench, file_key_bytes=room) as storage:
        await kept(storage, "a", bytes(1000))
        gone = pb.DeleteFileRequest(virtual_key_id=1, id="a")
        async with refused("FILE_NOT_FOUND"):
            stranger = pb.DeleteFileRequest(virtual_key_id=2, id="a")
            await storage.DeleteFile(stranger, metadata=METADATA)
        async with refused("STORAGE_FULL"):
            await begun(storage, "b")
        await storage.DeleteFile(gone, metadata=METADATA)
        async with refused("FILE_NOT_FOUND"):
            await storage.DeleteFile(gone, metadata=METADATA)
        await kept(storage, "a", b"anew")
        assert await read(storage, "a") == [b"anew"]


async def test_each_bound_is_kept(bench: Bench) -> None:
    """Of one file, of a virtual key's, and of all."""
    async with storage_of(
        bench, file_bytes=500, file_key_bytes=2 * ROW_BYTES, files_bytes=5 * ROW_BYTES
    ) as storage:
        await begun(storage, "long")
        await appended(storage, "long", 0, b"x", length=500)
        async with refused("STORAGE_FULL"):
            await appended(storage, "long", 1, b"x", length=1)
        await begun(storage, "wide", owner=7)
        async with refused("STORAGE_FULL"):
            await appended(storage, "wide", 0, bytes(ROW_BYTES + 1), length=1, owner=7)
        for owner in (2, 3):
            await kept(storage, f"of {owner}", owner=owner)
        async with refused("STORAGE_FULL"):
            await begun(storage, "one too many", owner=6)


async def test_files_end_in_their_time(bench: Bench) -> None:
    """When their sender said, but not later than all do; what broke off within an hour."""
    async with storage_of(bench, file_days=30) as storage:
        await kept(storage, "short", retention_seconds=3600)
        await kept(storage, "long", retention_seconds=400 * int(DAY))
        await begun(storage, "never finished")
        bench.clock.now += UNFINISHED_SECONDS
        async with refused("FILE_NOT_FOUND"):
            await appended(storage, "never finished", 0)
        async with refused("FILE_NOT_FOUND"):
            await finished(storage, "never finished")
        assert await listed(storage) == (["long"], False)
        bench.clock.now += 30 * DAY
        assert await listed(storage) == ([], False)


@pytest.mark.parametrize("name", ["", "x" * 65])
async def test_what_is_no_id_is_refused(bench: Bench, name: str) -> None:
    """Nothing is begun by it."""
    async with storage_of(bench) as storage, refused("INVALID_REQUEST"):
        await begun(storage, name)
