"""Nights on which somebody is called: from the command line alone, in three steps at most.

Each begins with what a caller sees, and ends where a command's words name the cause.
"""

import asyncio
import re
from typing import Any

import httpx
import pytest
from click.testing import CliRunner
from tests.support.suite import MASTER_KEY, Suite

from conduit_cli.commands import conduit

pytestmark = pytest.mark.asyncio(loop_scope="module")

_LOGGED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[")
MESSAGES = [{"role": "user", "content": "hello"}]


async def call(suite: Suite, model: str, key: str = "", **members: Any) -> httpx.Response:  # noqa: ANN401 # JSON
    """Make a call as a caller does, with a virtual key of its own or the suite's."""
    async with suite.caller() as client:
        if key:
            client.headers["authorization"] = f"Bearer {key}"
        body = {"model": model, "messages": MESSAGES, **members}
        return await client.post("/v1/chat/completions", json=body)


async def told(suite: Suite, *words: str) -> str:
    """Return what a command says to an operator elsewhere."""
    asked = [*words, "--url", suite.url, "--key", MASTER_KEY]
    done = await asyncio.to_thread(CliRunner().invoke, conduit, asked, env={"COLUMNS": "400"})
    # Beside it are the lines of the suite's own log, which have their time.
    own = [line for line in done.output.splitlines() if not _LOGGED.match(line)]
    return "\n".join(own)


async def last_failed(suite: Suite, *words: str) -> str:
    """Return what is said of the last request that failed: two steps."""
    listed = await told(suite, "requests", "list", "--status", "failed", "--limit", "1", *words)
    _, row = listed.splitlines()
    return await told(
        suite, "requests", "get", next(w for w in row.split() if w.startswith("req_"))
    )


@pytest.mark.parametrize(
    ("model", "cause"),
    [
        ("status-401", ("INVALID_API_KEY", "upstream status: 401")),
        ("quota", ("INSUFFICIENT_FUNDS", "insufficient_quota")),
        ("status-503", ("PROVIDER_ERROR", "upstream status: 503")),
        ("no-such-model", ("upstream status: 404",)),
        ("garbage", ("PROVIDER_ERROR",)),
        ("reset", ("PROVIDER_UNREACHABLE", "PROVIDER_ERROR")),
    ],
)
async def test_what_a_provider_did_is_told(
    suite: Suite, model: str, cause: tuple[str, ...]
) -> None:
    """Of its key, its account, its load, a mapping's name: with the instance and the key."""
    alias = f"night-{model}"
    await suite.add_simulator(alias, model)
    await suite.settled()
    assert (await call(suite, alias)).status_code >= 400
    found = await last_failed(suite, "--model", alias)
    assert any(each in found for each in cause), found
    assert f"provider name: {alias} {model}" in found
    assert "key ID: key_" in found


async def test_a_stream_that_broke_off_is_told(suite: Suite) -> None:
    """The caller has half an answer."""
    await suite.add_simulator("night-cut", "cut-after-2")
    await suite.settled()
    await call(suite, "night-cut", stream=True)
    assert "STREAM_INTERRUPTED" in await last_failed(suite, "--model", "night-cut")


async def test_an_alias_that_is_misspelt_is_told(suite: Suite) -> None:
    """Whose callers ask for it, too."""
    await call(suite, "night-gtp")
    listed = await told(suite, "requests", "list", "--code", "MODEL_NOT_FOUND", "--limit", "1")
    assert "night-gtp" in listed
    assert "There is none." in await told(suite, "models", "list", "--model-alias", "night-gtp")


async def test_an_instance_that_was_turned_off_is_told(suite: Suite) -> None:
    """By whoever says where the next request would go."""
    number = await suite.add_simulator("night-off", "echo")
    await told(suite, "providers", "update", str(number), "--no-is-enabled")
    await suite.settled()
    assert (await call(suite, "night-off")).status_code >= 500
    assert "ProviderDisabled" in await told(suite, "explain", "night-off")


async def test_a_virtual_key_that_may_not_use_a_model_is_told(suite: Suite) -> None:
    """And what it may use."""
    await suite.add_simulator("night-closed", "echo")
    made = await suite.call("POST", "/api/virtual-keys", {"name": "n", "allowedModels": ["other"]})
    await suite.settled()
    assert (await call(suite, "night-closed", made["key"])).status_code in {403, 404}
    listed = await last_failed(suite, "--virtual-key-id", str(made["id"]))
    assert "MODEL_NOT_" in listed or "PERMISSION" in listed
    assert "allowed models: other" in await told(suite, "virtual-keys", "get", str(made["id"]))


async def test_a_virtual_key_that_has_expired_is_told(suite: Suite) -> None:
    """Its calls come no further than the door, so that no request is remembered."""
    wish = {"name": "night-old", "expiresAt": "2020-01-01T00:00:00Z"}
    made = await suite.call("POST", "/api/virtual-keys", wish)
    await suite.settled()
    assert (await call(suite, "echo", made["key"])).status_code in {401, 403}
    assert "2020-01-01" in await told(suite, "virtual-keys", "get", str(made["id"]))


async def test_a_model_that_is_slow_is_told(suite: Suite) -> None:
    """With how long its first event took."""
    await suite.add_simulator("night-slow", "echo-slow-50ms")
    await suite.settled()
    assert (await call(suite, "night-slow")).status_code == 200
    listed = await told(
        suite, "requests", "list", "--min-duration-ms", "50", "--model", "night-slow"
    )
    assert "night-slow echo-slow-50ms" in listed


async def test_a_spent_budget_is_told(suite: Suite) -> None:
    """With the virtual key whose it is."""
    number = await suite.add_simulator("night-spent", "echo")
    price = {"modelPattern": "echo", "inputCostPer1kTokens": 1000, "outputCostPer1kTokens": 1000}
    await suite.call("POST", "/api/model-costs", {"providerId": number, **price})
    budget = {"limitUsd": 0.001, "period": "Total", "isHard": True}
    made = await suite.call("POST", "/api/virtual-keys", {"name": "poor", "budgets": [budget]})
    await suite.settled()
    refused = await call(suite, "night-spent", made["key"])
    assert refused.status_code in {402, 429}, refused.text
    assert "BUDGET_EXCEEDED" in await last_failed(suite, "--virtual-key-id", str(made["id"]))
    shown = await told(suite, "virtual-keys", "get", str(made["id"]))
    assert "0.001" in shown


async def test_calls_without_a_price_are_told(suite: Suite) -> None:
    """By the doctor."""
    await suite.add_simulator("night-free", "echo")
    await suite.settled()
    assert (await call(suite, "night-free")).status_code == 200
    await suite.charges_are_delivered()
    assert "calls of night-free have no price" in await told(suite, "doctor", "--offline")
