"""What users of gateways reported of limits and budgets, tried on the suite.

Each test is named for its report.
"""

import asyncio
from collections import Counter
from typing import Any

import httpx
import pytest
import pytest_asyncio
from tests.integration.suite.test_groups import group
from tests.integration.suite.test_usage_limits import CHAT, key, restart_billing
from tests.support.suite import Suite
from tests.support.waiting import eventually

# A stream that goes on for as long as it is listened to.
COUNTS = CHAT | {"model": "counts", "stream": True, "max_tokens": 5_000}

pytestmark = pytest.mark.asyncio(loop_scope="module")


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def models(suite: Suite) -> None:
    """Have models, and a Billing for which time stands still."""
    for model, behaviour in (
        ("limited", "echo"),
        ("counts", "stream-1000x20ms"),
        ("hangs", "hang"),
    ):
        await suite.add_simulator(model, behaviour)
    await restart_billing(suite)


async def call(
    suite: Suite,
    secret: str,
    path: str = "/v1/chat/completions",
    *,
    limit: str = "",
    **body: Any,  # noqa: ANN401 # JSON
) -> httpx.Response:
    """Make a call; what is None is left out of the body."""
    headers = {"Authorization": f"Bearer {secret}"}
    if limit:
        headers["x-conduit-timeout"] = limit
    async with httpx.AsyncClient(base_url=suite.url, headers=headers, timeout=40) as client:
        members = {name: each for name, each in (CHAT | body).items() if each is not None}
        return await client.post(path, json=members)


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/messages"])
async def test_litellm_27955_a_cancelled_stream_gives_its_place_back(
    suite: Suite, path: str
) -> None:
    """Agents begin a stream, ask again without one, and leave the stream."""
    secret = await key(suite, f"cancels {path}", concurrentRequests=2)
    headers = {"Authorization": f"Bearer {secret}"}
    for _ in range(4):
        async with (
            httpx.AsyncClient(base_url=suite.url, headers=headers, timeout=40) as client,
            client.stream("POST", path, json=COUNTS) as begun,
        ):
            assert begun.status_code == 200
            assert (await call(suite, secret, path)).status_code == 200

        async def has_room() -> bool:
            both = await asyncio.gather(*(call(suite, secret, path) for _ in range(2)))
            return [each.status_code for each in both] == [200, 200]

        await eventually(has_room)


async def test_litellm_20256_providers_that_time_out_lock_no_key(suite: Suite) -> None:
    """Each call gives its place back with its error."""
    secret = await key(suite, "times out", concurrentRequests=1)
    for _ in range(3):
        late = await call(suite, secret, model="hangs", limit="0.2s")
        assert late.status_code == 504
    assert (await call(suite, secret)).status_code == 200


async def test_litellm_1477_calls_that_cannot_be_lock_no_key(suite: Suite) -> None:
    """A model that is unknown, or a body that makes no sense."""
    secret = await key(suite, "malformed", concurrentRequests=1, requestsPerMinute=1)
    wrong: dict[str, Any]
    for wrong in ({"model": "unknown"}, {"messages": []}, {"max_tokens": "many"}):
        assert (await call(suite, secret, **wrong)).status_code in {400, 404}
    assert (await call(suite, secret)).status_code == 200


async def test_litellm_39309_a_call_without_a_place_uses_up_no_request(suite: Suite) -> None:
    """It was never made."""
    secret = await key(suite, "places first", concurrentRequests=1, requestsPerMinute=2)
    headers = {"Authorization": f"Bearer {secret}"}
    async with (
        httpx.AsyncClient(base_url=suite.url, headers=headers, timeout=40) as client,
        client.stream("POST", "/v1/chat/completions", json=COUNTS) as begun,
    ):
        assert begun.status_code == 200
        for _ in range(3):
            refused = await call(suite, secret)
            assert "under way" in refused.json()["error"]["message"]

    async def has_a_place() -> bool:
        return (await call(suite, secret)).status_code == 200

    await eventually(has_a_place)
    spent = await call(suite, secret)
    assert "requests a minute" in spent.json()["error"]["message"]


async def test_litellm_18730_calls_at_once_use_no_more_tokens_than_there_are(
    suite: Suite,
) -> None:
    """What they may use is reserved before any of them is made."""
    secret = await key(suite, "at once", tokensPerMinute=1_000)
    words = [{"role": "user", "content": "word " * 40}]
    asked = [call(suite, secret, messages=words, max_tokens=60) for _ in range(20)]
    answers = await asyncio.gather(*asked)
    used = [each.json()["usage"]["total_tokens"] for each in answers if each.is_success]
    assert min(used) * 20 > 1_000
    assert sum(used) <= 1_000
    assert Counter(each.status_code for each in answers).keys() == {200, 429}


async def test_litellm_27001_tokens_are_limited_where_there_are_no_messages(suite: Suite) -> None:
    """Embeddings are as long as their input."""
    secret = await key(suite, "embeds", tokensPerMinute=600)
    asked = [
        call(suite, secret, "/v1/embeddings", input="word " * 50, messages=None) for _ in range(12)
    ]
    answers = await asyncio.gather(*asked)
    assert Counter(each.status_code for each in answers).keys() == {200, 429}
    used = [each.json()["usage"]["total_tokens"] for each in answers if each.is_success]
    assert sum(used) <= 600


async def test_litellm_11962_a_key_in_a_group_is_held_to_its_own_limits_too(suite: Suite) -> None:
    """Whichever of them is the least; the error names whose it is, as litellm#37971 missed."""
    number = await group(suite, "wide", limits={"requestsPerMinute": 3})
    keys = []
    for name in ("first", "second"):
        body = {"name": f"in {name}", "groupId": number, "limits": {"requestsPerMinute": 2}}
        keys.append((await suite.call("POST", "/api/virtual-keys", body))["key"])
    await suite.settled()
    statuses = [(await call(suite, keys[0])).status_code for _ in range(3)]
    assert statuses == [200, 200, 429]
    own = (await call(suite, keys[0])).json()["error"]["message"]
    assert own.startswith("This virtual key may have 2 requests")
    assert (await call(suite, keys[1])).status_code == 200
    shared = (await call(suite, keys[1])).json()["error"]["message"]
    assert shared.startswith("The group 'wide' may have 3 requests")
