"""A price is in use when the answer to its change is there."""

import pytest
from tests.support.suite import Suite

pytestmark = pytest.mark.asyncio(loop_scope="module")

CHANGES = 10


async def test_the_next_call_is_charged_by_the_price_just_set(suite: Suite) -> None:
    """By the one that is made, by each that it is changed to, and by none once it is gone."""
    provider_id = await suite.add_simulator("priced", "echo")
    await suite.settled()
    chat = {"model": "priced", "messages": [{"role": "user", "content": "hi"}]}
    async with suite.caller() as client:

        async def cost() -> float:
            answer = await client.post("/v1/chat/completions", json=chat)
            assert answer.status_code == 200, answer.text
            tokens: int = answer.json()["usage"]["total_tokens"]
            return float(answer.headers.get("x-conduit-cost", 0)) * 1000 / tokens

        rule = {"providerId": provider_id, "modelPattern": "echo"}
        prices = {"inputCostPer1kTokens": 1, "outputCostPer1kTokens": 1}
        made = await suite.call("POST", "/api/model-costs", rule | prices)
        assert await cost() == pytest.approx(1)
        path = f"/api/model-costs/{made['id']}"
        for amount in range(2, 2 + CHANGES):
            await suite.call("PUT", path, dict.fromkeys(prices, amount))
            assert await cost() == pytest.approx(amount)
        await suite.call("DELETE", path)
        assert await cost() == 0
