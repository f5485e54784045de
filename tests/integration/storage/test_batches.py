"""Batches as routers keep them at Storage, on both databases."""

import dataclasses
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, NamedTuple

import pytest
from tests.integration.storage.conftest import LOOK_SECONDS, METADATA, NOW, Bench
from tests.integration.storage.test_files import kept as file_kept
from tests.integration.storage.test_files import read, refused

from conduit.internal.v1 import batch_storage_service_pb2 as pb
from conduit.internal.v1 import file_storage_service_pb2
from conduit.internal.v1.batch_storage_service_pb2_grpc import BatchStorageServiceStub
from conduit.internal.v1.file_storage_service_pb2_grpc import FileStorageServiceStub
from conduit.v1 import batch_pb2
from conduit.v1.batch_pb2 import Batch, BatchError, BatchErrors
from conduit_kernel.rpc import connect
from conduit_storage import bootstrap
from conduit_storage.batches.store import LEASE_SECONDS
from conduit_storage.files.store import ROW_BYTES

DAY = 24 * 3600.0
ONE, OTHER = "router one", "router two"


class Stubs(NamedTuple):
    """A Storage service."""

    batches: Any
    files: Any


@asynccontextmanager
async def storage_of(bench: Bench, **settings: Any) -> AsyncIterator[Stubs]:  # noqa: ANN401 # of Settings
    """Run a Storage process for as long as this lasts, with a file."""
    process = await bootstrap.start(
        dataclasses.replace(bench.settings, **settings),
        clock=bench.clock,
        port=0,
        look_seconds=LOOK_SECONDS,
    )
    channel = connect(f"127.0.0.1:{process.port}")
    try:
        stubs = Stubs(BatchStorageServiceStub(channel), FileStorageServiceStub(channel))
        await file_kept(stubs.files, "file-in", b"lines")
        yield stubs
    finally:
        await channel.close()
        await process.drain(0.1)


async def made(storage: Stubs, name: str, **members: Any) -> Batch:  # noqa: ANN401 # of a batch
    """Store a batch."""
    batch = Batch(id=name, endpoint="/v1/embeddings", input_file_id="file-in")
    kept = pb.KeptBatch(**{"batch": batch, "virtual_key_id": 1, **members})
    answer = await storage.batches.CreateBatch(pb.CreateBatchRequest(batch=kept), metadata=METADATA)
    found: Batch = answer.batch
    return found


async def batch_of(storage: Stubs, name: str, owner: int = 1) -> Batch:
    """Return a batch."""
    request = pb.GetBatchRequest(virtual_key_id=owner, id=name)
    found: Batch = (await storage.batches.GetBatch(request, metadata=METADATA)).batch
    return found


async def claimed(
    storage: Stubs, router: str = ONE, *ids: str, room: int = 10
) -> pb.ClaimBatchesResponse:
    """Lease batches to a router."""
    request = pb.ClaimBatchesRequest(router_id=router, ids=ids, room=room)
    answer: pb.ClaimBatchesResponse = await storage.batches.ClaimBatches(request, metadata=METADATA)
    return answer


def ids_of(answer: pb.ClaimBatchesResponse) -> list[str]:
    """Return what a router works on from now on."""
    return [each.batch.id for each in answer.claimed]


async def recorded(
    storage: Stubs,
    name: str,
    router: str = ONE,
    **said: Any,  # noqa: ANN401 # of a record
) -> pb.RecordBatchResponse:
    """Store how far a batch is."""
    request = pb.RecordBatchRequest(router_id=router, id=name, **said)
    answer: pb.RecordBatchResponse = await storage.batches.RecordBatch(request, metadata=METADATA)
    return answer


async def cancelled(storage: Stubs, name: str, owner: int = 1) -> Batch:
    """Take a batch back."""
    request = pb.CancelBatchRequest(virtual_key_id=owner, id=name)
    found: Batch = (await storage.batches.CancelBatch(request, metadata=METADATA)).batch
    return found


def piece(file: str, number: int, content: bytes) -> pb.BatchPiece:
    """Return a piece of a file that a batch writes."""
    return pb.BatchPiece(file_id=file, number=number, content=content, bytes=len(content))


async def test_a_batch_is_worked_on_by_one_router(bench: Bench) -> None:
    """Until it is silent for a lease: then by the next one, from where it was left."""
    async with storage_of(bench) as storage:
        batch = await made(storage, "a")
        assert (batch.status, batch.created_at) == (batch_pb2.BATCH_STATUS_VALIDATING, int(NOW))
        assert batch.expires_at == int(NOW + DAY)
        await made(storage, "b")
        assert ids_of(await claimed(storage, room=1)) == ["a"]
        assert ids_of(await claimed(storage, OTHER)) == ["b"]
        await recorded(storage, "a", total=9, done=b"\x03", completed=2, model="m")
        for _ in range(4):
            bench.clock.now += LEASE_SECONDS - 1
            answer = await claimed(storage, ONE, "a", room=0)
            assert (ids_of(answer), [*answer.lost_ids]) == ([], [])
        answer = await claimed(storage, ONE, "a", "b")
        assert (ids_of(answer), [*answer.lost_ids]) == (["b"], ["b"])
        bench.clock.now += LEASE_SECONDS + 1
        (taken, _) = (await claimed(storage, OTHER)).claimed
        assert (taken.batch.id, taken.done, taken.batch.request_counts.total) == ("a", b"\x03", 9)
        assert (await claimed(storage, ONE, "a", room=0)).lost_ids == ["a"]
        assert not (await recorded(storage, "a", completed=9)).is_held
        assert (await batch_of(storage, "a")).request_counts.completed == 2


async def test_a_batch_that_was_given_up_is_taken_at_once(bench: Bench) -> None:
    """By whoever asks first; nobody gives up what is another's."""
    async with storage_of(bench) as storage:
        await made(storage, "a")
        await claimed(storage)
        for router in (OTHER, ONE):
            request = pb.ReleaseBatchesRequest(router_id=router, ids=["a"])
            assert ids_of(await claimed(storage, OTHER)) == []
            await storage.batches.ReleaseBatches(request, metadata=METADATA)
        assert ids_of(await claimed(storage, OTHER)) == ["a"]


async def test_what_a_batch_writes_is_seen_once_it_has_ended(bench: Bench) -> None:
    """Each piece once, however often it came, and counted from the end on."""
    async with storage_of(bench) as storage:
        await made(storage, "a", output_retention_seconds=3600)
        await claimed(storage)
        for _ in range(2):
            said: dict[str, Any] = {
                "output": piece("file-out", 0, b"one"),
                "completed": 1,
                "done": b"\1",
            }
            assert (await recorded(storage, "a", total=3, **said)).is_held
            said = {"output": piece("file-out", 1, b"two"), "errors": piece("file-bad", 0, b"no")}
            await recorded(storage, "a", completed=2, failed=1, done=b"\7", **said)
        assert not (await batch_of(storage, "a")).HasField("output_file_id")
        async with refused("FILE_NOT_FOUND"):
            await read(storage.files, "file-out")
        bench.clock.now += LEASE_SECONDS - 1
        await recorded(
            storage, "a", outcome=batch_pb2.BATCH_STATUS_COMPLETED, completed=2, failed=1
        )
        batch = await batch_of(storage, "a")
        assert (batch.output_file_id, batch.error_file_id) == ("file-out", "file-bad")
        counts = batch.request_counts
        assert (counts.total, counts.completed, counts.failed) == (3, 2, 1)
        assert batch.in_progress_at == int(NOW)
        assert batch.finalizing_at == batch.completed_at == int(bench.clock.now)
        assert await read(storage.files, "file-out") == [b"one", b"two"]
        assert await read(storage.files, "file-bad") == [b"no"]
        request = file_storage_service_pb2.GetFileRequest(virtual_key_id=1, id="file-out")
        file = (await storage.files.GetFile(request, metadata=METADATA)).file
        assert (file.filename, file.purpose, file.bytes) == ("a_output.jsonl", "batch_output", 6)
        assert file.created_at == int(bench.clock.now)
        assert file.expires_at == int(bench.clock.now) + 3600
        assert ids_of(await claimed(storage, OTHER)) == []
        assert not (await recorded(storage, "a", completed=3)).is_held


async def test_a_batch_that_was_taken_back_is_told_to_its_router(bench: Bench) -> None:
    """By the next answer to it; one that has ended is left as it is."""
    async with storage_of(bench) as storage:
        await made(storage, "a")
        await claimed(storage)
        assert not (await recorded(storage, "a", total=1)).is_cancelling
        async with refused("BATCH_NOT_FOUND"):
            await cancelled(storage, "a", owner=2)
        taken = await cancelled(storage, "a")
        assert (taken.status, taken.cancelling_at) == (
            batch_pb2.BATCH_STATUS_CANCELLING,
            int(NOW),
        )
        assert await cancelled(storage, "a") == taken
        assert (await claimed(storage, ONE, "a")).cancelling_ids == ["a"]
        assert (await recorded(storage, "a", total=1)).is_cancelling
        await recorded(storage, "a", outcome=batch_pb2.BATCH_STATUS_CANCELLED)
        assert (await cancelled(storage, "a")).status == batch_pb2.BATCH_STATUS_CANCELLED


async def test_why_a_batch_failed_is_kept(bench: Bench) -> None:
    """For as long as the batch is."""
    problems = BatchErrors(object="list", data=[BatchError(code="c", message="m", line=3)])
    async with storage_of(bench, file_days=30) as storage:
        await made(storage, "a")
        await claimed(storage)
        await recorded(storage, "a", outcome=batch_pb2.BATCH_STATUS_FAILED, problems=problems)
        batch = await batch_of(storage, "a")
        assert (batch.errors, batch.failed_at) == (problems, int(NOW))


@pytest.mark.parametrize("outcome", [1, 3, 7, 99])
async def test_only_an_end_is_an_outcome(bench: Bench, outcome: int) -> None:
    """Nothing of such a record is stored."""
    async with storage_of(bench) as storage:
        await made(storage, "a")
        await claimed(storage)
        async with refused("INVALID_REQUEST"):
            await recorded(storage, "a", outcome=outcome, total=5)
        assert (await batch_of(storage, "a")).request_counts.total == 0


async def test_a_batch_is_made_of_its_owners_own_file(bench: Bench) -> None:
    """One for batches, which then outlasts the batch; making it again changes nothing."""
    async with storage_of(bench) as storage:
        await file_kept(storage.files, "file-seen", b"x", purpose="vision")
        await file_kept(storage.files, "file-soon", b"x", retention_seconds=3600)
        for file, owner, reason in (
            ("file-in", 2, "FILE_NOT_FOUND"),
            ("file-gone", 1, "FILE_NOT_FOUND"),
            ("file-seen", 1, "INVALID_REQUEST"),
        ):
            async with refused(reason):
                batch = Batch(id="a", input_file_id=file)
                await made(storage, "a", batch=batch, virtual_key_id=owner)
        batch = Batch(id="a", input_file_id="file-soon")
        first = await made(storage, "a", batch=batch)
        bench.clock.now += 5
        assert await made(storage, "a", batch=batch) == first
        await file_kept(storage.files, "file-theirs", b"x", owner=2)
        async with refused("INVALID_REQUEST"):
            theirs = Batch(id="a", input_file_id="file-theirs")
            await made(storage, "a", batch=theirs, virtual_key_id=2)
        bench.clock.now += DAY
        assert await read(storage.files, "file-soon") == [b"x"]


async def test_batches_are_listed_newest_first(bench: Bench) -> None:
    """Page by page, each owner's own."""
    async with storage_of(bench) as storage:
        for name in "abc":
            await made(storage, name)

        async def page(owner: int = 1, **asked: Any) -> tuple[list[str], bool]:  # noqa: ANN401 # as in the request
            request = pb.ListBatchesRequest(virtual_key_id=owner, **asked)
            answer = await storage.batches.ListBatches(request, metadata=METADATA)
            return [each.id for each in answer.batches], answer.has_more

        assert await page(limit=2) == (["c", "b"], True)
        assert await page(limit=2, after="b") == (["a"], False)
        assert await page(owner=2, limit=9) == ([], False)
        for limit in (0, 101):
            async with refused("INVALID_REQUEST"):
                await page(limit=limit)


async def test_results_find_room_where_files_do_not(bench: Bench) -> None:
    """They were paid for; the router is told that there is none for more."""
    async with storage_of(bench, file_key_bytes=2 * ROW_BYTES) as storage:
        await made(storage, "a")
        await claimed(storage)
        assert not (await recorded(storage, "a", total=2)).is_full
        said: dict[str, Any] = {"output": piece("file-out", 0, bytes(5000)), "completed": 1}
        assert (await recorded(storage, "a", **said)).is_full
        await recorded(storage, "a", outcome=batch_pb2.BATCH_STATUS_FAILED, completed=1)
        assert await read(storage.files, "file-out") == [bytes(5000)]
