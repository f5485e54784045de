"""Budgets and limits of groups hold for all of their keys together, at each level."""

import asyncio
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from tests.integration.suite.test_budgets import (
    CALL_USD,
    another_worker,
    ask,
    day,
    insist,
    key,
    price,
    sound,
)
from tests.support.suite import Suite
from tests.support.waiting import eventually

pytestmark = pytest.mark.asyncio(loop_scope="module")


async def group(suite: Suite, name: str, **fields: Any) -> int:  # noqa: ANN401 # JSON
    """Make a group; return its id."""
    made = await suite.call("POST", "/api/virtual-key-groups", {"name": name, **fields})
    return int(made["id"])


async def test_a_groups_budget_is_spent_by_all_of_its_keys(suite: Suite, tmp_path: Path) -> None:
    """Of sixty calls at once of three keys at two routers, as many pass as it covers."""
    await price(suite)
    number = await group(suite, "shared", **day(10 * CALL_USD))
    secrets = [await key(suite, f"shared {each}", groupId=number) for each in range(3)]
    async with another_worker(suite, tmp_path / "second") as second:

        async def knows_prices() -> bool:
            return "x-conduit-cost" in (await ask(second, suite.virtual_key)).headers

        await eventually(knows_prices)
        urls = [suite.url, second]
        asked = [insist(urls[n % 2], secrets[n % 3]) for n in range(60)]
        statuses = Counter(await asyncio.gather(*asked))
        # What one key's lease has over, another one gets once it is given back.
        async with asyncio.timeout(60):
            while statuses[200] < 10:
                await asyncio.sleep(0.2)
                statuses[await insist(suite.url, secrets[0])] += 1
    assert statuses.keys() == {200, 402}
    assert statuses[200] == 10
    refused = await ask(suite.url, secrets[1])
    assert refused.status_code == 402
    message = refused.json()["error"]["message"]
    assert message.startswith("The group shared's day's budget of $0.40 has no room")
    await suite.deliver_charges()
    assert await sound(suite) == []


async def test_each_level_may_refuse_a_call(suite: Suite) -> None:
    """A key, its group, or the whole; the error names which."""
    await price(suite)
    number = await group(suite, "levels", limits={"concurrentRequests": 1}, **day(5))
    secret = await key(suite, "levels", groupId=number, **day(CALL_USD))
    assert (await ask(suite.url, secret)).status_code == 200
    refused = await ask(suite.url, secret)
    assert refused.json()["error"]["message"].startswith("The virtual key's day's budget")
    whole = await group(suite, "whole", coversAll=True, limits={"tokensPerMinute": 1})
    await suite.settled()
    other = await key(suite, "outside")
    # The first call takes the whole limit, and what it used of that is more than there is.
    statuses = [(await ask(suite.url, other)).status_code for _ in range(3)]
    assert statuses[-1] == 429
    refused = await ask(suite.url, suite.virtual_key)
    assert refused.status_code == 429
    assert refused.json()["error"]["message"].startswith("The group 'whole' may have 1 tokens")
    await suite.call("DELETE", f"/api/virtual-key-groups/{whole}")
    await suite.settled()
    assert (await ask(suite.url, other)).status_code == 200


async def test_groups_say_from_where_until_when_and_by_whom(suite: Suite) -> None:
    """Networks, an end and instances of a group hold for its keys beside what these say."""
    await price(suite)
    number = await group(suite, "bound", allowedProviders=["nobody's"])
    secret = await key(suite, "bound", groupId=number, security={"allowedIPs": ["127.0.0.0/8"]})
    path = f"/api/virtual-key-groups/{number}"
    refused = await ask(suite.url, secret)
    assert refused.status_code == 503
    assert "may not be served by this instance" in refused.json()["error"]["message"]
    rules = {"allowedIPs": ["192.0.2.0/24"]}
    changed = await suite.call("PATCH", path, {"allowedProviders": ["*"], "security": rules})
    assert changed["security"]["allowedIPs"] == ["192.0.2.0/24"]
    assert (await ask(suite.url, secret)).json()["error"]["code"] == "caller_not_allowed"
    await suite.call("PATCH", path, {"security": None, "expiresAt": "2001-02-03T04:05:06Z"})
    assert (await ask(suite.url, secret)).json()["error"]["code"] == "virtual_key_disabled"
    found = await suite.call("PATCH", path, {"expiresAt": None})
    assert (found["security"], found["expiresAt"]) == (None, None)
    assert (await ask(suite.url, secret)).status_code == 200


async def test_a_change_of_a_group_is_in_force_for_the_next_call(suite: Suite) -> None:
    """Its models, and whether its keys may be used at all."""
    await price(suite)
    number = await group(suite, "changes", allowedModels=["other"])
    secret = await key(suite, "changes", groupId=number)
    path = f"/api/virtual-key-groups/{number}"
    assert (await ask(suite.url, secret)).json()["error"]["code"] == "model_not_allowed"
    await suite.call("PATCH", path, {"allowedModels": ["pai*"]})
    assert (await ask(suite.url, secret)).status_code == 200
    await suite.call("PATCH", path, {"isEnabled": False})
    assert (await ask(suite.url, secret)).json()["error"]["code"] == "virtual_key_disabled"
    await suite.call("PATCH", path, {"isEnabled": True, "allowedModels": None})
    assert (await ask(suite.url, secret)).status_code == 200
