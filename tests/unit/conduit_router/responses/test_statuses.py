"""How far responses are that are made while nobody waits, beside a real Storage."""

from collections.abc import AsyncIterator

import orjson
import pytest
from tests.support.credentials import service_metadata_of
from tests.support.storage_host import ENCRYPTION_KEY, StorageHost

from conduit.internal.v1.task_storage_service_pb2 import CreateTaskRequest, FinishTaskRequest
from conduit.v1.task_pb2 import TaskError
from conduit_kernel.rpc import connect
from conduit_kernel.secrets import Vault
from conduit_router.responses.contents import ResponseRecord, content_of, response_in
from conduit_router.responses.keeper import ResponseKeeper
from conduit_router.responses.statuses import ResponseStatuses, task_id_of
from conduit_router.responses.storage import ResponseStorage
from conduit_router.storage import StorageClient
from conduit_router.tasks.storage import TaskStorage

VAULT = Vault(ENCRYPTION_KEY)
QUEUED = {"id": "resp_1", "status": "queued", "background": True, "output": []}
DONE = {**QUEUED, "status": "completed"}


def record(response: dict[str, object]) -> ResponseRecord:
    """Return a response of virtual key 1."""
    content = content_of(b'"Hello"', orjson.dumps(response))
    return ResponseRecord("resp_1", 1, "", 7, "key_1", "group", content)


class Bench:
    """A router's side of Storage."""

    def __init__(self, client: StorageClient) -> None:
        self.tasks = TaskStorage(client)
        self.keeper = ResponseKeeper(ResponseStorage(client), VAULT, lambda: 0.0, pauses=())
        self.here: dict[str, object] | None = None
        self.slept: list[float] = []
        self.statuses = ResponseStatuses(
            self.keeper, self.tasks, lambda *_: self.here, self._sleep, pauses=(1.0, 2.0)
        )
        # What another router keeps while this one waits.
        self.comes: list[ResponseRecord] = []

    async def _sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        while self.comes:
            self.keeper.keep(self.comes.pop())

    async def begin(self) -> ResponseRecord:
        """Have a response queued whose task another router works on."""
        queued = record(QUEUED)
        self.keeper.keep(queued)
        new = CreateTaskRequest(
            id=task_id_of("resp_1"), virtual_key_id=1, operation="chat", model="m", router_id="r"
        )
        await self.tasks.create(new)
        return queued

    async def finish(self, **outcome: object) -> None:
        """Have the task end."""
        await self.tasks.finish(
            FinishTaskRequest(id=task_id_of("resp_1"), router_id="r", **outcome)  # type: ignore[arg-type] # as each test says
        )

    async def kept(self) -> object:
        """Return the status that is kept."""
        found = (await self.keeper.find(1, "resp_1"))[-1]
        return orjson.loads(response_in(found))["status"]


@pytest.fixture
async def bench(host: StorageHost) -> AsyncIterator[Bench]:
    """Return one at a Storage that runs."""
    channel = connect(host.address)
    try:
        yield Bench(StorageClient(channel, service_metadata_of(ENCRYPTION_KEY)))
    finally:
        await channel.close()


async def test_one_under_way_elsewhere_is_in_progress(bench: Bench) -> None:
    """For as long as its router says that it works on it."""
    queued = await bench.begin()
    assert (await bench.statuses.now(queued))["status"] == "in_progress"
    assert await bench.kept() == "queued"


async def test_one_whose_router_is_lost_has_failed(bench: Bench) -> None:
    """And is kept so, for tasks are forgotten sooner than responses."""
    queued = await bench.begin()
    lost = TaskError(message="The router was lost", type="server_error", code="task_interrupted")
    await bench.finish(error=lost)
    found = await bench.statuses.now(queued)
    assert (found["status"], found["error"]["code"]) == ("failed", "task_interrupted")
    assert await bench.kept() == "failed"


async def test_one_of_which_nobody_knows_has_failed(bench: Bench) -> None:
    """Its task is long forgotten."""
    bench.keeper.keep(record(QUEUED))
    found = await bench.statuses.now(record(QUEUED))
    assert (found["status"], found["error"]["code"]) == ("failed", "task_interrupted")


async def test_one_that_was_taken_back_is_cancelled(bench: Bench) -> None:
    """At whichever router."""
    queued = await bench.begin()
    await bench.tasks.cancel(1, task_id_of("resp_1"))
    assert (await bench.statuses.now(queued))["status"] == "cancelled"
    assert await bench.kept() == "cancelled"


async def test_one_that_has_just_ended_elsewhere_is_waited_for(bench: Bench) -> None:
    """Its task has ended; what it came to is on its way for a moment."""
    queued = await bench.begin()
    await bench.finish(result_json=b"{}")
    assert (await bench.statuses.now(queued))["status"] == "in_progress"
    assert bench.slept == [1.0, 2.0]
    bench.comes = [record(DONE)]
    assert (await bench.statuses.now(queued))["status"] == "completed"


async def test_what_this_router_works_on_is_known_here(bench: Bench) -> None:
    """As it was last told of; nobody is asked."""
    bench.here = {**QUEUED, "output": [1]}
    assert await bench.statuses.now(record(QUEUED)) == {**bench.here, "status": "in_progress"}
    bench.here = DONE
    assert await bench.statuses.now(record(QUEUED)) == DONE


async def test_what_has_ended_is_as_it_is(bench: Bench) -> None:
    """Whatever became of its task."""
    assert await bench.statuses.now(record(DONE)) == DONE
