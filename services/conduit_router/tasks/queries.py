"""The RPCs about tasks that there are: each caller sees its own alone."""

import re

from conduit.v1.task_requests_pb2 import (
    CancelTaskRequest,
    CancelTaskResponse,
    DeleteTaskRequest,
    DeleteTaskResponse,
    GetTaskRequest,
    GetTaskResponse,
    ListTasksRequest,
    ListTasksResponse,
)
from conduit_kernel.errors import InvalidRequest
from conduit_kernel.limits import number_of
from conduit_kernel.not_found_errors import TaskNotFound
from conduit_kernel.quoting import quoted
from conduit_router.context import CallerContext
from conduit_router.tasks.calls import ID_PREFIX
from conduit_router.tasks.running import RunningTasks

DEFAULT_LIMIT = 20
_ID = re.compile(rf"{ID_PREFIX}[0-9a-z]{{1,40}}", re.ASCII)


class TaskQueries:
    """Answers which tasks there are, takes them back, and deletes them."""

    def __init__(self, running: RunningTasks) -> None:
        self._storage = running.storage
        self._running = running

    async def GetTask(self, request: GetTaskRequest, caller: CallerContext) -> GetTaskResponse:
        """Return a task of the caller's, with its result."""
        _check(request.id)
        task = await self._storage.task(caller.caller.virtual_key_id, request.id)
        return GetTaskResponse(task=task)

    async def ListTasks(
        self, request: ListTasksRequest, caller: CallerContext
    ) -> ListTasksResponse:
        """Return a page of the caller's tasks, newest first."""
        limit = number_of(request, "limit") or DEFAULT_LIMIT
        if request.after and not _ID.fullmatch(request.after):
            raise InvalidRequest("after must be the id of a task", field="after")
        page, has_more = await self._storage.tasks(
            caller.caller.virtual_key_id, request.after, limit
        )
        return ListTasksResponse(
            object="list",
            data=page,
            first_id=page[0].id if page else None,
            last_id=page[-1].id if page else None,
            has_more=has_more,
        )

    async def CancelTask(
        self, request: CancelTaskRequest, caller: CallerContext
    ) -> CancelTaskResponse:
        """Take a task of the caller's back, at once if this router works on it."""
        _check(request.id)
        task = await self._storage.cancel(caller.caller.virtual_key_id, request.id)
        self._running.cancel(request.id)
        return CancelTaskResponse(task=task)

    async def DeleteTask(
        self, request: DeleteTaskRequest, caller: CallerContext
    ) -> DeleteTaskResponse:
        """Delete a task of the caller's; one under way is taken back, at once if it is here."""
        _check(request.id)
        await self._storage.delete(caller.caller.virtual_key_id, request.id)
        self._running.cancel(request.id)
        return DeleteTaskResponse(id=request.id, object="task.deleted", deleted=True)


def _check(task_id: str) -> None:
    """Raise TaskNotFound for what can be no task's id."""
    if not _ID.fullmatch(task_id):
        shown = quoted(task_id)
        raise TaskNotFound(f"There is no task {shown}", task_id=shown)
