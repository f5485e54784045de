"""Tasks over HTTP, with a whole suite: images that are drawn while nobody waits."""

import asyncio
import contextlib
import secrets
from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio
from tests.support.suite import Suite
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

PROMPT: dict[str, object] = {"model": "picture", "prompt": "a boat", "size": "16x16"}
HANGING: dict[str, object] = {"model": "silent", "prompt": "a boat"}
STARTS = "/v1/images/generations/async"
EDITS = "/v1/images/edits/async"
# The smallest PNG that there is.
PIXEL = bytes.fromhex(
    "89504e470d0a1a0a0000000d49484452000000010000000108060000001f15c4890000000d49444154789c6360f8"
    "cfc000000301010018dd8db00000000049454e44ae426082"
)


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def aliases(suite: Suite) -> None:
    """Map an alias to what draws, and one to what never answers."""
    await suite.add_simulator("picture", "image")
    await suite.add_simulator("silent", "hang")
    await suite.settled()


@contextlib.asynccontextmanager
async def another_caller(suite: Suite) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client with a virtual key of its own."""
    made = await suite.call("POST", "/api/virtual-keys", {"name": secrets.token_hex(8)})
    await suite.settled()
    headers = {"Authorization": f"Bearer {made['key']}"}
    async with httpx.AsyncClient(base_url=suite.url, headers=headers, timeout=40) as client:
        yield client


async def begun(client: httpx.AsyncClient, body: dict[str, object]) -> dict[str, Any]:
    """Begin a task of images, and return it."""
    answer = await client.post(STARTS, json=body)
    assert answer.status_code == 202, answer.text
    task: dict[str, Any] = answer.json()
    return task


async def ended(client: httpx.AsyncClient, task_id: str) -> dict[str, Any]:
    """Return a task once it has ended."""
    found: dict[str, Any] = {}

    async def has_ended() -> bool:
        found.update((await client.get(f"/v1/tasks/{task_id}")).json())
        return bool(found["status"] != "running")

    await eventually(has_ended, seconds=30)
    return found


async def test_an_image_is_drawn_while_nobody_waits(suite: Suite) -> None:
    """The task's result is what the call would have answered."""
    async with suite.caller() as client:
        task = await begun(client, PROMPT)
        assert (task["object"], task["operation"], task["model"]) == ("task", "image", "picture")
        assert task["status"] == "running"
        assert "result" not in task
        done = await ended(client, task["id"])
        whole = (await client.post("/v1/images/generations", json=PROMPT)).json()
    assert done["status"] == "succeeded", done
    assert done["result"]["data"] == whole["data"]
    assert done["result"]["usage"] == whole["usage"]
    assert done["expires_at"] - done["completed_at"] == 24 * 3600


async def test_a_task_is_charged_for_as_a_call_is(suite: Suite) -> None:
    """Once, by the id of the request that began it, which also tells what became of the call."""
    async with suite.caller() as client:
        answer = await client.post(STARTS, json=PROMPT, headers={"x-request-id": "req_of_task"})
        assert answer.headers["x-request-id"] == "req_of_task"
        await ended(client, answer.json()["id"])
    record = await suite.call("GET", "/api/requests/req_of_task")
    assert (record["modelAlias"], record["status"]) == ("picture", "Succeeded"), record
    found: list[dict[str, Any]] = []

    async def is_charged() -> bool:
        page = await suite.call("GET", "/api/usage/charges", params={"pageSize": 1000})
        found[:] = [each for each in page["charges"] if each["requestId"] == "req_of_task"]
        return bool(found)

    await eventually(is_charged, seconds=30)
    assert len(found) == 1
    assert found[0]["modelAlias"] == "picture"


async def test_an_uploaded_image_is_changed_while_nobody_waits(suite: Suite) -> None:
    """Its files are kept until the call has sent them."""
    async with suite.caller() as client:
        answer = await client.post(
            EDITS,
            data={"model": "picture", "prompt": "at night", "size": "16x16"},
            files={"image": ("a.png", PIXEL, "image/png")},
        )
        assert answer.status_code == 202, answer.text
        done = await ended(client, answer.json()["id"])
    assert (done["status"], done["operation"]) == ("succeeded", "image_edit"), done
    assert done["result"]["data"][0]["b64_json"]


async def test_a_failure_is_the_tasks_with_the_calls_own_code(suite: Suite) -> None:
    """As the error of the call would have had it."""
    body = {**PROMPT, "size": "9999x9999"}
    async with suite.caller() as client:
        task = await begun(client, body)
        done = await ended(client, task["id"])
        refused = (await client.post("/v1/images/generations", json=body)).json()["error"]
    assert done["status"] == "failed"
    assert done["error"] == {key: refused[key] for key in ("message", "type", "code")}
    assert "result" not in done


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        ({"model": "unknown", "prompt": "x"}, 404, "model_not_found"),
        ({"prompt": "x"}, 400, "invalid_request"),
        ({**PROMPT, "n": "many"}, 400, "invalid_request"),
    ],
    ids=["unknown model", "no model", "no number"],
)
async def test_what_is_wrong_with_a_request_is_said_at_once(
    suite: Suite, body: dict[str, object], status: int, code: str
) -> None:
    """And no task is begun, where that can be known before."""
    async with suite.caller() as client:
        before = (await client.get("/v1/tasks", params={"limit": 100})).json()["data"]
        answer = await client.post(STARTS, json=body)
        after = (await client.get("/v1/tasks", params={"limit": 100})).json()["data"]
    assert (answer.status_code, answer.json()["error"]["code"]) == (status, code), answer.text
    assert before == after


@pytest.mark.parametrize("stream", [True, False])
async def test_the_result_is_whole_whatever_is_asked(suite: Suite, *, stream: bool) -> None:
    """Nobody is there to have it piece by piece."""
    async with suite.caller() as client:
        task = await begun(client, {**PROMPT, "stream": stream, "partial_images": 1})
        done = await ended(client, task["id"])
    assert (done["status"], len(done["result"]["data"])) == ("succeeded", 1), done


async def test_tasks_are_their_owners_alone(suite: Suite) -> None:
    """To another virtual key each is as if it were not there: it is neither seen nor taken back."""
    async with suite.caller() as client, another_caller(suite) as other:
        task = await begun(client, HANGING)
        path = f"/v1/tasks/{task['id']}"
        foreign = (
            await other.get(path),
            await other.post(f"{path}/cancel"),
            await other.delete(path),
        )
        absent = await other.get("/v1/tasks/task_0")
        assert [a.status_code for a in (*foreign, absent)] == [404] * 4
        for answer in foreign:
            told = answer.json()["error"]
            assert told["code"] == "task_not_found"
            assert (
                told["message"].replace(task["id"], "task_0") == absent.json()["error"]["message"]
            )
        assert (await other.get("/v1/tasks")).json()["data"] == []
        assert (await client.get(path)).json()["status"] == "running"
        assert (await client.post(f"{path}/cancel")).json()["status"] == "cancelled"


@pytest.mark.parametrize("wish", [PROMPT, HANGING], ids=["ended", "under way"])
async def test_a_task_that_is_deleted_is_gone(suite: Suite, wish: dict[str, object]) -> None:
    """With its result; one that was under way is worked on no more."""
    async with suite.caller() as client:
        task = await begun(client, wish)
        path = f"/v1/tasks/{task['id']}"
        if wish is PROMPT:
            await ended(client, task["id"])
        told = await client.delete(path)
        assert told.json() == {"id": task["id"], "object": "task.deleted", "deleted": True}
        again = await client.get(path), await client.delete(path)
        assert [each.status_code for each in again] == [404, 404]
        listed = (await client.get("/v1/tasks")).json()["data"]
    assert task["id"] not in [each["id"] for each in listed]

    async def is_let_go() -> bool:
        return task["id"] not in [each.get_name() for each in asyncio.all_tasks()]

    await eventually(is_let_go, seconds=30)


async def test_tasks_are_listed_newest_first_page_by_page(suite: Suite) -> None:
    """Without their results, which may be large."""
    async with another_caller(suite) as client:
        ids = [(await begun(client, PROMPT))["id"] for _ in range(5)]
        for each in ids:
            await ended(client, each)
        seen: list[str] = []
        page = (await client.get("/v1/tasks", params={"limit": 2})).json()
        while True:
            assert page["object"] == "list"
            assert all("result" not in each for each in page["data"])
            assert page["first_id"] == page["data"][0]["id"]
            seen += [each["id"] for each in page["data"]]
            if not page["has_more"]:
                break
            after = {"limit": 2, "after": page["last_id"]}
            page = (await client.get("/v1/tasks", params=after)).json()
    assert seen == ids[::-1]


@pytest.mark.parametrize(
    "params",
    [{"limit": -1}, {"limit": 101}, {"limit": 2**40}, {"after": "task_\0"}, {"after": "x" * 9999}],
    ids=["negative", "many", "huge", "zero byte", "long"],
)
async def test_pages_that_make_no_sense_are_refused(suite: Suite, params: dict[str, Any]) -> None:
    """With the parameter's name."""
    async with suite.caller() as client:
        answer = await client.get("/v1/tasks", params=params)
    assert answer.status_code == 400
    assert answer.json()["error"]["param"] in params


@pytest.mark.parametrize("name", ["task_%00", "task_" + "a" * 5000, "x", "task_../etc", "%F0%9F"])
async def test_what_can_be_no_tasks_id_is_none(suite: Suite, name: str) -> None:
    """However long or strange it is."""
    async with suite.caller() as client:
        answers = (
            await client.get(f"/v1/tasks/{name}"),
            await client.post(f"/v1/tasks/{name}/cancel"),
        )
    for answer in answers:
        assert answer.status_code in {400, 404}, answer.text
        assert len(answer.content) < 1000


async def test_a_task_that_is_taken_back_ends_at_its_provider(suite: Suite) -> None:
    """At once; a second time changes nothing, and one that has ended stays as it is."""
    async with suite.caller() as client:
        task = await begun(client, HANGING)
        path = f"/v1/tasks/{task['id']}"

        async def is_asked() -> bool:
            return suite.router.stub._runtime.under_way.count == 1  # noqa: SLF001 # what no answer tells

        await eventually(is_asked)
        taken = (await client.post(f"{path}/cancel")).json()
        again = (await client.post(f"{path}/cancel")).json()
        assert taken == again
        assert taken["status"] == "cancelled"

        async def is_over() -> bool:
            return not suite.router.stub._runtime.under_way.count  # noqa: SLF001 # as above

        await eventually(is_over)
        finished = await ended(client, (await begun(client, PROMPT))["id"])
        kept = (await client.post(f"/v1/tasks/{finished['id']}/cancel")).json()
        assert kept == finished


async def test_calls_go_on_while_storage_is_away(suite: Suite) -> None:
    """Tasks are refused, with what to do; those under way are done once it is back."""
    async with suite.caller() as client:
        silent = await begun(client, HANGING)
        await suite.stop_storage()
        try:
            answer = await client.post("/v1/images/generations", json=PROMPT)
            assert answer.status_code == 200, answer.text
            refused = await client.post(STARTS, json=PROMPT)
            unseen = await client.get(f"/v1/tasks/{silent['id']}")
        finally:
            await suite.start_storage()
        for each in (refused, unseen):
            assert each.status_code == 503, each.text
            assert each.json()["error"]["code"] == "service_unavailable"
        assert (await client.get(f"/v1/tasks/{silent['id']}")).json()["status"] == "running"
        cancelled = await client.post(f"/v1/tasks/{silent['id']}/cancel")
        assert cancelled.json()["status"] == "cancelled"


async def test_a_result_waits_for_storage(suite: Suite) -> None:
    """What was drawn while it was away is there once it is back."""
    await suite.add_simulator("slow", "echo-slow-700ms")
    await suite.settled()
    async with suite.caller() as client:
        task = await begun(client, {**PROMPT, "model": "slow"})
        await suite.stop_storage()
        try:

            async def is_drawn() -> bool:
                return not suite.router.stub._runtime.under_way.count  # noqa: SLF001 # as above

            await eventually(is_drawn)
        finally:
            await suite.start_storage()
        done = await ended(client, task["id"])
    assert done["status"] == "succeeded", done


async def test_a_worker_that_stops_interrupts_its_tasks(suite: Suite) -> None:
    """And says so, so that nobody waits for them."""
    async with suite.caller() as client:
        task = await begun(client, HANGING)
    await suite.stop_worker()
    await suite.start_worker()
    async with suite.caller() as client:
        async with asyncio.timeout(10):
            done = await ended(client, task["id"])
    assert (done["status"], done["error"]["code"]) == ("failed", "task_interrupted"), done


async def test_a_task_of_a_bad_key_is_none(suite: Suite) -> None:
    """Who has no virtual key begins none, and sees none."""
    async with httpx.AsyncClient(base_url=suite.url) as nobody:
        answers = [
            await nobody.post(STARTS, json=PROMPT),
            await nobody.get("/v1/tasks"),
            await nobody.get("/v1/tasks/task_0"),
        ]
    assert [each.status_code for each in answers] == [401] * 3
