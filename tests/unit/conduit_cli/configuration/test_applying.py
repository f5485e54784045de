"""A file is compared with a gateway, and applied to it."""

import json
from pathlib import Path

import pytest
import yaml
from tests.support.suite import Suite
from tests.unit.conduit_cli.configuration.conftest import Config

pytestmark = pytest.mark.asyncio(loop_scope="module")
KEY = "virtual key 'ci'"
TEXT = """
providers:
- {name: Sim, providerType: Simulator, keys: [{name: k, apiKey: sk-simulated}]}
mappings:
- {modelAlias: echo, provider: Sim}
fallbackChains:
- {modelAlias: echo, providers: [{provider: Sim, timeout: 30s}]}
virtualKeyGroups:
- {name: search, budgets: [{limitUsd: 500, period: Day}]}
virtualKeys:
- {name: ci, group: search}
modelCosts:
- {modelPattern: "echo*", provider: Sim, inputCostPer1kTokens: 0.03, outputCostPer1kTokens: 0.06}
webhooks:
- {url: "http://127.0.0.1:9/hook", kinds: [KeyInvalid]}
"""


async def test_a_file_is_applied_once(suite: Suite, config: Config, tmp_path: Path) -> None:
    """Before, `diff` exits with 2; behind it with 0, and so it does with what is exported."""
    before = await config("diff", TEXT)
    assert before.exit_code == 2
    assert "created virtual key 'ci'\n" in before.stdout
    assert "created price echo* Sim\n" in before.stdout
    assert "not in the file: virtual key 'tests'\n" in before.stderr
    unseen = await config("apply", TEXT, "--yes")
    assert unseen.exit_code == 1
    assert "say with --secrets-file where" in unseen.stderr
    secrets = tmp_path / "secrets.jsonl"
    applied = await config("apply", TEXT, "--yes", "--secrets-file", str(secrets))
    assert (applied.exit_code, applied.stderr) == (0, "")
    assert applied.stdout.endswith("8 changes are in use.\n")
    assert "condt_" not in applied.stdout
    assert secrets.stat().st_mode & 0o777 == 0o600
    lines = secrets.read_text().splitlines()
    made = {each["created"]: each["secret"] for each in map(json.loads, lines)}
    assert made.keys() == {KEY, "webhook http://127.0.0.1:9/hook"}
    messages = [{"role": "user", "content": "hello"}]
    answer = await suite.call(
        "POST",
        "/v1/chat/completions",
        {"model": "echo", "messages": messages},
        headers={"authorization": f"Bearer {made[KEY]}"},
    )
    assert answer["choices"]
    for text in (TEXT, (await config("export")).stdout):
        after = await config("diff", text)
        assert (after.exit_code, after.stdout) == (0, "Nothing differs.\n")
        again = await config("apply", text)
        assert (again.exit_code, again.stdout) == (0, "Nothing differs.\n")


async def test_what_is_exported_names_everything_and_no_secret(config: Config) -> None:
    """Each thing by its name, so that it can be applied elsewhere."""
    exported = (await config("export")).stdout
    assert "condt_" not in exported
    assert "whsec_" not in exported
    found = yaml.safe_load(exported)
    assert found["modelCosts"] == [
        {
            "provider": "Sim",
            "modelPattern": "echo*",
            "inputCostPer1kTokens": 0.03,
            "outputCostPer1kTokens": 0.06,
        }
    ]
    assert found["virtualKeys"][1]["group"] == "search"


async def test_what_a_file_does_not_name_goes_where_that_is_asked_alone(config: Config) -> None:
    """Only in the sections that it has; it is told before anything is done."""
    text = TEXT.replace("- {name: ci, group: search}", "- {name: tests}").replace(
        '- {url: "http://127.0.0.1:9/hook", kinds: [KeyInvalid]}', "  []"
    )
    kept = await config("diff", text)
    assert (kept.exit_code, kept.stdout) == (0, "Nothing differs.\n")
    assert "not in the file: webhook http://127.0.0.1:9/hook" in kept.stderr
    pruned = await config("diff", text, "--prune", "--json")
    assert pruned.exit_code == 2
    assert json.loads(pruned.stdout) == {
        "changes": [
            "deleted virtual key 'ci'",
            "deleted webhook http://127.0.0.1:9/hook",
        ],
        "kept": [],
    }
    refused = await config("apply", text, "--prune")
    assert (refused.exit_code, "Apply this?" in refused.stdout) == (1, True)
    assert (await config("apply", text, "--prune", "--yes")).exit_code == 0
    assert (await config("diff", text, "--prune")).exit_code == 0
    found = yaml.safe_load((await config("export")).stdout)
    assert [each["name"] for each in found["virtualKeys"]] == ["tests"]


async def test_all_that_is_wrong_is_told_with_its_line(config: Config) -> None:
    """Of all services at once; nothing is changed."""
    text = """providers:
- name: New
  providerType: OpenAI
  weight: -1
virtualKeys:
- {name: x, group: none}
modelCosts:
- {modelPattern: a, provider: New, inputCostPer1kTokens: 1, outputCostPer1kTokens: x}
- {modelPattern: b, provider: Nobody}
webhooks: [{}]
"""
    for command in ("diff", "apply"):
        found = await config(command, text)
        assert found.exit_code == 1
        lines = [line.partition("gateway.yaml:")[2] for line in found.stderr.splitlines()]
        assert lines[0] == ""
        assert [line.rpartition(": ")[0].partition(" must")[0] for line in lines[1:]] == [
            "4: providers[0].weight",
            "6: virtualKeys[0].group",
            "8: modelCosts[0].outputCostPer1kTokens",
            "9: modelCosts[1].provider",
        ] or found.stderr
    assert "Error: 4 things are wrong." in found.stderr
    assert "New" not in (await config("export")).stdout


async def test_a_name_that_looks_like_a_value_is_none(config: Config, tmp_path: Path) -> None:
    """Nor is it cut off."""
    secrets, known_by = tmp_path / "secrets.jsonl", "ab" * 32
    names = ["a: condt_abc", "b: condt_abc, by its hash"]
    text = f"virtualKeys: [{{name: '{names[0]}'}}, {{name: '{names[1]}', keySha256: {known_by}}}]"
    applied = await config("apply", text, "--yes", "--secrets-file", str(secrets))
    assert applied.stdout.splitlines()[:2] == [
        f"created virtual key {names[0]!r}",
        f"created virtual key {names[1]!r}, by its hash",
    ]
    [line] = secrets.read_text().splitlines()
    assert json.loads(line)["created"] == f"virtual key {names[0]!r}"
