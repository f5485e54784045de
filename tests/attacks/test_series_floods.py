"""Callers who name what there is not, each time another: they make no series of a metric."""

import httpx
import pytest
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

NAMES = 20
BODIES: dict[str, dict[str, object]] = {
    "/v1/chat/completions": {"messages": [{"role": "user", "content": "hi"}]},
    "/v1/completions": {"prompt": "hi"},
    "/v1/messages": {"max_tokens": 9, "messages": [{"role": "user", "content": "hi"}]},
    "/v1/responses": {"input": "hi"},
    "/v1/tokenize": {"prompt": "hi"},
}


async def series(gateway: Suite) -> set[str]:
    """Return those that there are."""
    async with httpx.AsyncClient(base_url=gateway.url) as anybody:
        text = (await anybody.get("/metrics")).text
    assert "made-up" not in text
    return {line.rpartition(" ")[0] for line in text.splitlines() if not line.startswith("#")}


async def send(gateway: Suite, name: str) -> None:
    """Name something in each place where a caller can."""
    async with gateway.caller() as client:
        tagged = {"x-conduit-tags": f"made-up={name}", "user-agent": f"made-up/{name}"}
        for path, body in BODIES.items():
            asked = {"model": f"made-up-{name}", "user": f"made-up-{name}", **body}
            answer = await client.post(path, json=asked, headers=tagged)
            assert answer.status_code == 404, answer.text
        for path in (
            f"/v1beta/models/made-up-{name}",
            f"/v1/models/made-up-{name}",
            f"/v1/tasks/made-up-{name}",
            f"/made-up/{name}",
        ):
            assert (await client.get(path)).status_code == 404
        assert (await client.get("/v1/models", headers={"x-api-key": name})).status_code == 200


async def test_names_of_callers_make_no_series(gateway: Suite) -> None:
    """Of models, tags, users, paths and agents; the first of them may show a reason once."""
    await send(gateway, "first")
    # Its own is one.
    await series(gateway)
    before = await series(gateway)
    for number in range(NAMES):
        await send(gateway, f"{number}")
    assert await series(gateway) - before == set()
