"""What is wrong in the nights on which somebody is called, and the calls that show it to callers.

The tests of the command line and of the console find the cause of each of them.
"""

from typing import Any

import httpx
from tests.support.suite import Suite

MESSAGES = [{"role": "user", "content": "hello"}]
# What a provider does, as a model of the simulator's, and its cause: the reason of the attempt or
# what the provider said, any of which names it.
FAULTS = [
    ("status-401", ("INVALID_API_KEY", "status 401")),
    ("quota", ("INSUFFICIENT_FUNDS", "insufficient_quota")),
    ("status-503", ("PROVIDER_ERROR", "status 503")),
    ("no-such-model", ("status 404",)),
    ("garbage", ("PROVIDER_ERROR",)),
    ("reset", ("PROVIDER_UNREACHABLE", "PROVIDER_ERROR")),
]


async def call(suite: Suite, model: str, key: str = "", **members: Any) -> httpx.Response:  # noqa: ANN401 # JSON
    """Make a call as a caller does, with a virtual key of its own or the suite's."""
    async with suite.caller() as client:
        if key:
            client.headers["authorization"] = f"Bearer {key}"
        body = {"model": model, "messages": MESSAGES, **members}
        return await client.post("/v1/chat/completions", json=body)


async def a_provider_fails(suite: Suite, model: str) -> str:
    """Have it fail as a model of the simulator's does; return the alias."""
    alias = f"night-{model}"
    await suite.add_simulator(alias, model)
    await suite.settled()
    assert (await call(suite, alias)).status_code >= 400
    return alias


async def a_stream_breaks_off(suite: Suite) -> None:
    """Give a caller half an answer."""
    await suite.add_simulator("night-cut", "cut-after-2")
    await suite.settled()
    await call(suite, "night-cut", stream=True)


async def an_alias_is_misspelt(suite: Suite) -> None:
    """Ask for what there is not."""
    assert (await call(suite, "night-gtp")).status_code == 404


async def an_instance_is_turned_off(suite: Suite) -> None:
    """Disable the only one that serves an alias."""
    number = await suite.add_simulator("night-off", "echo")
    made = await suite.call("GET", f"/api/providers/{number}")
    etag = {"if-match": made["etag"]}
    await suite.call("PATCH", f"/api/providers/{number}", {"isEnabled": False}, headers=etag)
    await suite.settled()
    assert (await call(suite, "night-off")).status_code >= 500


async def a_model_is_not_allowed(suite: Suite) -> int:
    """Return which virtual key may use another one alone."""
    await suite.add_simulator("night-closed", "echo")
    wish = {"name": "closed", "allowedModels": ["other"]}
    made = await suite.call("POST", "/api/virtual-keys", wish)
    await suite.settled()
    assert (await call(suite, "night-closed", made["key"])).status_code in {403, 404}
    return int(made["id"])


async def a_key_has_expired(suite: Suite) -> int:
    """Return which; its calls come no further than the door."""
    wish = {"name": "night-old", "expiresAt": "2020-01-01T00:00:00Z"}
    made = await suite.call("POST", "/api/virtual-keys", wish)
    await suite.settled()
    assert (await call(suite, "echo", made["key"])).status_code in {401, 403}
    return int(made["id"])


async def a_model_is_slow(suite: Suite) -> None:
    """Have it answer after a while."""
    await suite.add_simulator("night-slow", "echo-slow-50ms")
    await suite.settled()
    assert (await call(suite, "night-slow")).status_code == 200


async def a_budget_is_spent(suite: Suite) -> int:
    """Return which virtual key has no money left."""
    number = await suite.add_simulator("night-spent", "echo")
    price = {"modelPattern": "echo", "inputCostPer1kTokens": 1000, "outputCostPer1kTokens": 1000}
    await suite.call("POST", "/api/model-costs", {"providerId": number, **price})
    budget = {"limitUsd": 0.001, "period": "Total", "isHard": True}
    made = await suite.call("POST", "/api/virtual-keys", {"name": "poor", "budgets": [budget]})
    await suite.settled()
    refused = await call(suite, "night-spent", made["key"])
    assert refused.status_code in {402, 429}, refused.text
    return int(made["id"])


async def calls_have_no_price(suite: Suite) -> None:
    """Make one that is charged to nobody."""
    await suite.add_simulator("night-free", "echo")
    await suite.settled()
    assert (await call(suite, "night-free")).status_code == 200
    await suite.charges_are_delivered()
