"""The commands that administer, against a whole suite."""

import asyncio
import json
from typing import Any

import pytest
from click.testing import CliRunner, Result
from tests.support.suite import MASTER_KEY, Suite

from conduit_cli.commands import conduit
from conduit_cli.resources.groups import GROUPS, HEALTH, PRICES, USAGE

pytestmark = pytest.mark.asyncio(loop_scope="module")

LISTS = [
    (group, name)
    for group, found in {
        **{name: each.commands for name, each in GROUPS.items()},
        "health": HEALTH,
        "prices": PRICES,
        "usage": USAGE,
    }.items()
    for name in found
    if name in {"list", "show", "types", "charges"}
]


async def run(suite: Suite, *words: str, key: str = MASTER_KEY) -> Result:
    """Run a command against the suite, as an operator elsewhere would."""
    told = [*words, "--url", suite.url, "--key", key]
    return await asyncio.to_thread(CliRunner().invoke, conduit, told, env={"COLUMNS": "200"})


def lines_of(done: Result) -> list[dict[str, Any]]:
    """Return the JSON that a command printed; beside it are the lines of the suite's own log."""
    return [json.loads(line) for line in done.output.splitlines() if line.startswith("{")]


async def answer(suite: Suite, *words: str) -> dict[str, Any]:
    """Return the JSON that a command prints."""
    done = await run(suite, *words, "--json")
    assert done.exit_code == 0, done.output
    [found] = lines_of(done)
    return found


@pytest.mark.parametrize(("group", "name"), LISTS)
async def test_each_list_is_shown(suite: Suite, group: str, name: str) -> None:
    """To people and to programs."""
    people = await run(suite, group, name)
    assert people.exit_code == 0, people.output
    programs = await run(suite, group, name, "--json")
    assert programs.exit_code == 0, programs.output
    assert len(lines_of(programs)) in range(101)


async def test_a_gateway_is_set_up_by_commands_alone(suite: Suite) -> None:
    """From a provider to an answer, and to what became of it."""
    made = await answer(
        suite,
        *("providers", "create", "--name", "by command", "--provider-type", "Simulator"),
        *("--base-url", f"{suite.simulator_url}/v1", "--description", "first"),
    )
    provider = str(made["id"])
    await answer(suite, "keys", "create", provider, "--api-key", "sk-any")
    mapping = ("--model-alias", "by-command", "--provider-id", provider)
    await answer(suite, "models", "create", *mapping, "--actual-model-name", "echo")
    key = await answer(suite, "virtual-keys", "create", "--name", "cli")
    explained = await answer(suite, "explain", "by-command")
    assert [str(each["providerId"]) for each in explained["candidates"]] == [provider]
    said = await run(suite, "chat", "hello", "--model", "by-command", key=key["key"])
    assert said.exit_code == 0, said.output
    assert "hello" in said.output
    listed = await answer(suite, "requests", "list", "--model", "by-command", "--limit", "1")
    shown = await run(suite, "requests", "get", listed["id"])
    assert (shown.exit_code, "by command" in shown.output) == (0, True)
    changed = await answer(suite, "providers", "update", provider, "--unset", "description")
    assert not changed.get("description")
    refused = await run(suite, "providers", "get", "99999")
    assert (refused.exit_code, "PROVIDER_NOT_FOUND" in refused.output) == (1, True)
    for group, thing in (("virtual-keys", str(key["id"])), ("providers", provider)):
        done = await run(suite, group, "delete", thing, "--yes")
        assert done.exit_code in {0, 1}
        if done.exit_code:
            assert "STILL_IN_USE" in done.output


async def test_a_load_is_made_and_watched(suite: Suite) -> None:
    """By the commands for both, at the same time."""
    await suite.add_simulator("loaded", "echo")
    await suite.settled()
    words = ["bench", "--model", "loaded", "-n", "12", "-c", "3"]
    made = await run(suite, *words, "--json", key=suite.virtual_key)
    [found] = lines_of(made)
    assert (made.exit_code, found["calls"], found["failed"]) == (0, 12, 0)
    assert 0 < found["firstPieceMs"]["p50"] <= found["totalMs"]["p50"] <= found["totalMs"]["max"]
    lost = await run(suite, *words, "--model", "nobody-has-it", "--json", key=suite.virtual_key)
    assert (lost.exit_code, lines_of(lost)[0]["failures"]) == (1, {"model_not_found": 12})
    frame = await answer(suite, "top", "--once", "--interval", "0.1")
    assert "loaded" in {each["alias"] for each in frame["aliases"]}
    people = await run(suite, "top", "--once", "--interval", "0.1")
    assert "calls/s" in people.output


async def test_the_doctor_finds_what_is_wrong(suite: Suite) -> None:
    """In a running gateway: here an instance without a key, and an alias that is not mapped."""
    wish = {"name": "ill", "providerType": "OpenAI"}
    provider = await suite.call("POST", "/api/providers", wish)
    await suite.call("POST", "/api/virtual-keys", {"name": "typo", "allowedModels": ["gtp-4o"]})
    found = await run(suite, "doctor", "--offline", "--json")
    kinds = {line["kind"]: line for line in lines_of(found)}
    assert found.exit_code == 1
    assert {"key-missing", "mapping-missing"} <= set(kinds)
    assert "ill" in kinds["key-missing"]["message"]
    people = await run(suite, "doctor", "--offline")
    assert f"conduit keys create {provider['id']}" in people.output
    refused = await run(suite, "doctor", "--offline", key="not-the-master-key")
    assert (refused.exit_code, "MASTER_KEY_INVALID" in refused.output) == (1, True)
