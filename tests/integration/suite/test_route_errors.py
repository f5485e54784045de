"""Errors of every route that asks for a model: what their callers' tools and operators go by."""

from typing import Any

import httpx
import pytest
from tests.integration.suite.test_every_paid_call import NATIVE, ROUTES, Route
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

NOWHERE = "no-such-model"


async def refused(suite: Suite, route: Route, secret: str) -> httpx.Response:
    """Send a route's request for a model that there is not."""
    path = route.path.replace("/models/paid:", f"/models/{NOWHERE}:")
    json = {**route.json, "model": NOWHERE} if path == route.path else route.json
    body: dict[str, Any] = {"json": json}
    if route.files is not None:
        body = {"data": json, "files": route.files}
    headers = {"Authorization": f"Bearer {secret}", "x-request-id": "req-of-its-own"}
    async with httpx.AsyncClient(base_url=suite.url, headers=headers, timeout=40) as client:
        return await client.post(path, **body)


# Paths of providers name no alias; `test_passthrough` has what is refused there.
@pytest.mark.parametrize("name", [name for name in ROUTES if name not in NATIVE])
async def test_a_model_that_there_is_not_is_told_alike(suite: Suite, name: str) -> None:
    """With the ids of the request, in the form of the dialect."""
    route = ROUTES[name]
    answer = await refused(suite, route, suite.virtual_key)
    assert (answer.status_code, NOWHERE in answer.text) == (404, True), answer.text
    assert answer.headers["x-request-id"] == "req-of-its-own"
    assert answer.headers["x-conduit-request-id"] == "req-of-its-own"
    error = answer.json()["error"]
    if route.path.startswith("/v1beta"):
        assert (error["code"], error["status"]) == (404, "NOT_FOUND")
    elif route.path.startswith("/v1/messages"):
        assert (answer.json()["type"], error["type"]) == ("error", "not_found_error")
        assert answer.headers["request-id"] == "req-of-its-own"
    else:
        assert error["code"] == "model_not_found"


@pytest.mark.parametrize("name", ROUTES)
async def test_a_key_that_nobody_has_is_told_alike(suite: Suite, name: str) -> None:
    """Before anything else is."""
    answer = await refused(suite, ROUTES[name], "condt_nobodys")
    assert (answer.status_code, NOWHERE in answer.text) == (401, False), answer.text
    assert answer.headers["x-request-id"] == "req-of-its-own"
    assert "condt_nobodys" not in answer.text
