"""The router's side of Storage."""

import pytest
from tests.support.storage_host import StorageHost

from conduit.internal.v1.task_storage_service_pb2 import CreateTaskRequest, FinishTaskRequest
from conduit.v1.task_pb2 import TASK_STATUS_CANCELLED, TASK_STATUS_RUNNING, TASK_STATUS_SUCCEEDED
from conduit_kernel.errors import ServiceUnavailable
from conduit_kernel.not_found_errors import TaskNotFound
from conduit_router.tasks.storage import TaskStorage


def new(task_id: str) -> CreateTaskRequest:
    """Return a task of virtual key 1."""
    return CreateTaskRequest(id=task_id, virtual_key_id=1, router_id="a", operation="image")


async def test_what_storage_says_is_said_here(storage: TaskStorage) -> None:
    """Each question has its answer."""
    assert (await storage.create(new("task_1"))).status == TASK_STATUS_RUNNING
    await storage.create(new("task_2"))
    assert await storage.renew("a", ["task_1", "task_3"]) == ["task_3"]
    await storage.finish(FinishTaskRequest(id="task_1", router_id="a", result_json=b"{}"))
    assert (await storage.task(1, "task_1")).status == TASK_STATUS_SUCCEEDED
    assert (await storage.cancel(1, "task_2")).status == TASK_STATUS_CANCELLED
    tasks, has_more = await storage.tasks(1, "", 1)
    assert ([each.id for each in tasks], has_more) == (["task_2"], True)


async def test_its_errors_are_errors_of_ours(storage: TaskStorage, host: StorageHost) -> None:
    """That it is away is one of them, which names it."""
    with pytest.raises(TaskNotFound):
        await storage.task(2, "task_1")
    await host.stop()
    with pytest.raises(ServiceUnavailable) as refused:
        await storage.create(new("task_1"))
    assert refused.value.metadata == {"service": "storage"}
