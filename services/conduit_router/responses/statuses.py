"""How far responses are that are made while nobody waits."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson

from conduit.v1.task_pb2 import (
    TASK_STATUS_CANCELLED,
    TASK_STATUS_FAILED,
    TASK_STATUS_RUNNING,
    Task,
    TaskError,
)
from conduit_kernel.errors import TaskInterrupted
from conduit_kernel.not_found_errors import TaskNotFound
from conduit_kernel.openai_errors import task_error_of
from conduit_router.responses.contents import ResponseRecord, response_in, with_response
from conduit_router.responses.keeper import ID_PREFIX, ResponseKeeper
from conduit_router.tasks.calls import ID_PREFIX as TASK_PREFIX
from conduit_router.tasks.storage import TaskStorage

Json = dict[str, Any]

QUEUED, IN_PROGRESS = "queued", "in_progress"
UNDER_WAY = frozenset({QUEUED, IN_PROGRESS})
COMPLETED, INCOMPLETE, FAILED, CANCELLED = "completed", "incomplete", "failed", "cancelled"
ENDED = frozenset({COMPLETED, INCOMPLETE, FAILED, CANCELLED})
# Between questions for a response whose task has ended, which its router has on the way.
PAUSES_SECONDS = (0.05, 0.1, 0.2, 0.4, 0.8)


class ResponseStatuses:
    """Tells how far a response is, whichever router works on it."""

    def __init__(
        self,
        keeper: ResponseKeeper,
        tasks: TaskStorage,
        under_way: Callable[[int, str], Json | None],
        sleep: Callable[[float], Awaitable[None]],
        *,
        pauses: Sequence[float] = PAUSES_SECONDS,
    ) -> None:
        """Take `under_way`, which returns what this router works on, as it was last told of."""
        self._keeper = keeper
        self._tasks = tasks
        self._under_way = under_way
        self._sleep = sleep
        self._pauses = pauses

    async def now(self, record: ResponseRecord) -> Json:
        """Return the response of a record that Conduit keeps, as it is now."""
        response: Json = orjson.loads(response_in(record))
        if response.get("status") not in UNDER_WAY:
            return response
        here = self._under_way(record.owner, record.id)
        if here is not None:
            return here if here["status"] in ENDED else {**here, "status": IN_PROGRESS}
        try:
            task = await self._tasks.task(record.owner, task_id_of(record.id))
        except TaskNotFound:
            # It was deleted, or it has failed so long ago that nobody knows how.
            return self._ended(record, response, _lost(record.id))
        return await self._by(task, record, response)

    async def _by(self, task: Task, record: ResponseRecord, response: Json) -> Json:
        """Return a response as its task tells that it is."""
        if task.status == TASK_STATUS_FAILED:
            return self._ended(record, response, task.error)
        if task.status == TASK_STATUS_CANCELLED:
            return self._kept(record, {**response, "status": CANCELLED})
        if task.status == TASK_STATUS_RUNNING:
            return {**response, "status": IN_PROGRESS}
        return await self._on_its_way(record, response)

    def _ended(self, record: ResponseRecord, response: Json, error: TaskError) -> Json:
        told = {"code": error.code, "message": error.message}
        return self._kept(record, {**response, "status": FAILED, "error": told})

    def _kept(self, record: ResponseRecord, response: Json) -> Json:
        content = with_response(record.content, orjson.dumps(response))
        self._keeper.keep(record._replace(content=content))
        return response

    async def _on_its_way(self, record: ResponseRecord, response: Json) -> Json:
        for pause in self._pauses:
            await self._sleep(pause)
            found = await self._keeper.find_one(record.owner, record.id)
            now: Json = orjson.loads(response_in(found))
            if now.get("status") in ENDED:
                return now
        return {**response, "status": IN_PROGRESS}


def task_id_of(response_id: str) -> str:
    """Return the id of the task that makes a response of ours."""
    return TASK_PREFIX + response_id.removeprefix(ID_PREFIX)


def _lost(response_id: str) -> TaskError:
    message = "The router that worked on the response stopped"
    return task_error_of(TaskInterrupted(message, task_id=task_id_of(response_id)))
