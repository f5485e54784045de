"""The TaskStorageService: what routers ask of Storage, and what it answers."""

from collections.abc import Callable

from conduit.internal.v1 import task_storage_service_pb2 as pb
from conduit.internal.v1.task_storage_service_pb2_grpc import TaskStorageServiceServicer
from conduit.v1.task_pb2 import Task
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.not_found_errors import TaskNotFound
from conduit_kernel.rpc.auth_interceptor import Context
from conduit_storage.tasks.store import NewTask, TaskStore

MAX_RENEWED = 10_000
MAX_LISTED = 100


class TaskStorageService(TaskStorageServiceServicer):
    """Answers routers."""

    def __init__(self, store: TaskStore, clock: Callable[[], float]) -> None:
        """Take where tasks are kept, and a clock of seconds since 1970."""
        self._store = store
        self._clock = clock

    async def CreateTask(
        self, request: pb.CreateTaskRequest, context: Context
    ) -> pb.CreateTaskResponse:
        """Store a task that a router works on."""
        if not request.id:
            raise InvalidRequest("id is required", field="id")
        new = NewTask(
            request.id,
            request.virtual_key_id,
            request.router_id,
            request.operation,
            request.model,
        )
        return pb.CreateTaskResponse(task=await self._store.add(new, self._clock()))

    async def RenewTasks(
        self, request: pb.RenewTasksRequest, context: Context
    ) -> pb.RenewTasksResponse:
        """Lease tasks to their router for longer, and tell which of them have ended."""
        if len(request.ids) > MAX_RENEWED:
            message = f"At most {MAX_RENEWED} tasks can be renewed at a time"
            raise InvalidRequest(message, field="ids")
        ended = await self._store.renew(request.router_id, request.ids, self._clock())
        return pb.RenewTasksResponse(ended_ids=ended)

    async def FinishTask(
        self, request: pb.FinishTaskRequest, context: Context
    ) -> pb.FinishTaskResponse:
        """Store what a task came to."""
        if request.WhichOneof("outcome") is None:
            raise InvalidRequest("result_json or error is required", field="outcome")
        outcome = request.error if request.HasField("error") else request.result_json
        await self._store.finish(request.id, request.router_id, outcome, self._clock())
        return pb.FinishTaskResponse()

    async def GetTask(self, request: pb.GetTaskRequest, context: Context) -> pb.GetTaskResponse:
        """Return a task with its result."""
        found = await self._store.task(request.virtual_key_id, request.id, self._clock())
        return pb.GetTaskResponse(task=_there(found, request.id))

    async def ListTasks(
        self, request: pb.ListTasksRequest, context: Context
    ) -> pb.ListTasksResponse:
        """Return a page of an owner's tasks."""
        if not 0 < request.limit <= MAX_LISTED:
            raise InvalidRequest(f"limit must be from 1 to {MAX_LISTED}", field="limit")
        tasks, has_more = await self._store.tasks(
            request.virtual_key_id, request.after, request.limit, self._clock()
        )
        return pb.ListTasksResponse(tasks=tasks, has_more=has_more)

    async def CancelTask(
        self, request: pb.CancelTaskRequest, context: Context
    ) -> pb.CancelTaskResponse:
        """Take a task back."""
        found = await self._store.cancel(request.virtual_key_id, request.id, self._clock())
        return pb.CancelTaskResponse(task=_there(found, request.id))

    async def DeleteTask(
        self, request: pb.DeleteTaskRequest, context: Context
    ) -> pb.DeleteTaskResponse:
        """Delete a task, with its result."""
        is_deleted = await self._store.delete(request.virtual_key_id, request.id, self._clock())
        if not is_deleted:
            raise _not_found(request.id)
        return pb.DeleteTaskResponse()


def _there(task: Task | None, task_id: str) -> Task:
    if task is None:
        raise _not_found(task_id)
    return task


def _not_found(task_id: str) -> TaskNotFound:
    return TaskNotFound(f"There is no task {task_id}", task_id=task_id)
