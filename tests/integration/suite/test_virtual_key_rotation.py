"""A virtual key's value is replaced while its callers go on."""

import asyncio
from collections.abc import Mapping

import httpx
import pytest
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def status_of(suite: Suite, key: str) -> int:
    """Return the status that a virtual key's list of models has."""
    async with httpx.AsyncClient(base_url=suite.url) as client:
        answer = await client.get("/v1/models", headers={"Authorization": f"Bearer {key}"})
        return answer.status_code


async def rotated(suite: Suite, number: int, **params: str) -> Mapping[str, str]:
    """Replace a key's value."""
    path = f"/api/virtual-keys/{number}/rotate"
    answer: Mapping[str, str] = await suite.call("POST", path, params=params)
    return answer


async def test_both_values_work_from_the_answer_on(suite: Suite) -> None:
    """No caller is refused in between, whichever of the two it has."""
    made = await suite.call("POST", "/api/virtual-keys", {"name": "of two values"})
    found = [await status_of(suite, made["key"])]

    async def go_on() -> None:
        while True:
            found.append(await status_of(suite, made["key"]))

    async with asyncio.TaskGroup() as group:
        calls = group.create_task(go_on())
        new = await rotated(suite, made["id"])
        # The answer that has the new value is late enough to use it.
        assert await status_of(suite, new["key"]) == 200
        calls.cancel()
    assert set(found) == {200}
    assert await status_of(suite, made["key"]) == 200
    shown = await suite.call("GET", f"/api/virtual-keys/{made['id']}")
    assert shown["formerKeyUntil"] == new["formerKeyUntil"] > new["rotatedAt"]
    assert "key" not in shown


async def test_a_value_that_leaked_is_refused_from_the_answer_on(suite: Suite) -> None:
    """And so is the one before it, whose grace time was not over."""
    made = await suite.call("POST", "/api/virtual-keys", {"name": "leaked"})
    second = await rotated(suite, made["id"])
    third = await rotated(suite, made["id"], graceSeconds="0")
    assert third["formerKeyUntil"] is None
    keys = (made["key"], second["key"], third["key"])
    assert [await status_of(suite, key) for key in keys] == [401, 401, 200]


async def test_a_deleted_key_takes_its_former_value_along(suite: Suite) -> None:
    """Whatever was left of the grace time."""
    made = await suite.call("POST", "/api/virtual-keys", {"name": "soon gone"})
    new = await rotated(suite, made["id"])
    await suite.call("DELETE", f"/api/virtual-keys/{made['id']}")
    assert [await status_of(suite, key) for key in (made["key"], new["key"])] == [401, 401]
