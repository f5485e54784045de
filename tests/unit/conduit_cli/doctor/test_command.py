"""The doctor's command: what it tells, and how it ends."""

import json
import re
from pathlib import Path

from click.testing import CliRunner

from conduit_cli.commands import conduit

ROOT = Path(__file__).parents[4]
_TOLD = re.compile(r"\b(?:error|warning|note)\(\s*f?\"([a-z-]+)\"")
_PATTERNS = {"master-key-missing", "encryption-key-missing"}


def test_without_a_gateway_the_machine_is_looked_at(tmp_path: Path) -> None:
    """And it is said that none answers; a hostile name steers no terminal."""
    (tmp_path / "keys.toml").write_text('master_key = "m"\n')
    (tmp_path / "address").write_text("http://127.0.0.1:1")
    env = {"CONDUIT_HTTP_PORT": "0", "CONDUIT_GRPC_PORT": "0", "CONDUIT_\x1b[2J": "x"}
    words = ["doctor", "--data-dir", str(tmp_path)]
    done = CliRunner().invoke(conduit, [*words, "--json"], env=env)
    kinds = {json.loads(line)["kind"] for line in done.output.splitlines()}
    assert {"gateway-away", "keys-readable", "unknown-setting"} <= kinds
    assert done.exit_code == 1
    people = CliRunner().invoke(conduit, words, env=env)
    assert "\x1b[2J" not in people.output
    assert re.search(r"\d+ errors?, \d+ warnings?, \d+ notes?\.", people.output)


def test_a_gateway_without_a_key_to_ask_it_with_is_said_to_be_unasked(tmp_path: Path) -> None:
    """The machine is looked at all the same."""
    done = CliRunner().invoke(conduit, ["doctor", "--data-dir", str(tmp_path / "x"), "--json"])
    assert "gateway-not-asked" in {json.loads(line)["kind"] for line in done.output.splitlines()}


def test_the_page_has_whatever_the_doctor_finds() -> None:
    """By the names that programs get, and no other ones."""
    sources = (ROOT / "services/conduit_cli/doctor").glob("*.py")
    told = {kind for path in sources for kind in _TOLD.findall(path.read_text("utf-8"))}
    page = (ROOT / "docs/operating.md").read_text("utf-8")
    section = page.partition("### The doctor")[2].partition("\n## ")[0]
    named = {
        name
        for row in re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
        for name in re.findall(r"`([a-z-]+)`", row)
    }
    assert named == told | _PATTERNS
