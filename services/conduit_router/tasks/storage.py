"""What is asked of Storage about tasks."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from conduit.internal.v1 import task_storage_service_pb2 as pb
from conduit.internal.v1.task_storage_service_pb2_grpc import TaskStorageServiceStub
from conduit.v1.task_pb2 import Task
from conduit_router.storage import StorageClient

if TYPE_CHECKING:
    # Exists for type checkers only.
    from conduit.internal.v1.task_storage_service_pb2_grpc import TaskStorageServiceAsyncStub


class TaskStorage:
    """Asks Storage about tasks. ServiceUnavailable while it is away."""

    def __init__(self, client: StorageClient) -> None:
        self._ask = client.ask
        self._stub: TaskStorageServiceAsyncStub = TaskStorageServiceStub(client.channel)

    async def create(self, request: pb.CreateTaskRequest) -> Task:
        """Store a task that is worked on here. StorageFull if its owner has no room for it."""
        return (await self._ask(self._stub.CreateTask, request)).task

    async def renew(self, router_id: str, ids: Sequence[str]) -> Sequence[str]:
        """Say what is still worked on; return the tasks that have ended."""
        request = pb.RenewTasksRequest(router_id=router_id, ids=ids)
        return (await self._ask(self._stub.RenewTasks, request)).ended_ids

    async def finish(self, request: pb.FinishTaskRequest) -> None:
        """Store what a task came to."""
        await self._ask(self._stub.FinishTask, request)

    async def task(self, virtual_key_id: int, task_id: str) -> Task:
        """Return a task with its result. TaskNotFound if the owner has none of this id."""
        request = pb.GetTaskRequest(virtual_key_id=virtual_key_id, id=task_id)
        return (await self._ask(self._stub.GetTask, request)).task

    async def tasks(
        self, virtual_key_id: int, after: str, limit: int
    ) -> tuple[Sequence[Task], bool]:
        """Return a page of an owner's tasks, newest first, and whether there are more."""
        request = pb.ListTasksRequest(virtual_key_id=virtual_key_id, after=after, limit=limit)
        answer = await self._ask(self._stub.ListTasks, request)
        return answer.tasks, answer.has_more

    async def cancel(self, virtual_key_id: int, task_id: str) -> Task:
        """Take a task back. TaskNotFound if the owner has none of this id."""
        request = pb.CancelTaskRequest(virtual_key_id=virtual_key_id, id=task_id)
        return (await self._ask(self._stub.CancelTask, request)).task

    async def delete(self, virtual_key_id: int, task_id: str) -> None:
        """Delete a task. TaskNotFound if the owner has none of this id."""
        request = pb.DeleteTaskRequest(virtual_key_id=virtual_key_id, id=task_id)
        await self._ask(self._stub.DeleteTask, request)
