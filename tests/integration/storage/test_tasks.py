"""Tasks as routers keep them at Storage, on both databases."""

import contextlib

import grpc
import pytest
from tests.integration.storage.conftest import METADATA, Bench, StorageStub
from tests.support.waiting import eventually

from conduit.internal.v1 import task_storage_service_pb2 as pb
from conduit.v1.task_pb2 import (
    TASK_STATUS_CANCELLED,
    TASK_STATUS_FAILED,
    TASK_STATUS_RUNNING,
    TASK_STATUS_SUCCEEDED,
    Task,
    TaskError,
)
from conduit_kernel.rpc import error_of
from conduit_storage.tasks.store import LEASE_SECONDS, ROW_BYTES

RESULT = b'{"data": []}'
HOURS = 3600.0


async def created(storage: StorageStub, task_id: str = "task_1", owner: int = 1) -> Task:
    """Begin a task."""
    request = pb.CreateTaskRequest(
        id=task_id, virtual_key_id=owner, router_id="a", operation="image", model="picture"
    )
    return (await storage.CreateTask(request, metadata=METADATA)).task


async def finished(
    storage: StorageStub, task_id: str = "task_1", result: bytes = RESULT, router_id: str = "a"
) -> None:
    """Tell what a task came to."""
    request = pb.FinishTaskRequest(id=task_id, router_id=router_id, result_json=result)
    await storage.FinishTask(request, metadata=METADATA)


async def found(storage: StorageStub, task_id: str = "task_1", owner: int = 1) -> Task | None:
    """Return a task; None if there is none."""
    request = pb.GetTaskRequest(virtual_key_id=owner, id=task_id)
    try:
        return (await storage.GetTask(request, metadata=METADATA)).task
    except grpc.RpcError as error:
        if error_of(error, "storage").reason != "TASK_NOT_FOUND":
            raise
        return None


async def deleted(storage: StorageStub, task_id: str = "task_1", owner: int = 1) -> bool:
    """Delete a task; return whether there was one."""
    request = pb.DeleteTaskRequest(virtual_key_id=owner, id=task_id)
    try:
        await storage.DeleteTask(request, metadata=METADATA)
    except grpc.RpcError as error:
        if error_of(error, "storage").reason != "TASK_NOT_FOUND":
            raise
        return False
    return True


async def renewed(storage: StorageStub, *ids: str, router_id: str = "a") -> set[str]:
    """Say what is worked on; return the tasks that have ended."""
    request = pb.RenewTasksRequest(router_id=router_id, ids=ids)
    return set((await storage.RenewTasks(request, metadata=METADATA)).ended_ids)


async def listed(
    storage: StorageStub, owner: int = 1, after: str = "", limit: int = 10
) -> list[str]:
    """Return the ids of a page of tasks."""
    request = pb.ListTasksRequest(virtual_key_id=owner, after=after, limit=limit)
    return [each.id for each in (await storage.ListTasks(request, metadata=METADATA)).tasks]


async def test_a_result_is_kept_as_it_came(storage: StorageStub) -> None:
    """Whatever bytes it has; a second end changes nothing, and nor does another router's."""
    task = await created(storage)
    assert task.status == TASK_STATUS_RUNNING
    assert await created(storage) == task
    await finished(storage, router_id="b")
    assert await found(storage) == task
    result = '{"text": "\u0000 \U0001f600"}'.encode()
    await finished(storage, result=result)
    done = await found(storage)
    assert done is not None
    assert (done.status, done.result_json) == (TASK_STATUS_SUCCEEDED, result)
    await finished(storage, result=b"{}")
    assert await found(storage) == done


async def test_a_failure_is_kept_as_it_was_told(storage: StorageStub) -> None:
    """Cut where it is endless; a byte that PostgreSQL keeps in no text is replaced."""
    await created(storage)
    error = TaskError(message="no\0 " + "x" * 10_000, type="server_error", code="provider_error")
    request = pb.FinishTaskRequest(id="task_1", router_id="a", error=error)
    await storage.FinishTask(request, metadata=METADATA)
    done = await found(storage)
    assert done is not None
    assert done.status == TASK_STATUS_FAILED
    assert done.error.message.startswith("no\ufffd xxx")
    assert len(done.error.message) == 4000
    assert (done.error.type, done.error.code) == (error.type, error.code)


async def test_tasks_are_their_owners_alone(storage: StorageStub) -> None:
    """Another key neither sees nor ends them, and begins none with the id of one."""
    task = await created(storage)
    assert await found(storage, owner=2) is None
    assert await listed(storage, owner=2) == []
    request = pb.CancelTaskRequest(virtual_key_id=2, id="task_1")
    with pytest.raises(grpc.RpcError) as refused:
        await storage.CancelTask(request, metadata=METADATA)
    assert error_of(refused.value, "storage").reason == "TASK_NOT_FOUND"
    assert await found(storage) == task


async def test_a_task_that_was_taken_back_stays_so(storage: StorageStub) -> None:
    """Its router learns it when it renews; what the task came to is not kept."""
    await created(storage)
    request = pb.CancelTaskRequest(virtual_key_id=1, id="task_1")
    taken = (await storage.CancelTask(request, metadata=METADATA)).task
    assert taken.status == TASK_STATUS_CANCELLED
    assert await renewed(storage, "task_1") == {"task_1"}
    await finished(storage)
    assert await found(storage) == taken


async def test_what_no_router_works_on_is_interrupted(bench: Bench, storage: StorageStub) -> None:
    """Once its lease has ended; the tasks of who still speaks go on, and others renew nothing."""
    await created(storage)
    await created(storage, "task_2")

    async def is_over() -> bool:
        # Storage looks in between: a clock that was set forward by a lease loses nobody.
        bench.clock.now += LEASE_SECONDS * 0.2
        assert await renewed(storage, "task_1") == set()
        assert await renewed(storage, "task_2", router_id="b") == {"task_2"}
        task = await found(storage, "task_2")
        return task is not None and task.status == TASK_STATUS_FAILED

    await eventually(is_over)
    lost, kept = await found(storage, "task_2"), await found(storage)
    assert lost is not None
    assert kept is not None
    assert lost.error.code == "task_interrupted"
    assert kept.status == TASK_STATUS_RUNNING
    assert await renewed(storage, "task_2") == {"task_2"}


async def test_tasks_outlast_an_absence_of_storage(bench: Bench) -> None:
    """However long it was: their routers have the time of a lease to say that they go on."""
    async with bench.storage() as storage:
        await created(storage)
        await finished(storage)
        await created(storage, "task_2")
    bench.clock.now += 3 * HOURS
    async with bench.storage() as storage:
        done, going = await found(storage), await found(storage, "task_2")
        assert done is not None
        assert going is not None
        assert (done.status, going.status) == (TASK_STATUS_SUCCEEDED, TASK_STATUS_RUNNING)
        assert await renewed(storage, "task_2") == set()


async def test_tasks_are_kept_for_their_time(bench: Bench, storage: StorageStub) -> None:
    """From their end on; one under way is kept however long it takes."""
    await created(storage)
    await created(storage, "task_2")
    await finished(storage)
    bench.clock.now += 24 * HOURS - 1
    await renewed(storage, "task_2")
    assert await listed(storage) == ["task_2", "task_1"]
    bench.clock.now += 1
    assert await listed(storage) == ["task_2"]
    assert await found(storage) is None


async def test_a_result_that_is_too_large_fails_its_task(storage: StorageStub) -> None:
    """With the limit; one that just fits is kept."""
    await created(storage)
    await created(storage, "task_2")
    await finished(storage, result=b"x" * 10_001)
    await finished(storage, "task_2", result=b"x" * 10_000)
    large, fitting = await found(storage), await found(storage, "task_2")
    assert large is not None
    assert fitting is not None
    assert (large.status, large.error.code) == (TASK_STATUS_FAILED, "storage_full")
    assert "10000" in large.error.message
    assert fitting.status == TASK_STATUS_SUCCEEDED


async def test_a_virtual_key_has_its_room_and_no_more(bench: Bench, storage: StorageStub) -> None:
    """Others have theirs; and what is forgotten makes room."""
    for each in ("task_1", "task_2"):
        await created(storage, each)
    await finished(storage, result=b"x" * 9_000)
    await finished(storage, "task_2", result=b"x" * (20_000 - 9_000 - 2 * ROW_BYTES - 1))
    full = await found(storage, "task_2")
    assert full is not None
    assert full.status == TASK_STATUS_SUCCEEDED
    with pytest.raises(grpc.RpcError) as refused:
        await created(storage, "task_3")
    error = error_of(refused.value, "storage")
    assert (error.reason, error.metadata["limit_bytes"]) == ("STORAGE_FULL", "20000")
    await created(storage, "task_4", owner=2)
    bench.clock.now += 24 * HOURS
    # One that starts forgets what is old, and then again and again.
    async with bench.storage() as again:

        async def has_room() -> bool:
            with contextlib.suppress(grpc.RpcError):
                await created(again, "task_3")
            return await listed(again) == ["task_3"]

        await eventually(has_room)


async def test_pages_go_on_behind_a_task_that_is_gone(storage: StorageStub) -> None:
    """Newest first."""
    for number in range(5):
        await created(storage, f"task_{number}")
    assert await listed(storage, limit=2) == ["task_4", "task_3"]
    assert await listed(storage, after="task_3", limit=2) == ["task_2", "task_1"]
    assert await listed(storage, after="task_11") == ["task_1", "task_0"]


@pytest.mark.parametrize(
    ("rpc", "request_message"),
    [
        ("CreateTask", pb.CreateTaskRequest()),
        ("RenewTasks", pb.RenewTasksRequest(ids=["x"] * 10_001)),
        ("FinishTask", pb.FinishTaskRequest(id="task_1")),
        ("ListTasks", pb.ListTasksRequest(limit=0)),
        ("ListTasks", pb.ListTasksRequest(limit=101)),
    ],
)
async def test_what_makes_no_sense_is_refused(
    storage: StorageStub, rpc: str, request_message: object
) -> None:
    """With the field."""
    with pytest.raises(grpc.RpcError) as refused:
        await getattr(storage, rpc)(request_message, metadata=METADATA)
    assert error_of(refused.value, "storage").reason == "INVALID_REQUEST"


async def test_only_our_services_are_answered(storage: StorageStub) -> None:
    """The master key opens nothing here."""
    with pytest.raises(grpc.RpcError) as refused:
        await storage.GetTask(pb.GetTaskRequest(), metadata=(("x-master-key", "test-master-key"),))
    assert error_of(refused.value, "storage").reason == "SERVICE_TOKEN_INVALID"


async def test_a_task_is_deleted_by_its_owner_alone(storage: StorageStub) -> None:
    """Ended or not; its router learns that there is nothing left to do."""
    await created(storage)
    await created(storage, "task_2")
    await finished(storage, "task_2")
    assert not await deleted(storage, owner=2)
    assert await found(storage) is not None
    assert await deleted(storage)
    assert await deleted(storage, "task_2")
    assert not await deleted(storage, "task_2")
    assert [await found(storage), await found(storage, "task_2")] == [None, None]
    assert await renewed(storage, "task_1") == {"task_1"}
    # What it came to all the same is nobody's.
    await finished(storage)
    assert await found(storage) is None
