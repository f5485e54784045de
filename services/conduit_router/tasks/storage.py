"""The router's side of Storage. Nobody but who asks for a task waits for it."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import grpc

from conduit.internal.v1 import task_storage_service_pb2 as pb
from conduit.internal.v1.task_storage_service_pb2_grpc import TaskStorageServiceStub
from conduit.v1.task_pb2 import Task
from conduit_kernel.rpc import error_of, until_connected

if TYPE_CHECKING:
    # Exists for type checkers only.
    from conduit.internal.v1.task_storage_service_pb2_grpc import TaskStorageServiceAsyncStub

SERVICE = "storage"
# For a Storage that is being restarted.
PATIENCE_SECONDS = 2.0
CALL_SECONDS = 15.0


class TaskStorage:
    """Asks Storage about tasks. ServiceUnavailable while it is away."""

    def __init__(self, channel: grpc.aio.Channel, metadata: tuple[tuple[str, str], ...]) -> None:
        self._channel = channel
        self._stub: TaskStorageServiceAsyncStub = TaskStorageServiceStub(channel)
        self._metadata = metadata

    async def create(self, request: pb.CreateTaskRequest) -> Task:
        """Store a task that is worked on here. StorageFull if its owner has no room for it."""
        async with self._asked():
            answer = await self._stub.CreateTask(
                request, metadata=self._metadata, timeout=CALL_SECONDS
            )
            return answer.task

    async def renew(self, router_id: str, ids: Sequence[str]) -> Sequence[str]:
        """Say what is still worked on; return the tasks that have ended."""
        async with self._asked():
            answer = await self._stub.RenewTasks(
                pb.RenewTasksRequest(router_id=router_id, ids=ids),
                metadata=self._metadata,
                timeout=CALL_SECONDS,
            )
            return answer.ended_ids

    async def finish(self, request: pb.FinishTaskRequest) -> None:
        """Store what a task came to."""
        async with self._asked():
            await self._stub.FinishTask(request, metadata=self._metadata, timeout=CALL_SECONDS)

    async def task(self, virtual_key_id: int, task_id: str) -> Task:
        """Return a task with its result. TaskNotFound if the owner has none of this id."""
        request = pb.GetTaskRequest(virtual_key_id=virtual_key_id, id=task_id)
        async with self._asked():
            answer = await self._stub.GetTask(
                request, metadata=self._metadata, timeout=CALL_SECONDS
            )
            return answer.task

    async def tasks(
        self, virtual_key_id: int, after: str, limit: int
    ) -> tuple[Sequence[Task], bool]:
        """Return a page of an owner's tasks, newest first, and whether there are more."""
        request = pb.ListTasksRequest(virtual_key_id=virtual_key_id, after=after, limit=limit)
        async with self._asked():
            answer = await self._stub.ListTasks(
                request, metadata=self._metadata, timeout=CALL_SECONDS
            )
            return answer.tasks, answer.has_more

    async def cancel(self, virtual_key_id: int, task_id: str) -> Task:
        """Take a task back. TaskNotFound if the owner has none of this id."""
        request = pb.CancelTaskRequest(virtual_key_id=virtual_key_id, id=task_id)
        async with self._asked():
            answer = await self._stub.CancelTask(
                request, metadata=self._metadata, timeout=CALL_SECONDS
            )
            return answer.task

    @asynccontextmanager
    async def _asked(self) -> AsyncIterator[None]:
        await until_connected(self._channel, PATIENCE_SECONDS)
        try:
            yield
        except grpc.RpcError as error:
            raise error_of(error, SERVICE) from error
