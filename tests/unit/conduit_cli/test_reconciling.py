"""`conduit usage reconcile`, against a gateway that gives one answer."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.support.gateway_answers import answering

from conduit_cli.commands import conduit

CHARGES = [
    {"occurredAt": "2026-11-23T12:00:00Z", "actualModelName": "gpt-4o", "cost": 0.2},
    {"occurredAt": "2026-11-24T12:00:00Z", "actualModelName": "gpt-4o", "cost": 0.5},
    {"occurredAt": "2026-11-24T12:00:00Z", "actualModelName": "gpt-4o", "cost": None},
]
EXPORT = """\
start_time_iso,amount_value,amount_currency,line_item
2026-11-23T00:00:00+00:00,0.205,usd,"gpt-4o-2024-08-06, input"
2026-11-24T00:00:00+00:00,0.7,usd,"gpt-4o-2024-08-06, input"
"""


def run(folder: Path, *words: str, export: str = EXPORT) -> Result:
    """Hold an export against the charges."""
    file = folder / "costs.csv"
    file.write_text(export, encoding="utf-8")
    with answering(200, json.dumps({"charges": CHARGES}).encode()) as gateway:
        url = f"http://127.0.0.1:{gateway._port}/at"  # noqa: SLF001 # of the test's server
        asked = ["usage", "reconcile", str(file), *words, "--url", url, "--key", "master"]
        return CliRunner().invoke(conduit, asked)


def test_differences_are_told_by_day_and_model(tmp_path: Path) -> None:
    """Those within the tolerance are shown as well, and only others are a failure."""
    found = run(tmp_path, "--format", "openai")
    assert found.exit_code == 1
    assert [line.split("\t") for line in found.stdout.splitlines()] == [
        ["day", "model", "charged", "billed", "difference"],
        ["2026-11-23", "gpt-4o", "0.200000", "0.205000", "0.005000"],
        ["2026-11-24", "gpt-4o", "0.500000", "0.700000", "0.200000"],
        ["total", "", "0.700000", "0.905000", "0.205000"],
    ]
    assert "1 charges have no price" in found.stderr
    assert "1 of these differ" in found.stderr


def test_what_agrees_is_a_success(tmp_path: Path) -> None:
    """As far as it is asked to."""
    assert run(tmp_path, "--format", "openai", "--tolerance", "0.2").exit_code == 0


def test_columns_may_be_named(tmp_path: Path) -> None:
    """Of whichever provider."""
    export = "when;usd\n2026-11-23;0.2\n2026-11-24;0.5\n"
    named = ("--day-column", "when", "--cost-column", "usd")
    assert run(tmp_path, *named, export=export).exit_code == 0


@pytest.mark.parametrize(
    ("words", "export", "problem"),
    [
        ((), EXPORT, "Name a --format"),
        (("--format", "anthropic"), EXPORT, "there is no column cost_usd, model, usage_date_utc"),
        (("--format", "openai"), EXPORT.splitlines()[0] + "\n", "The export has no costs"),
        (("--format", "openai", "--tolerance", "some"), EXPORT, "must be dollars, not 'some'"),
        (("--format", "openai", "--tolerance", "-1"), EXPORT, "must be dollars, not '-1'"),
    ],
)
def test_what_is_unclear_is_said(
    tmp_path: Path, words: tuple[str, ...], export: str, problem: str
) -> None:
    """In a line, before charges are asked for."""
    found = run(tmp_path, *words, export=export)
    assert found.exit_code == 1
    assert problem in found.output
