"""Configurations of other gateways, imported and applied by commands."""

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import httpx
import pytest
import structlog
import yaml
from click.testing import CliRunner, Result
from tests.support.suite import MASTER_KEY, Suite, running_suite
from tests.unit.conduit_cli.importers.litellm_life import BLOCKED, KEY, statements

from conduit_cli.commands import conduit

PAGE = Path(__file__).parents[3] / "docs/switching-from-litellm.md"
CONFIG = """
model_list:
  - model_name: gpt-4o
    litellm_params: {{model: openai/echo, api_base: "{url}/v1", api_key: sk-simulated}}
    model_info: {{input_cost_per_token: 1.0e-9, output_cost_per_token: 2.0e-9}}
  - model_name: other
    litellm_params: {{model: openai/echo, api_base: "{url}/v1", api_key: sk-simulated}}
general_settings: {{master_key: sk-master-0123456789abcdef}}
"""


@pytest.fixture
async def suite(tmp_path: Path) -> AsyncIterator[Suite]:
    """Run a gateway, whose log is not what commands print."""
    structlog.configure(logger_factory=structlog.ReturnLoggerFactory())
    async with running_suite(tmp_path / "gateway") as running:
        yield running
    structlog.reset_defaults()


def run(*words: str) -> Result:
    """Run a command of `conduit config`."""
    return CliRunner().invoke(conduit, ["config", *words])


async def ask(suite: Suite, key: str, model: str = "gpt-4o") -> httpx.Response:
    """Ask as a caller does."""
    body = {"model": model, "messages": [{"role": "user", "content": "hello"}]}
    async with httpx.AsyncClient(base_url=suite.url) as client:
        return await client.post(
            "/v1/chat/completions", json=body, headers={"authorization": f"Bearer {key}"}
        )


async def test_callers_of_litellm_keep_their_keys(suite: Suite, tmp_path: Path) -> None:
    """The steps of docs/switching-from-litellm.md, with a database that has something of all."""
    for command in ("import litellm", "validate", "diff", "apply"):
        assert f"conduit config {command}" in PAGE.read_text("utf-8")
    database, config, made = (tmp_path / name for name in ("litellm.db", "config.yaml", "gw.yaml"))
    with closing(sqlite3.connect(database)) as connection:
        connection.executescript(";".join(statements("sqlite")))
    config.write_text(CONFIG.format(url=suite.simulator_url))
    words = ("litellm", str(config), "--database", f"sqlite:///{database}", "-o", str(made))
    imported = await asyncio.to_thread(run, "import", *words)
    assert imported.exit_code == 0
    assert "LiteLLM_UserTable: 1 users with budgets" in imported.stderr
    assert made.stat().st_mode & 0o777 == 0o600
    assert (await asyncio.to_thread(run, "validate", str(made))).exit_code == 0
    reached = ("--url", suite.url, "--key", MASTER_KEY)
    assert (await asyncio.to_thread(run, "diff", str(made), *reached)).exit_code == 2
    applied = await asyncio.to_thread(run, "apply", str(made), "--yes", *reached)
    assert applied.exit_code == 0, applied.output
    # Nobody has a new key: all keep theirs.
    assert "condt_" not in applied.output
    assert (await asyncio.to_thread(run, "diff", str(made), *reached)).exit_code == 0
    answer = await ask(suite, KEY)
    assert answer.status_code == 200, answer.text
    assert (await ask(suite, "not-hashed-key-0123456789", "other")).status_code == 200
    assert (await ask(suite, "sk-master-0123456789abcdef", "other")).status_code == 200
    # What the key and its team may not use, whoever is blocked, and whoever has none.
    refused = [
        await ask(suite, KEY, "other"),
        await ask(suite, BLOCKED),
        await ask(suite, "sk-none"),
    ]
    codes = [each.json()["error"]["code"] for each in refused]
    assert codes == ["model_not_allowed", "virtual_key_disabled", "invalid_api_key"]
    keys = (await suite.call("GET", "/api/virtual-keys"))["virtualKeys"]
    backend = next(each for each in keys if each["name"] == "backend")
    assert (backend["isImported"], backend["keyPrefix"]) == (True, "")


def test_each_kind_of_file_is_read(tmp_path: Path) -> None:
    """To standard output, where nothing else is said."""
    file = tmp_path / "assistant.json"
    file.write_text(json.dumps({"provider": "groq"}))
    portkey = yaml.safe_load(run("import", "portkey", str(file)).stdout)
    assert portkey["mappings"][0]["modelAlias"] == "assistant"
    file.write_text(
        json.dumps({"providers": {"groq": {"keys": [{"value": "env.K", "models": ["m"]}]}}})
    )
    bifrost = yaml.safe_load(run("import", "bifrost", str(file)).stdout)
    assert bifrost["mappings"][0]["modelAlias"] == "groq/m"
    file.write_text("export GROQ_API_KEY=gsk-canary\n")
    found = run("import", "env", str(file))
    assert yaml.safe_load(found.stdout)["providers"][0]["name"] == "Groq"
    assert "canary" not in found.output


@pytest.mark.parametrize(
    ("text", "problem"),
    [("a: [", "is no YAML or JSON"), ("- 1", "has no sections"), ("\xff", "cannot be read")],
)
def test_what_is_no_configuration_is_refused(tmp_path: Path, text: str, problem: str) -> None:
    """In one line."""
    file = tmp_path / "x.yaml"
    file.write_bytes(text.encode("latin-1"))
    found = run("import", "litellm", str(file))
    assert found.exit_code == 1
    assert problem in found.stderr
    file.write_text("model_list: []")
    found = run("import", "litellm", str(file), "--database", "mysql://user:canary@h/x")
    assert found.exit_code == 1
    assert "canary" not in found.output


@pytest.mark.parametrize(
    ("name", "why"), [("/dev/zero", "MiB"), ("bomb.yaml", "stand for more"), ("self.yaml", "whole")]
)
def test_files_without_end_are_not_read(tmp_path: Path, name: str, why: str) -> None:
    """Nor what has none once its aliases are followed."""
    lines = [f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]" for n in range(40)]
    (tmp_path / "bomb.yaml").write_text("\n".join(("a0: &a0 x", *lines)))
    (tmp_path / "self.yaml").write_text("model_list: &a [*a]")
    found = run("import", "litellm", str(tmp_path / name))
    assert found.exit_code == 1
    assert why in found.output
