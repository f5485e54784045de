"""Limits of requests, tokens and calls under way hold, with any number of routers."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
import pytest_asyncio
from google.rpc.error_details_pb2 import QuotaFailure, RetryInfo
from grpc_status import rpc_status
from tests.integration.suite.test_budgets import another_worker
from tests.support.suite import GRACE_SECONDS, Suite
from tests.support.waiting import eventually

from conduit.v1.router_requests_pb2 import ChatRequest
from conduit.v1.router_service_pb2_grpc import RouterServiceStub
from conduit_billing import bootstrap as billing

pytestmark = pytest.mark.asyncio(loop_scope="module")

WORDS = [{"role": "user", "content": "one two three"}]
CHAT = {"model": "limited", "messages": WORDS, "max_tokens": 4}
# A moment before noon: no minute ends while a test runs.
NOON = 1_795_435_200.0 + 10


async def restart_billing(suite: Suite) -> None:
    """Start Billing anew, for which time stands still."""
    process = suite.billing
    assert process is not None
    await process.drain(GRACE_SECONDS)
    suite.billing = await billing.start(
        suite.settings, suite.catalog, clock=lambda: NOON, port=suite.ports()["billing"]
    )


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def noon(suite: Suite) -> None:
    """Let Billing stand still at one minute, and have a model."""
    await suite.add_simulator("limited", "echo")
    # Longer than Billing waits for a place that is given back, however slow the machine is.
    await suite.add_simulator("slow", "echo-slow-1500ms")
    await restart_billing(suite)


async def key(suite: Suite, name: str, **limits: int) -> str:
    """Make a virtual key with limits; return its value once the router knows it."""
    made = await suite.call("POST", "/api/virtual-keys", {"name": name, "limits": limits})
    await suite.settled()
    return str(made["key"])


async def ask(url: str, secret: str, **fields: Any) -> httpx.Response:  # noqa: ANN401 # JSON
    """Make a chat."""
    headers = {"Authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=40) as client:
        return await client.post("/v1/chat/completions", json=CHAT | fields)


async def is_asked(suite: Suite, secret: str) -> None:
    """Wait until Billing knows the configuration again, so that routers need not go on alone."""

    async def is_told() -> bool:
        return "x-ratelimit-limit-requests" in (await ask(suite.url, secret)).headers

    await eventually(is_told, seconds=30)


@pytest.mark.parametrize("calls", [1, 50])
async def test_of_many_at_once_so_many_pass_as_the_limit_says(
    suite: Suite, tmp_path: Path, calls: int
) -> None:
    """Of two hundred at three routers; the others are told when to come back."""
    await is_asked(suite, await key(suite, f"first {calls}", requestsPerMinute=1_000))
    secret = await key(suite, f"minute {calls}", requestsPerMinute=calls)
    async with (
        another_worker(suite, tmp_path / "second") as second,
        another_worker(suite, tmp_path / "third") as third,
    ):
        urls = [suite.url, second, third]
        answers = await asyncio.gather(*(ask(urls[n % 3], secret) for n in range(200)))
    assert Counter(each.status_code for each in answers) == {200: calls, 429: 200 - calls}
    refused = next(each for each in answers if each.status_code == 429)
    error = refused.json()["error"]
    assert (error["type"], error["code"]) == ("rate_limit_error", "rate_limit_exceeded")
    assert refused.headers["retry-after"] == "50"
    told = {name: refused.headers[f"x-ratelimit-{name}-requests"] for name in ("limit", "reset")}
    assert told == {"limit": str(calls), "reset": "50s"}
    assert refused.headers["x-ratelimit-remaining-requests"] == "0"


async def test_good_answers_of_limited_keys_tell_what_is_left(suite: Suite) -> None:
    """Whole and streamed; those of others do not."""
    secret = await key(suite, "told", requestsPerMinute=10, tokensPerMinute=5_000)
    first = await ask(suite.url, secret)
    used = first.json()["usage"]["total_tokens"]
    assert first.headers["x-ratelimit-limit-requests"] == "10"
    assert first.headers["x-ratelimit-remaining-requests"] == "9"
    assert first.headers["x-ratelimit-limit-tokens"] == "5000"
    assert first.headers["x-ratelimit-remaining-tokens"] == str(5_000 - used)
    streamed = await ask(suite.url, secret, stream=True)
    assert streamed.headers["x-ratelimit-remaining-requests"] == "8"
    assert "x-ratelimit-limit-requests" not in (await ask(suite.url, suite.virtual_key)).headers


async def test_tokens_are_reserved_at_most_and_counted_as_they_are_used(suite: Suite) -> None:
    """A call that may write much leaves what it did not write, at once."""
    used = (await ask(suite.url, suite.virtual_key)).json()["usage"]["total_tokens"]
    most = 1_000
    secret = await key(suite, "tokens", tokensPerMinute=most)
    passed = 0
    while (answer := await ask(suite.url, secret, max_tokens=300)).status_code == 200:
        passed += 1
        assert passed < most
    # A call is refused once less than the most that it may use is left.
    assert answer.status_code == 429
    assert answer.json()["error"]["message"].startswith("This virtual key may have 1,000 tokens")
    assert passed * used <= most
    assert passed > 1


async def test_so_many_calls_are_under_way_as_the_limit_says(suite: Suite, tmp_path: Path) -> None:
    """However they end; a caller who makes one call after the other is refused nowhere."""
    secret = await key(suite, "places", concurrentRequests=3)
    async with another_worker(suite, tmp_path / "second") as second:
        urls = [suite.url, second]
        await eventually(lambda: _passes(second, secret))
        asked = [ask(urls[n % 2], secret, model="slow", max_tokens=60) for n in range(40)]
        statuses = Counter(each.status_code for each in await asyncio.gather(*asked))
        assert statuses.keys() <= {200, 429}
        assert 0 < statuses[200] < 40
        one = await key(suite, "one", concurrentRequests=1)
        await eventually(lambda: _passes(second, one))
        serial = [(await ask(urls[n % 2], one)).status_code for n in range(12)]
        assert serial == [200] * 12


async def _passes(url: str, secret: str) -> bool:
    return (await ask(url, secret)).status_code == 200


async def test_a_caller_who_leaves_gives_the_place_back(suite: Suite) -> None:
    """So does a call that fails."""
    await suite.add_simulator("limited-fails", "status-400")
    await suite.add_simulator("counts", "stream-1000x20ms")
    secret = await key(suite, "leaves", concurrentRequests=1)
    headers = {"Authorization": f"Bearer {secret}"}
    body = CHAT | {"model": "counts", "stream": True, "max_tokens": 5_000}
    async with (
        httpx.AsyncClient(base_url=suite.url, headers=headers, timeout=40) as client,
        client.stream("POST", "/v1/chat/completions", json=body) as answer,
    ):
        assert answer.status_code == 200
        refused = await ask(suite.url, secret)
        assert refused.status_code == 429
        assert "1 requests under way at a time" in refused.json()["error"]["message"]
    for _ in range(2):
        await eventually(lambda: _passes(suite.url, secret))
        assert (await ask(suite.url, secret, model="limited-fails")).status_code == 400
    assert await _passes(suite.url, secret)


async def test_callers_over_grpc_learn_the_same(suite: Suite) -> None:
    """By what clients' libraries look for."""
    secret = await key(suite, "rpc", requestsPerMinute=1)
    metadata = [("authorization", f"Bearer {secret}")]
    request = ChatRequest(json=httpx.Request("POST", "http://x", json=CHAT).content)
    async with grpc.aio.insecure_channel(f"127.0.0.1:{suite.ports()['router']}") as channel:
        stub = RouterServiceStub(channel)
        answer = await stub.Chat(request, metadata=metadata)
        assert (answer.report.limit_requests, answer.report.remaining_requests) == (1, 0)
        assert answer.report.reset_requests == "50s"
        with pytest.raises(grpc.RpcError) as caught:
            await stub.Chat(request, metadata=metadata)
    status = rpc_status.from_call(caught.value)  # type: ignore[arg-type] # it is the call
    quota, retry = QuotaFailure(), RetryInfo()
    assert any(detail.Unpack(quota) for detail in status.details)
    assert any(detail.Unpack(retry) for detail in status.details)
    assert quota.violations[0].subject.startswith("virtual_key:")
    assert retry.retry_delay.seconds in {49, 50}


async def test_other_surfaces_are_counted_alike(suite: Suite) -> None:
    """Messages of Anthropic's API, and embeddings however many requests they are."""
    secret = await key(suite, "surfaces", requestsPerMinute=2)
    headers = {"x-api-key": secret, "anthropic-version": "2023-06-01"}
    async with httpx.AsyncClient(base_url=suite.url, headers=headers, timeout=40) as client:
        message = await client.post("/v1/messages", json=CHAT)
        assert (message.status_code, message.headers["x-ratelimit-remaining-requests"]) == (
            200,
            "1",
        )
        assert (await client.post("/v1/messages", json=CHAT)).status_code == 200
        refused = await client.post("/v1/messages", json=CHAT)
    assert (refused.status_code, refused.json()["error"]["type"]) == (429, "rate_limit_error")


async def test_a_limit_holds_while_billing_restarts(suite: Suite) -> None:
    """What was dealt out is known to the one that comes back."""
    secret = await key(suite, "restarts", requestsPerMinute=5)
    assert (await ask(suite.url, secret)).headers["x-ratelimit-limit-requests"] == "5"
    await restart_billing(suite)
    await is_asked(suite, await key(suite, "back", requestsPerMinute=1_000))
    statuses = Counter([(await ask(suite.url, secret)).status_code for _ in range(8)])
    assert statuses == {200: 4, 429: 4}


async def test_a_limit_that_was_raised_is_in_force_for_the_next_call(suite: Suite) -> None:
    """As every change that was answered; one that is taken back limits nobody."""
    secret = await key(suite, "raised", requestsPerMinute=1)
    keys = await suite.call("GET", "/api/virtual-keys")
    (number,) = (each["id"] for each in keys["virtualKeys"] if each["name"] == "raised")
    assert [(await ask(suite.url, secret)).status_code for _ in range(2)] == [200, 429]
    limits: Any
    for limits in ({"requestsPerMinute": 2}, None):
        await suite.call("PATCH", f"/api/virtual-keys/{number}", {"limits": limits})

        async def is_let_through() -> bool:
            return await _passes(suite.url, secret)

        await eventually(is_let_through)
