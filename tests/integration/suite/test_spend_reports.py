"""Public reports of spend that other gateways lost, doubled or counted as zero, tried here.

What was reported, in the words of this project: streams that cost nothing while whole answers had a
price (BerriAI/litellm 37923 and 40100), spend of agents' API that no budget counted (38176), two
charges for one translated call (15740), sums by day that counted a redelivered charge again (34675;
`tests/integration/billing/test_reports.py`), streams whose reader left early that cost nothing
(AgentBudget/agentbudget 15), retries of a client that were paid twice (tashfeenahmed/freellmapi
1094, Augustas11/macprovider 762; `test_idempotency.py`).
"""

import secrets
from typing import Any

import httpx
import pytest
import pytest_asyncio
from tests.support.suite import Suite
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")

TURN = [{"role": "user", "content": "hello there"}]
WAYS: dict[str, tuple[str, dict[str, object]]] = {
    "whole": ("/v1/chat/completions", {"stream": False}),
    "streamed": ("/v1/chat/completions", {"stream": True}),
    "message": ("/v1/messages", {"max_tokens": 9}),
    "streamed message": ("/v1/messages", {"max_tokens": 9, "stream": True}),
}


@pytest_asyncio.fixture(loop_scope="module", scope="module", autouse=True)
async def priced(suite: Suite) -> None:
    """Map an alias, and price its model."""
    provider = await suite.add_simulator("fast", "echo")
    price = {
        "providerId": provider,
        "modelPattern": "echo",
        "inputCostPer1kTokens": 1,
        "outputCostPer1kTokens": 2,
    }
    await suite.call("POST", "/api/model-costs", price)
    await suite.settled()


async def charges_of(suite: Suite, names: set[str]) -> list[dict[str, Any]]:
    """Return the charges of some requests, once all of them are there."""
    found: list[dict[str, Any]] = []

    async def are_there() -> bool:
        every = (await suite.call("GET", "/api/usage/charges?pageSize=1000"))["charges"]
        found[:] = [each for each in every if each["requestId"] in names]
        return {each["requestId"] for each in found} == names

    await eventually(are_there, seconds=20)
    return found


async def test_an_answer_costs_the_same_however_it_is_asked_for(suite: Suite) -> None:
    """Whole or streamed, as a chat or as a message: one charge each, at one price."""
    names: dict[str, str] = {}
    async with suite.caller() as client:
        for way, (path, members) in WAYS.items():
            names[way] = f"req_{secrets.token_hex(6)}"
            body = {"model": "fast", "messages": TURN, **members}
            answer = await client.post(path, json=body, headers={"x-request-id": names[way]})
            assert answer.is_success, answer.text
    charges = await charges_of(suite, set(names.values()))
    assert len(charges) == len(WAYS)
    assert len({each["cost"] for each in charges}) == 1, charges
    assert charges[0]["cost"] > 0


@pytest.mark.parametrize("way", WAYS)
async def test_every_way_of_asking_is_counted_by_a_budget(suite: Suite, way: str) -> None:
    """It refuses the next call, whichever way that one comes."""
    budget = {"limitUsd": 0.12, "period": "Total", "isHard": True}
    made = await suite.call(
        "POST", "/api/virtual-keys", {"name": secrets.token_hex(6), "budgets": [budget]}
    )
    await suite.settled()
    path, members = WAYS[way]
    body = {"model": "fast", "messages": TURN, "max_tokens": 9, **members}
    headers = {"Authorization": f"Bearer {made['key']}"}
    statuses: list[int] = []
    async with httpx.AsyncClient(base_url=suite.url, headers=headers, timeout=40) as client:
        while len(statuses) < 30 and 402 not in statuses:
            statuses.append((await client.post(path, json=body)).status_code)
    assert statuses[-1] == 402, statuses
    assert set(statuses[:-1]) == {200}, statuses


async def test_a_stream_whose_reader_leaves_costs_what_was_said(suite: Suite) -> None:
    """Somebody paid for it."""
    await suite.add_simulator("long", "stream-100x20ms")
    await suite.settled()
    name = f"req_{secrets.token_hex(6)}"
    body = {"model": "long", "messages": TURN, "stream": True}
    async with (
        suite.caller() as client,
        client.stream(
            "POST", "/v1/chat/completions", json=body, headers={"x-request-id": name}
        ) as answer,
    ):
        async for _ in answer.aiter_lines():
            break
    (charge,) = await charges_of(suite, {name})
    assert charge["isComplete"] is False
    assert sum(int(line["quantity"]) for line in charge["lines"]) > 0
