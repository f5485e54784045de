"""The tasks that this router works on, and the results that Storage does not have yet."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

import structlog

from conduit.internal.v1.task_storage_service_pb2 import CreateTaskRequest, FinishTaskRequest
from conduit.v1.task_pb2 import Task
from conduit_kernel.background import Background
from conduit_kernel.errors import (
    ConduitError,
    ServiceUnavailable,
    StorageFull,
    TaskInterrupted,
)
from conduit_kernel.openai_errors import task_error_of
from conduit_kernel.settings import MAX_TASK_RESULT_BYTES
from conduit_router.tasks.storage import TaskStorage

# How soon a task ends that was taken back at another router; ten times within a lease.
RENEW_SECONDS = 2.0
# Of results that wait for Storage while that is away; beyond it the oldest are given up.
MAX_WAITING_BYTES = 256 * 1024 * 1024
# As many as Storage takes at a time.
MAX_RENEWED = 10_000
# How long a stopping router takes to say that it has interrupted its tasks.
LAST_SECONDS = 0.3

# Returns the answer, as JSON of the operation's own.
MakeCall = Callable[[], Awaitable[bytes]]


class RunningTasks:
    """Works on tasks, each of which Storage knows before it begins and hears the end of."""

    def __init__(
        self,
        storage: TaskStorage,
        router_id: str,
        *,
        max_waiting_bytes: int = MAX_WAITING_BYTES,
    ) -> None:
        """Take where tasks are kept, and by which name this router is known there."""
        self.storage = storage
        self._router_id = router_id
        self._max_waiting_bytes = max_waiting_bytes
        self._running: dict[str, asyncio.Task[None]] = {}
        # What ended tasks came to, oldest first.
        self._results: dict[str, FinishTaskRequest] = {}
        self._is_stopping = False
        self._log = structlog.get_logger("tasks")
        # Set while there is a task to tell Storage of; while there is a result to tell it.
        self.leased, self.ended = asyncio.Event(), asyncio.Event()

    def run(self, background: Background, renew_seconds: float = RENEW_SECONDS) -> None:
        """Begin the loops that tell Storage of tasks, and of their results."""
        background.run("task_leases", self.renew, every=renew_seconds, when=self.leased)
        background.run("task_results", self.deliver, when=self.ended)

    async def begin(
        self, task: CreateTaskRequest, call: MakeCall, release: Callable[[], None]
    ) -> Task:
        """Begin a task once Storage has it, and return it; `release` what it holds at its end.

        ServiceUnavailable if Storage is away, StorageFull if its owner has no room for it.
        """
        task.router_id = self._router_id
        stored = await self.storage.create(task)
        if self._is_stopping:
            raise ServiceUnavailable("The router is stopping", service="router")
        work = asyncio.create_task(self._work(task.id, call), name=task.id)
        self._running[task.id] = work
        work.add_done_callback(lambda _: self._done(task.id, release))
        self.leased.set()
        return stored

    def cancel(self, task_id: str) -> None:
        """End the work on a task that has ended at Storage, if this router does it."""
        self._results.pop(task_id, None)
        if running := self._running.pop(task_id, None):
            running.cancel()

    async def renew(self) -> None:
        """Tell Storage what is worked on, and end what that need not be: a step of a loop."""
        ids = [*self._running, *self._results]
        for start in range(0, len(ids), MAX_RENEWED):
            asked = ids[start : start + MAX_RENEWED]
            for task_id in await self.storage.renew(self._router_id, asked):
                self.cancel(task_id)
        if self._running or self._results:
            self.leased.set()

    async def deliver(self) -> None:
        """Tell Storage what tasks came to: a step of a loop."""
        for task_id in [*self._results]:
            if (result := self._results.get(task_id)) is None:
                # Taken back, or given up, while others were told of.
                continue
            try:
                await self.storage.finish(result)
            except ServiceUnavailable:
                raise
            except ConduitError as error:
                # Others wait behind it. Its lease ends, and with it the task.
                self._log.error("task_result_refused", task_id=task_id, reason=error.message)
            self._results.pop(task_id, None)

    async def wait(self, seconds: float) -> None:
        """Wait for the tasks under way, but no longer than so many seconds."""
        if running := [*self._running.values()]:
            await asyncio.wait(running, timeout=seconds)

    async def close(self) -> None:
        """Interrupt the tasks under way, and tell Storage of them, if it is there."""
        self._is_stopping = True
        running = [*self._running.values()]
        for each in running:
            each.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        with suppress(TimeoutError, ConduitError):
            async with asyncio.timeout(LAST_SECONDS):
                await self.deliver()

    async def _work(self, task_id: str, call: MakeCall) -> None:
        """Make a task's call, and have Storage told what it came to."""
        result = FinishTaskRequest(id=task_id, router_id=self._router_id)
        try:
            result.result_json = _checked(await call())
        except ConduitError as error:
            result.error.CopyFrom(task_error_of(error))
        except Exception:  # noqa: BLE001 # whatever it was, the task has ended by it
            self._log.exception("task_failed", task_id=task_id)
            unforeseen = ConduitError("Conduit failed in a way it did not foresee")
            result.error.CopyFrom(task_error_of(unforeseen))
        self._keep(task_id, result)

    def _done(self, task_id: str, release: Callable[[], None]) -> None:
        release()
        if task_id in self._running:
            # Cancelled, though it has not ended at Storage.
            message = "The router that worked on the task stopped"
            error = task_error_of(TaskInterrupted(message, task_id=task_id))
            result = FinishTaskRequest(id=task_id, router_id=self._router_id, error=error)
            self._keep(task_id, result)

    def _keep(self, task_id: str, result: FinishTaskRequest) -> None:
        """Keep what a task came to until Storage has it."""
        if self._running.pop(task_id, None) is None:
            return
        self._results[task_id] = result
        self.ended.set()
        waiting = sum(each.ByteSize() for each in self._results.values())
        while waiting > self._max_waiting_bytes:
            # Its lease ends, and with it the task.
            oldest = next(iter(self._results))
            waiting -= self._results.pop(oldest).ByteSize()
            self._log.error("task_result_given_up", task_id=oldest)


def _checked(result: bytes) -> bytes:
    """Return a result that Storage can be told of."""
    if len(result) > MAX_TASK_RESULT_BYTES:
        most = MAX_TASK_RESULT_BYTES
        message = f"The result has {len(result)} bytes; {most} are kept at most"
        raise StorageFull(message, limit_bytes=str(most))
    return result
