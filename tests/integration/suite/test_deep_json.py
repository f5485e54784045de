"""JSON that is nested deeper than anybody means it is refused, on every route that takes a body."""

import httpx
import pytest
from tests.support.suite import MASTER_KEY, Suite

from conduit.v1.http_routes import ROUTES

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Deeper than Python recurses; and than C does.
DEPTHS = (1_100, 100_000)
PATHS = sorted(
    {(route.verb, route.path) for route in ROUTES if route.verb in {"POST", "PUT", "PATCH"}}
)


def bodies(depth: int) -> list[bytes]:
    """Return lists and objects of such a depth, bare and within a member that may hold anything."""
    lists, objects = b"[" * depth + b"]" * depth, b'{"a":' * depth + b"1" + b"}" * depth
    known = b'{"model":"deep","name":"deep","providerType":"Simulator",'
    return [
        objects,
        known + b'"settings":%b}' % objects,
        known + b'"messages":[{"role":"user","content":%b}]}' % lists,
    ]


@pytest.mark.parametrize("depth", DEPTHS)
async def test_deep_json_is_never_our_failure(suite: Suite, depth: int) -> None:
    """It is the caller's: no answer of 500, no trace, and the next request is answered."""
    keys = {"x-master-key": MASTER_KEY, "authorization": f"Bearer {suite.virtual_key}"}
    keys["content-type"] = "application/json"
    async with httpx.AsyncClient(base_url=suite.url, headers=keys, timeout=30) as client:
        for verb, path in PATHS:
            target = path.replace("{", "").replace("}", "")
            for body in bodies(depth):
                answer = await client.request(verb, target, content=body)
                assert answer.status_code < 500, (verb, path, body[:60], answer.text[:200])
        assert (await client.get("/health/live")).status_code == 200
