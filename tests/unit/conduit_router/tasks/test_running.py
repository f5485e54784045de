"""The tasks that a router works on, beside a real Storage."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from structlog.testing import capture_logs
from tests.support.storage_host import StorageHost
from tests.support.waiting import eventually

from conduit.internal.v1.task_storage_service_pb2 import CreateTaskRequest
from conduit.v1.task_pb2 import (
    TASK_STATUS_CANCELLED,
    TASK_STATUS_FAILED,
    TASK_STATUS_RUNNING,
    TASK_STATUS_SUCCEEDED,
    Task,
)
from conduit_kernel.background import Background
from conduit_kernel.errors import ServiceUnavailable, UpstreamError
from conduit_kernel.settings import MAX_TASK_RESULT_BYTES
from conduit_router.tasks.running import RunningTasks
from conduit_router.tasks.storage import TaskStorage

RENEW_SECONDS = 0.05


class Work:
    """A call that is answered when a test says so."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self.is_released = False

    async def __call__(self) -> bytes:
        """Return the answer."""
        return await self.answer

    def release(self) -> None:
        """Note that the task holds nothing any more."""
        self.is_released = True


def new(task_id: str = "task_1") -> CreateTaskRequest:
    """Return a task of virtual key 1."""
    return CreateTaskRequest(id=task_id, virtual_key_id=1, operation="image", model="picture")


@asynccontextmanager
async def looping(tasks: RunningTasks) -> AsyncIterator[None]:
    """Tell Storage of tasks for as long as this lasts."""
    background = Background()
    tasks.run(background, RENEW_SECONDS)
    try:
        yield
    finally:
        await tasks.close()
        await background.stop()


async def becomes(storage: TaskStorage, status: int, task_id: str = "task_1") -> Task:
    """Return a task once it is so far."""

    async def is_so() -> bool:
        return (await storage.task(1, task_id)).status == status

    await eventually(is_so)
    return await storage.task(1, task_id)


async def test_a_task_is_done_and_let_go_of(storage: TaskStorage) -> None:
    """Its result is kept; what it held is free."""
    tasks, work = RunningTasks(storage, "a"), Work()
    async with looping(tasks):
        assert (await tasks.begin(new(), work, work.release)).status == TASK_STATUS_RUNNING
        work.answer.set_result(b'{"data": []}')
        done = await becomes(storage, TASK_STATUS_SUCCEEDED)
    assert done.result_json == b'{"data": []}'
    assert work.is_released


@pytest.mark.parametrize(
    ("error", "code", "message"),
    [
        (UpstreamError("It broke", provider="p"), "provider_error", "It broke"),
        (ValueError("secret"), "server_error", "Conduit failed in a way it did not foresee"),
    ],
)
async def test_whatever_a_call_raises_ends_its_task(
    storage: TaskStorage, error: Exception, code: str, message: str
) -> None:
    """A fault of ours is logged, and told to nobody."""
    tasks, work = RunningTasks(storage, "a"), Work()
    async with looping(tasks):
        await tasks.begin(new(), work, work.release)
        with capture_logs() as logs:
            work.answer.set_exception(error)
            done = await becomes(storage, TASK_STATUS_FAILED)
    assert (done.error.code, done.error.message) == (code, message)
    assert [each["event"] for each in logs if each["event"] == "task_failed"] == (
        ["task_failed"] if isinstance(error, ValueError) else []
    )


async def test_a_task_that_is_taken_back_elsewhere_ends_here(storage: TaskStorage) -> None:
    """Its router learns it when it renews."""
    tasks, work = RunningTasks(storage, "a"), Work()
    async with looping(tasks):
        await tasks.begin(new(), work, work.release)
        await storage.cancel(1, "task_1")

        async def is_over() -> bool:
            return work.answer.cancelled() and work.is_released

        await eventually(is_over)
    assert (await storage.task(1, "task_1")).status == TASK_STATUS_CANCELLED


async def test_a_call_that_is_cancelled_by_itself_fails_its_task(storage: TaskStorage) -> None:
    """It would be leased for ever otherwise."""
    tasks, work = RunningTasks(storage, "a"), Work()
    async with looping(tasks):
        await tasks.begin(new(), work, work.release)
        work.answer.cancel()
        done = await becomes(storage, TASK_STATUS_FAILED)
    assert done.error.code == "task_interrupted"


async def test_a_router_that_stops_interrupts_its_tasks(storage: TaskStorage) -> None:
    """One that had not even begun lets go of what it holds; then no more are begun."""
    tasks, work = RunningTasks(storage, "a"), Work()
    await tasks.begin(new(), work, work.release)
    await tasks.close()
    assert work.is_released
    assert (await storage.task(1, "task_1")).error.code == "task_interrupted"
    with pytest.raises(ServiceUnavailable):
        await tasks.begin(new("task_2"), work, work.release)


async def test_a_router_can_wait_for_its_tasks(storage: TaskStorage) -> None:
    """For a time."""
    tasks, work = RunningTasks(storage, "a"), Work()
    async with looping(tasks):
        await tasks.begin(new(), work, work.release)
        await tasks.wait(0.01)
        assert not work.is_released
        work.answer.set_result(b"{}")
        await tasks.wait(30)
        assert work.is_released


async def test_results_wait_for_storage(storage: TaskStorage, host: StorageHost) -> None:
    """However many there are."""
    tasks, works = RunningTasks(storage, "a"), [Work() for _ in range(3)]
    async with looping(tasks):
        for number, work in enumerate(works):
            await tasks.begin(new(f"task_{number}"), work, work.release)
        await host.stop()
        for work in works:
            work.answer.set_result(b"{}")
        await tasks.wait(30)
        await host.start()
        for number in range(3):
            await becomes(storage, TASK_STATUS_SUCCEEDED, f"task_{number}")


async def test_too_many_results_are_not_held_in_memory(storage: TaskStorage) -> None:
    """The oldest is given up, with a line in the log; its task's lease ends."""
    tasks = RunningTasks(storage, "a", max_waiting_bytes=150)
    works = [Work(), Work()]
    for number, work in enumerate(works):
        await tasks.begin(new(f"task_{number}"), work, work.release)
    with capture_logs() as logs:
        for work in works:
            work.answer.set_result(b"x" * 90)

            async def is_over(work: Work = work) -> bool:
                return work.is_released

            await eventually(is_over)
    async with looping(tasks):
        await becomes(storage, TASK_STATUS_SUCCEEDED, "task_1")
        assert (await storage.task(1, "task_0")).status == TASK_STATUS_RUNNING
    given_up = [each["task_id"] for each in logs if each["event"] == "task_result_given_up"]
    assert given_up == ["task_0"]


async def test_a_result_that_no_message_holds_fails_its_task(storage: TaskStorage) -> None:
    """It is not even sent."""
    tasks, work = RunningTasks(storage, "a"), Work()
    async with looping(tasks):
        await tasks.begin(new(), work, work.release)
        work.answer.set_result(bytes(MAX_TASK_RESULT_BYTES + 1))
        done = await becomes(storage, TASK_STATUS_FAILED)
    assert done.error.code == "storage_full"
