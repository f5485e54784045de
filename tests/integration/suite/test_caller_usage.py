"""Holders of virtual keys see what they used, and what is left for them."""

from typing import Any

import grpc
import httpx
import pytest
from tests.integration.suite.test_budgets import CALL_USD, CHAT, ask, day, key, price
from tests.integration.suite.test_groups import group
from tests.support.suite import Suite

from conduit.v1.caller_usage_pb2 import GetUsageRequest
from conduit.v1.router_service_pb2_grpc import RouterServiceStub

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def usage(suite: Suite, secret: str, **params: Any) -> httpx.Response:  # noqa: ANN401 # a query's
    """Ask what a key used."""
    headers = {"Authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(base_url=suite.url, headers=headers, timeout=30) as client:
        return await client.get("/v1/usage", params=params)


async def test_a_holder_sees_its_own_use_and_what_is_left(suite: Suite) -> None:
    """Of the key, its group and all; nothing of what others did but what they share."""
    await price(suite)
    number = await group(suite, "seen", **day(1, isHard=False))
    budgets = day(3 * CALL_USD)
    limits = {"requestsPerMinute": 1_000, "concurrentRequests": 5}
    secret = await key(suite, "seen", groupId=number, limits=limits, **budgets)
    sibling = await key(suite, "sibling", groupId=number)
    assert (await ask(suite.url, secret)).status_code == 200
    assert (await ask(suite.url, sibling)).status_code == 200
    await suite.deliver_charges()
    told = (await usage(suite, secret)).json()
    assert told["object"] == "list"
    (own,) = told["data"]
    assert (own["model"], own["requests"], own["unpriced_requests"]) == ("paid", 1, 0)
    assert own["cost_usd"] == pytest.approx(CALL_USD)
    assert own["output_tokens"] == 4
    mine, shared = told["budgets"]
    assert (mine["level"], mine["period"], mine["is_hard"]) == ("virtual_key", "day", True)
    assert (mine["limit_usd"], mine["used_usd"]) == (3 * CALL_USD, CALL_USD)
    assert mine["remaining_usd"] + mine["held_usd"] == pytest.approx(2 * CALL_USD)
    assert mine["resets_at"].endswith("T00:00:00Z")
    assert (shared["level"], shared["used_usd"]) == ("group", 2 * CALL_USD)
    requests, places = told["limits"]
    assert (requests["level"], requests["metric"], requests["limit"]) == (
        *("virtual_key", "requests", 1_000),
    )
    assert 0 < requests["remaining"] <= 1_000
    assert (places["metric"], places["limit"], places.get("resets_at")) == (
        *("concurrent_requests", 5, None),
    )
    assert "data" in (await usage(suite, suite.virtual_key)).json()


async def test_use_is_told_by_model_or_day_in_pages(suite: Suite) -> None:
    """In order; what is left stands in the first page alone."""
    await price(suite)
    secret = await key(suite, "pages", budget=5)
    for model in ("alpha", "beta", "gamma"):
        await suite.add_simulator(f"pages-{model}", "echo")
        answer = await ask(suite.url, await key(suite, f"other {model}"), CHAT)
        assert answer.status_code == 200
        # A hard budget has no room for what has no price.
    secret = await key(suite, "paged")
    for model in ("alpha", "beta", "gamma"):
        answer = await ask(suite.url, secret, CHAT | {"model": f"pages-{model}"})
        assert answer.status_code == 200
    await suite.deliver_charges()
    first = (await usage(suite, secret, page_size=2)).json()
    assert [each["model"] for each in first["data"]] == ["pages-alpha", "pages-beta"]
    token = first["next_page_token"]
    last = (await usage(suite, secret, page_size=2, page_token=token)).json()
    assert [each["model"] for each in last["data"]] == ["pages-gamma"]
    assert not last.get("next_page_token")
    assert (last["budgets"], last["limits"]) == ([], [])
    (today,) = (await usage(suite, secret, group_by="day")).json()["data"]
    assert today["requests"] == 3
    assert "model" not in today


@pytest.mark.parametrize(
    ("params", "field"),
    [
        ({"group_by": "key"}, "group_by"),
        ({"start_date": "yesterday"}, "start_date"),
        ({"start_date": "2026-02-02", "end_date": "2026-02-01"}, "start_date"),
        ({"page_size": "1001"}, "page_size"),
        ({"page_token": "x"}, "page_token"),
    ],
)
async def test_what_makes_no_sense_is_refused(
    suite: Suite, params: dict[str, str], field: str
) -> None:
    """The error names the parameter."""
    answer = await usage(suite, suite.virtual_key, **params)
    assert answer.status_code == 400
    assert (
        answer.json()["error"]["param"]
        .replace("pageSize", "page_size")
        .replace("pageToken", "page_token")
        == field
    )


async def test_over_grpc_it_is_typed(suite: Suite) -> None:
    """The same RPC; nobody sees it without a key."""
    await price(suite)
    secret = await key(suite, "typed", limits={"tokensPerMinute": 7})
    async with grpc.aio.insecure_channel(f"127.0.0.1:{suite.ports()['router']}") as channel:
        stub = RouterServiceStub(channel)
        metadata = [("authorization", f"Bearer {secret}")]
        answer = await stub.GetUsage(GetUsageRequest(), metadata=metadata)
        (limit,) = answer.usage_limits
        assert (limit.metric, limit.limit, limit.remaining) == ("tokens", 7, 7)
        with pytest.raises(grpc.RpcError):
            await stub.GetUsage(GetUsageRequest())
