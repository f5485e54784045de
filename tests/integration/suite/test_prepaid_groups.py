"""Groups of virtual keys that are paid for in advance, as their operators and callers see them."""

import asyncio
from collections import Counter
from pathlib import Path

import pytest
from tests.integration.suite.test_budgets import (
    CALL_USD,
    another_worker,
    ask,
    insist,
    key,
    price,
    sound,
)
from tests.integration.suite.test_groups import group
from tests.support.suite import Suite
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def test_a_prepaid_group_spends_what_was_paid_in_at_all_routers(
    suite: Suite, tmp_path: Path
) -> None:
    """Nothing before; of sixty calls at once five, and one more as soon as it is paid for."""
    await price(suite)
    number = await group(suite, "prepaid", isPrepaid=True)
    secrets = [await key(suite, f"prepaid {each}", groupId=number) for each in range(2)]
    path = f"/api/virtual-key-groups/{number}"
    refused = await ask(suite.url, secrets[0])
    assert (refused.status_code, refused.json()["error"]["code"]) == (402, "insufficient_quota")
    assert "prepaid balance of $0.00 has no room" in refused.json()["error"]["message"]
    paid = {"amountUsd": 5 * CALL_USD, "topUpId": "first"}
    for _ in range(2):
        balance = await suite.call("POST", f"{path}/top-ups", paid)
        assert balance["receivedUsd"] == balance["remainingUsd"] == pytest.approx(5 * CALL_USD)
    async with another_worker(suite, tmp_path / "second") as second:

        async def knows_prices() -> bool:
            return "x-conduit-cost" in (await ask(second, suite.virtual_key)).headers

        await eventually(knows_prices)
        urls = [suite.url, second]
        statuses = Counter(
            await asyncio.gather(*(insist(urls[n % 2], secrets[n % 2]) for n in range(60)))
        )
        # What one key's lease has over, another one gets once it is given back.
        async with asyncio.timeout(60):
            while statuses[200] < 5:
                await asyncio.sleep(0.2)
                statuses[await insist(suite.url, secrets[0])] += 1
    assert statuses[200] == 5
    assert statuses.keys() == {200, 402}
    given = {"amountUsd": CALL_USD, "reason": "a gift", "adjustmentId": "gift"}
    await suite.call("POST", f"{path}/adjustments", given)
    assert await insist(suite.url, secrets[1]) == 200
    assert await insist(suite.url, secrets[1]) == 402
    await suite.deliver_charges()

    async def is_settled() -> bool:
        balance = await suite.call("GET", f"{path}/balance")
        return bool(balance["usedUsd"] == pytest.approx(6 * CALL_USD) and not balance["heldUsd"])

    await eventually(is_settled, seconds=30)
    assert await sound(suite) == []
