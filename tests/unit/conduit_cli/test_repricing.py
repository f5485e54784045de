"""`conduit prices reprice`, against a gateway that gives one answer."""

import json
from collections.abc import Mapping
from pathlib import Path

from click.testing import CliRunner, Result
from tests.support.gateway_answers import answering

from conduit_cli.commands import conduit
from conduit_cli.repricing import Totals

PAGE = {
    "charges": 12,
    "adjustedCharges": 3,
    "unpricedCharges": 0,
    "beforeUsd": 1.5,
    "afterUsd": 1.25,
}


def run(*words: str, page: Mapping[str, object] = PAGE, status: int = 200) -> Result:
    """Ask for a period."""
    with answering(status, json.dumps(dict(page)).encode()) as gateway:
        url = f"http://127.0.0.1:{gateway._port}/at"  # noqa: SLF001 # of the test's server
        period = ("--from", "2026-11-01", "--to", "2026-11-30")
        asked = ["prices", "reprice", *period, *words, "--url", url, "--key", "master"]
        return CliRunner().invoke(conduit, asked)


def test_what_was_adjusted_is_told() -> None:
    """With what it was before, what it is now, and the difference."""
    found = run()
    assert found.exit_code == 0
    assert found.stdout == "Of 12 charges 3 were adjusted: from $1.5 to $1.25, $-0.25 in all.\n"


def test_a_dry_run_says_that_it_is_one() -> None:
    """And what has no price now is told apart."""
    found = run("--dry-run", "--model", "gpt-*", page=PAGE | {"unpricedCharges": 2})
    assert "3 would be adjusted" in found.stdout
    assert "2 have no known price now" in found.stderr


def test_a_gateway_that_refuses_is_told_in_a_line(tmp_path: Path) -> None:
    """As of each of these commands."""
    refused = {"error": {"message": "startDate must be a day", "code": "invalid_request"}}
    found = run(page=refused, status=400)
    assert found.exit_code == 1
    assert "startDate must be a day" in found.stderr
    assert not any(tmp_path.iterdir())


def test_pages_add_up() -> None:
    """However many there are."""
    totals = Totals().with_page(PAGE).with_page(PAGE)
    assert (totals.charges, totals.adjusted, str(totals.before)) == (24, 6, "3.0")
