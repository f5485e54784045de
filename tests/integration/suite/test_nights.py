"""Nights on which somebody is called: from the command line alone, in three steps at most.

Each begins with what a caller sees, and ends where a command's words name the cause.
`tests/console/test_nights.py` finds the same causes in the console.
"""

import asyncio
import re

import pytest
from click.testing import CliRunner
from tests.support import nights
from tests.support.suite import MASTER_KEY, Suite

from conduit_cli.commands import conduit

pytestmark = pytest.mark.asyncio(loop_scope="module")

_LOGGED = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d \[")


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


@pytest.mark.parametrize(("model", "cause"), nights.FAULTS)
async def test_what_a_provider_did_is_told(
    suite: Suite, model: str, cause: tuple[str, ...]
) -> None:
    """Of its key, its account, its load, a mapping's name: with the instance and the key."""
    alias = await nights.a_provider_fails(suite, model)
    found = await last_failed(suite, "--model", alias)
    said = found.replace("upstream status: ", "status ")
    assert any(each in said for each in cause), found
    assert f"provider name: {alias} {model}" in found
    assert "key ID: key_" in found


async def test_a_stream_that_broke_off_is_told(suite: Suite) -> None:
    """The caller has half an answer."""
    await nights.a_stream_breaks_off(suite)
    assert "STREAM_INTERRUPTED" in await last_failed(suite, "--model", "night-cut")


async def test_an_alias_that_is_misspelt_is_told(suite: Suite) -> None:
    """Whose callers ask for it, too."""
    await nights.an_alias_is_misspelt(suite)
    listed = await told(suite, "requests", "list", "--code", "MODEL_NOT_FOUND", "--limit", "1")
    assert "night-gtp" in listed
    assert "There is none." in await told(suite, "models", "list", "--model-alias", "night-gtp")


async def test_an_instance_that_was_turned_off_is_told(suite: Suite) -> None:
    """By whoever says where the next request would go."""
    await nights.an_instance_is_turned_off(suite)
    assert "ProviderDisabled" in await told(suite, "explain", "night-off")


async def test_a_virtual_key_that_may_not_use_a_model_is_told(suite: Suite) -> None:
    """And what it may use."""
    number = str(await nights.a_model_is_not_allowed(suite))
    listed = await last_failed(suite, "--virtual-key-id", number)
    assert "MODEL_NOT_" in listed or "PERMISSION" in listed
    assert "allowed models: other" in await told(suite, "virtual-keys", "get", number)


async def test_a_virtual_key_that_has_expired_is_told(suite: Suite) -> None:
    """Its calls come no further than the door, so that no request is remembered."""
    number = str(await nights.a_key_has_expired(suite))
    assert "2020-01-01" in await told(suite, "virtual-keys", "get", number)


async def test_a_model_that_is_slow_is_told(suite: Suite) -> None:
    """With how long its first event took."""
    await nights.a_model_is_slow(suite)
    listed = await told(
        suite, "requests", "list", "--min-duration-ms", "50", "--model", "night-slow"
    )
    assert "night-slow echo-slow-50ms" in listed


async def test_a_spent_budget_is_told(suite: Suite) -> None:
    """With the virtual key whose it is."""
    number = str(await nights.a_budget_is_spent(suite))
    assert "BUDGET_EXCEEDED" in await last_failed(suite, "--virtual-key-id", number)
    assert "0.001" in await told(suite, "virtual-keys", "get", number)


async def test_calls_without_a_price_are_told(suite: Suite) -> None:
    """By the doctor."""
    await nights.calls_have_no_price(suite)
    assert "calls of night-free have no price" in await told(suite, "doctor", "--offline")
