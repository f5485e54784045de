"""Hard budgets hold, with any number of routers, and whatever happens to Billing."""

import asyncio
import dataclasses
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import grpc
import httpx
import pytest
from google.rpc.error_details_pb2 import QuotaFailure, RetryInfo
from grpc_status import rpc_status
from tests.support.suite import GRACE_SECONDS, Suite
from tests.support.waiting import eventually

from conduit.v1.router_requests_pb2 import ChatRequest
from conduit.v1.router_service_pb2_grpc import RouterServiceStub
from conduit_billing import bootstrap as billing
from conduit_billing.ledger.verification import breaches
from conduit_bridge import bootstrap as bridge
from conduit_kernel.database import database_url, make_engine
from conduit_router import bootstrap as router

pytestmark = pytest.mark.asyncio(loop_scope="module")

# Each call may write four tokens, writes them all, and each costs a cent; what is read is free.
CALL_USD = 0.04
WORDS = [{"role": "user", "content": "one two three four five six seven eight"}]
CHAT = {"model": "paid", "messages": WORDS, "max_tokens": 4}


async def price(suite: Suite) -> None:
    """Add a model that takes its time and has a price, unless it is there."""
    models = await suite.call("GET", "/api/model-provider-mappings")
    if any(each["modelAlias"] == "paid" for each in models["mappings"]):
        return
    number = await suite.add_simulator("paid", "echo-slow-50ms")
    rule = {"providerId": number, "modelPattern": "*"}
    prices = {"inputCostPer1kTokens": 0, "outputCostPer1kTokens": 10}
    await suite.call("POST", "/api/model-costs", rule | prices)
    await suite.settled()


async def key(suite: Suite, name: str, **fields: object) -> str:
    """Make a virtual key; return its value once the router knows it."""
    made = await suite.call("POST", "/api/virtual-keys", {"name": name, **fields})
    await suite.settled()
    return str(made["key"])


def day(usd: float, **fields: object) -> dict[str, Any]:
    """Return the budget of a key for each day."""
    return {"budgets": [{"limitUsd": usd, "period": "Day", **fields}]}


async def ask(url: str, secret: str, body: object = CHAT) -> httpx.Response:
    """Make a chat."""
    return await ask_at(url, "/v1/chat/completions", secret, body)


async def ask_at(url: str, path: str, secret: str, body: object) -> httpx.Response:
    """Make any call."""
    headers = {"Authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=40) as client:
        return await client.post(path, json=body)


async def insist(url: str, secret: str) -> int:
    """Make a chat until Billing can be asked, however busy the machine is; return its status."""
    while (answer := await ask(url, secret)).status_code == 503:  # noqa: ASYNC110 # it asks anew
        await asyncio.sleep(0.05)
    return answer.status_code


async def used(suite: Suite, name: str) -> float:
    """Return what a virtual key has spent, by the charges that Billing has."""
    costs = await suite.call("GET", "/api/usage/costs", params={"groupBy": "virtual-key"})
    keys = await suite.call("GET", "/api/virtual-keys")
    (number,) = (each["id"] for each in keys["virtualKeys"] if each["name"] == name)
    found = [each for each in costs["costBreakdown"] if each.get("virtualKeyId") == number]
    return float(sum(each["totalCost"] for each in found))


async def sound(suite: Suite) -> list[str]:
    """Return what does not hold of the ledger."""
    engine = make_engine(database_url(suite.settings, "billing"))
    try:
        return [str(each) for each in await breaches(engine, 0)]
    finally:
        await engine.dispose()


@asynccontextmanager
async def another_worker(suite: Suite, folder: Path) -> AsyncIterator[str]:
    """Run one more router with its bridge; give its address."""
    settings = dataclasses.replace(suite.settings, data_dir=folder)
    process = await router.start(settings, suite.catalog, port=0)
    edge = await bridge.start(
        settings,
        router=process.stub,
        collectors=process.collectors,
        background=process.background,
        port=0,
    )

    async def is_up_to_date() -> bool:
        return process.revision >= suite.router.revision

    await eventually(is_up_to_date)
    try:
        yield f"http://127.0.0.1:{edge.port}"
    finally:
        await edge.drain(GRACE_SECONDS)
        await process.drain(GRACE_SECONDS)


@pytest.mark.parametrize("calls", [1, 50])
async def test_so_many_calls_pass_as_the_budget_covers(
    suite: Suite, tmp_path: Path, calls: int
) -> None:
    """Of two hundred at once at three routers, exactly so many; the others are told so."""
    await price(suite)
    secret = await key(suite, f"covers {calls}", **day(CALL_USD * calls))
    async with (
        another_worker(suite, tmp_path / "second") as second,
        another_worker(suite, tmp_path / "third") as third,
    ):
        # Prices come to a new router a moment after its configuration.
        for url in (second, third):

            async def knows_prices(url: str = url) -> bool:
                return "x-conduit-cost" in (await ask(url, suite.virtual_key)).headers

            await eventually(knows_prices)
        urls = [suite.url, second, third]
        asked = [insist(urls[number % 3], secret) for number in range(200)]
        statuses = Counter(await asyncio.gather(*asked))
        assert statuses == {200: calls, 402: 200 - calls}

        async def is_charged() -> bool:
            spent = await used(suite, f"covers {calls}")
            return bool(spent == pytest.approx(CALL_USD * calls))

        # While all of the routers are there, whose last delivery is short.
        await eventually(is_charged, seconds=30)
    await suite.deliver_charges()
    assert await used(suite, f"covers {calls}") == pytest.approx(CALL_USD * calls)
    assert await sound(suite) == []


async def test_who_is_refused_learns_what_the_budget_is(suite: Suite) -> None:
    """The level, the limit, what is used and when it is whole again; and not to try again."""
    await price(suite)
    secret = await key(suite, "told", **day(CALL_USD * 1.5, timeZone="Europe/Berlin"))
    assert (await ask(suite.url, secret)).status_code == 200
    refused = await ask(suite.url, secret)
    assert refused.status_code == 402
    error = refused.json()["error"]
    assert (error["type"], error["code"]) == ("insufficient_quota", "insufficient_quota")
    assert error["message"].startswith("The virtual key's day's budget of $0.06 has no room")
    assert refused.headers["x-should-retry"] == "false"
    # It is whole again within the day.
    assert 0 < int(refused.headers["retry-after"]) <= 86_400 + 3_600
    async with grpc.aio.insecure_channel(f"127.0.0.1:{suite.ports()['router']}") as channel:
        stub = RouterServiceStub(channel)
        with pytest.raises(grpc.RpcError) as caught:
            await stub.Chat(
                ChatRequest(json=httpx.Request("POST", "http://x", json=CHAT).content),
                metadata=[("authorization", f"Bearer {secret}")],
            )
    status = rpc_status.from_call(caught.value)  # type: ignore[arg-type] # it is the call
    quota = QuotaFailure()
    assert any(detail.Unpack(quota) for detail in status.details)
    assert quota.violations[0].subject.startswith("virtual_key:")
    retry = RetryInfo()
    assert any(detail.Unpack(retry) for detail in status.details)
    assert retry.retry_delay.seconds > 0


async def test_a_budget_over_the_last_hours_holds_as_any_other(suite: Suite) -> None:
    """It is stored and shown; who is refused learns when there is room, and how it stands."""
    await price(suite)
    budgets = [
        {"limitUsd": CALL_USD * 1.5, "period": "Rolling", "rollingHours": hours}
        for hours in (720, 24)
    ]
    secret = await key(suite, "rolls", budgets=budgets)
    keys = await suite.call("GET", "/api/virtual-keys")
    (made,) = (each for each in keys["virtualKeys"] if each["name"] == "rolls")
    assert [each["rollingHours"] for each in made["budgets"]] == [24, 720]
    assert (await ask(suite.url, secret)).status_code == 200
    refused = await ask(suite.url, secret)
    assert refused.status_code == 402
    message = refused.json()["error"]["message"]
    assert message.startswith("The virtual key's budget of $0.06 in 24 hours has no room")
    # Not before a day has passed, nor an hour after that.
    assert 86_400 - 60 < int(refused.headers["retry-after"]) <= 25 * 3_600
    headers = {"Authorization": f"Bearer {secret}"}
    async with httpx.AsyncClient(base_url=suite.url, headers=headers) as client:
        standing = (await client.get("/v1/usage")).json()["budgets"]
    assert [each["period"] for each in standing] == ["rolling-24h", "rolling-720h"]
    await suite.deliver_charges()
    assert await sound(suite) == []


async def test_a_stream_that_is_not_covered_is_refused_before_it_begins(suite: Suite) -> None:
    """With a status of its own, as a whole answer is."""
    await price(suite)
    secret = await key(suite, "streams", **day(CALL_USD))
    answer = await ask(suite.url, secret, CHAT | {"stream": True})
    assert (answer.status_code, answer.text.endswith("data: [DONE]\n\n")) == (200, True)
    assert (await ask(suite.url, secret, CHAT | {"stream": True})).status_code == 402


async def test_what_a_call_did_not_use_is_there_for_the_next(suite: Suite) -> None:
    """A call that may write four hundred tokens and writes a few leaves the rest, at once."""
    await price(suite)
    long = CHAT | {"max_tokens": 400}
    usual = await ask(suite.url, suite.virtual_key, long)
    cost = float(usual.headers["x-conduit-cost"])
    # Each may cost four dollars.
    secret = await key(suite, "settles", **day(round(4 + 1.5 * cost, 6)))
    statuses = [(await ask(suite.url, secret, long)).status_code for _ in range(3)]
    assert statuses == [200, 200, 402]


async def test_a_free_model_is_answered_when_the_budget_is_spent(suite: Suite) -> None:
    """What costs nothing needs no room."""
    await price(suite)
    number = await suite.add_simulator("gratis", "echo")
    free = {"providerId": number, "modelPattern": "*", "inputCostPer1kTokens": 0}
    await suite.call("POST", "/api/model-costs", free | {"outputCostPer1kTokens": 0})
    secret = await key(suite, "spent", **day(CALL_USD))
    assert (await ask(suite.url, secret)).status_code == 200
    assert (await ask(suite.url, secret)).status_code == 402
    assert (await ask(suite.url, secret, CHAT | {"model": "gratis"})).status_code == 200


async def test_a_failed_call_costs_nothing(suite: Suite) -> None:
    """What was reserved for it goes back at once."""
    await price(suite)
    number = await suite.add_simulator("fails", "status-400")
    await suite.call(
        "POST",
        "/api/model-costs",
        {"providerId": number, "modelPattern": "*", "inputCostPer1kTokens": 0}
        | {"outputCostPer1kTokens": 10},
    )
    secret = await key(suite, "fails", **day(CALL_USD))
    for _ in range(3):
        assert (await ask(suite.url, secret, CHAT | {"model": "fails"})).status_code == 400
    assert (await ask(suite.url, secret)).status_code == 200
    assert (await ask(suite.url, secret)).status_code == 402


async def test_a_soft_budget_refuses_nobody(suite: Suite) -> None:
    """It is counted alone."""
    await price(suite)
    secret = await key(suite, "soft", **day(CALL_USD, isHard=False))
    for _ in range(2):
        assert (await ask(suite.url, secret)).status_code == 200


async def test_a_raised_budget_is_in_force_for_the_next_call(suite: Suite) -> None:
    """As every change that was answered."""
    await price(suite)
    secret = await key(suite, "raised", budget=CALL_USD)
    assert (await ask(suite.url, secret)).status_code == 200
    assert (await ask(suite.url, secret)).status_code == 402
    keys = await suite.call("GET", "/api/virtual-keys")
    (number,) = (each["id"] for each in keys["virtualKeys"] if each["name"] == "raised")
    await suite.call("PATCH", f"/api/virtual-keys/{number}", {"budget": 2 * CALL_USD})
    assert (await ask(suite.url, secret)).status_code == 200
    assert (await ask(suite.url, secret)).status_code == 402
    await suite.call("PATCH", f"/api/virtual-keys/{number}", {"budget": None})
    assert (await ask(suite.url, secret)).status_code == 200


async def test_a_model_without_a_price_is_not_for_hard_budgets(suite: Suite) -> None:
    """Whatever it costs would not be counted."""
    await suite.add_simulator("unpriced", "echo")
    secret = await key(suite, "unpriced", **day(1))
    refused = await ask(suite.url, secret, CHAT | {"model": "unpriced"})
    assert (refused.status_code, refused.json()["error"]["code"]) == (400, "cost_unknown")
    assert (await ask(suite.url, suite.virtual_key, CHAT | {"model": "unpriced"})).is_success


async def test_without_billing_calls_are_refused_or_go_on_up_to_a_bound(suite: Suite) -> None:
    """As the key says; whatever was held before is spent, and all is counted in the end."""
    await price(suite)
    strict = await key(suite, "strict", **day(10))
    lenient = await key(suite, "lenient", **day(10), outageAllowanceUsd=2 * CALL_USD)
    process = suite.billing
    assert process is not None
    await process.drain(GRACE_SECONDS)
    refused = await ask(suite.url, strict)
    assert (refused.status_code, refused.json()["error"]["code"]) == (503, "service_unavailable")
    statuses = [(await ask(suite.url, lenient)).status_code for _ in range(3)]
    assert statuses == [200, 200, 503]
    port = suite.ports()["billing"]
    suite.billing = await billing.start(suite.settings, suite.catalog, port=port)

    async def is_back() -> bool:
        return (await ask(suite.url, strict)).status_code == 200

    await eventually(is_back, seconds=30)
    await suite.deliver_charges()
    assert await used(suite, "lenient") == pytest.approx(2 * CALL_USD)
    assert await sound(suite) == []


async def test_the_budget_holds_while_billing_restarts(suite: Suite) -> None:
    """Calls that are refused for it may be made again; those that pass are never too many."""
    await price(suite)
    secret = await key(suite, "restarts", **day(20 * CALL_USD))
    calls = [asyncio.create_task(insist(suite.url, secret)) for _ in range(60)]
    for _ in range(2):
        await asyncio.sleep(0.1)
        process = suite.billing
        assert process is not None
        await process.drain(0)
        suite.billing = await billing.start(
            suite.settings, suite.catalog, port=suite.ports()["billing"]
        )
    passed = (await asyncio.gather(*calls)).count(200)
    # A lease whose answer was lost is given back a moment later.
    async with asyncio.timeout(30):
        while passed < 20:
            passed += await insist(suite.url, secret) == 200
            await asyncio.sleep(0.1)
    assert (await ask(suite.url, secret)).status_code == 402
    await suite.deliver_charges()
    assert await used(suite, "restarts") == pytest.approx(20 * CALL_USD)
    assert await sound(suite) == []
