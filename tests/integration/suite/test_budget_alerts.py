"""Administrators are told once of each share of a budget that is spent."""

import asyncio
from pathlib import Path

import httpx
import orjson
import pytest
from tests.integration.suite.test_budgets import CALL_USD, another_worker, ask, day, key, price
from tests.support.suite import GRACE_SECONDS, MASTER_KEY, Suite
from tests.support.waiting import eventually

from conduit_billing import bootstrap as billing

pytestmark = pytest.mark.asyncio(loop_scope="module")


class Listener:
    """Reads the stream of notifications."""

    def __init__(self, url: str) -> None:
        self._client = httpx.AsyncClient(
            base_url=url, headers={"X-Master-Key": MASTER_KEY}, timeout=60
        )
        self.shares: list[tuple[str, int]] = []
        self.is_open = asyncio.Event()
        self.task = asyncio.create_task(self._listen())

    async def _listen(self) -> None:
        async with self._client.stream("GET", "/api/notifications") as answer:
            self.is_open.set()
            async for line in answer.aiter_lines():
                if not line.startswith("data:"):
                    continue
                told = orjson.loads(line.removeprefix("data:"))
                if told.get("kind") == "BudgetThresholdReached":
                    self.shares.append((told["budget"]["ownerName"], told["budget"]["percent"]))

    def of(self, name: str) -> list[int]:
        """Return the shares that were told of a key."""
        return [percent for owner, percent in self.shares if owner == name]

    async def has_told(self, name: str, *shares: int) -> None:
        """Wait until exactly these shares were told of a key."""

        async def is_told() -> bool:
            return self.of(name) == [*shares]

        # Within a step of Billing's loop, and the delivery of charges before it.
        await eventually(is_told, seconds=30)

    async def close(self) -> None:
        """End the stream."""
        self.task.cancel()
        await asyncio.gather(self.task, return_exceptions=True)
        await self._client.aclose()


async def test_each_share_is_told_once_with_two_routers_and_over_restarts_of_billing(
    suite: Suite, tmp_path: Path
) -> None:
    """At 50, 75 and 100 %, as four calls spend a budget for four; 90 % is passed at once."""
    await price(suite)
    secret = await key(suite, "alerted", **day(4 * CALL_USD))
    listener = Listener(suite.url)
    await listener.is_open.wait()
    async with another_worker(suite, tmp_path / "second") as second:

        async def knows_prices() -> bool:
            return "x-conduit-cost" in (await ask(second, suite.virtual_key)).headers

        await eventually(knows_prices)
        told: tuple[list[int], ...] = ([], [50], [50, 75], [50, 75, 100])
        for number, expected in enumerate(told):
            answer = await ask((suite.url, second)[number % 2], secret)
            assert answer.status_code == 200
            await listener.has_told("alerted", *expected)
    process = suite.billing
    assert process is not None
    await process.drain(GRACE_SECONDS)
    suite.billing = await billing.start(
        suite.settings, suite.catalog, port=suite.ports()["billing"]
    )
    other = await key(suite, "later", **day(CALL_USD))
    assert (await ask(suite.url, other)).status_code == 200
    await listener.has_told("later", 100)
    assert listener.of("alerted") == [50, 75, 100]
    await listener.close()
