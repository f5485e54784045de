"""The commands about the audit log, with their exit codes."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.support.gateway_answers import answering

from conduit_cli.commands import conduit

LINES = [{"revision": 2, "hash": "b", "actor": "ä"}, {"revision": 1, "hash": "a"}]
WHOLE = {"isWhole": True, "entries": LINES, "lastRevision": 2, "headHash": "b"}


def run(answer: object, *words: str, status: int = 200) -> Result:
    """Run a command of `conduit audit` against a gateway that gives one answer."""
    with answering(status, json.dumps(answer).encode()) as gateway:
        url = f"http://127.0.0.1:{gateway._port}/at"  # noqa: SLF001 # of the test's server
        return CliRunner().invoke(conduit, ["audit", *words, "--url", url, "--key", "master"])


def test_a_whole_log_is_said_to_be(tmp_path: Path) -> None:
    """With what an auditor keeps elsewhere; also against a former export."""
    found = run(WHOLE, "verify")
    assert (found.exit_code, "revision 2 with the hash b" in found.output) == (0, True)
    kept = tmp_path / "kept.jsonl"
    kept.write_text(json.dumps(LINES[1]))
    assert run(WHOLE, "verify", "--against", str(kept)).exit_code == 0
    kept.write_text(json.dumps({"revision": 1, "hash": "x"}))
    found = run(WHOLE, "verify", "--against", str(kept))
    assert (found.exit_code, "another line" in found.output) == (1, True)


@pytest.mark.parametrize("text", ["", "{}", "no JSON", "[]", '{"revision": "x", "hash": "a"}'])
def test_what_is_no_export_is_said_to_be_none(tmp_path: Path, text: str) -> None:
    """In one line."""
    kept = tmp_path / "kept.jsonl"
    kept.write_text(text)
    found = run(WHOLE, "verify", "--against", str(kept))
    assert (found.exit_code, "is no export of an audit log" in found.output) == (1, True)


def test_a_log_that_is_not_whole_is_a_failure() -> None:
    """So that a job that looks once a day fails."""
    found = run({"isWhole": False, "problem": "A line is gone", "revision": 7}, "verify")
    assert (found.exit_code, "A line is gone, at revision 7." in found.output) == (1, True)


def test_an_export_is_json_lines_for_its_owner_alone(tmp_path: Path) -> None:
    """As they come, newest first."""
    found = run(WHOLE, "export", "--resource-kind", "provider")
    assert list(map(json.loads, found.output.splitlines())) == LINES
    file = tmp_path / "log.jsonl"
    assert run(WHOLE, "export", "-o", str(file)).exit_code == 0
    assert list(map(json.loads, file.read_text("utf-8").splitlines())) == LINES
    assert file.stat().st_mode & 0o777 == 0o600


def test_a_gateway_that_refuses_is_told_in_one_line() -> None:
    """With its own words."""
    refused = {"error": "This call needs the role Auditor", "code": "ROLE_REQUIRED"}
    found = run(refused, "export", status=403)
    assert found.exit_code == 1
    assert found.output == "Error: This call needs the role Auditor (ROLE_REQUIRED)\n"
