"""Exports of charges, against a gateway that gives one answer."""

import csv
import io
import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.support.gateway_answers import answering
from tests.unit.conduit_cli.test_focus import CHARGE

from conduit_cli.charge_export import FIELDS
from conduit_cli.commands import conduit
from conduit_cli.focus import COLUMNS

UNPRICED = CHARGE | {"id": "02", "cost": None, "modelAlias": "=1+1"}
PAGE = {"charges": [CHARGE, UNPRICED]}


def run(answer: object, *words: str, status: int = 200) -> Result:
    """Export charges of a gateway."""
    with answering(status, json.dumps(answer).encode()) as gateway:
        url = f"http://127.0.0.1:{gateway._port}/at"  # noqa: SLF001 # of the test's server
        asked = ["usage", "export", *words, "--url", url, "--key", "master"]
        return CliRunner().invoke(conduit, asked)


def table(found: Result) -> list[dict[str, str]]:
    """Return the rows of a table that was written to standard output."""
    return list(csv.DictReader(io.StringIO(found.stdout)))


def test_json_lines_are_the_charges_as_they_are() -> None:
    """Newest first, as they come."""
    found = run(PAGE)
    assert list(map(json.loads, found.stdout.splitlines())) == [CHARGE, UNPRICED]


def test_a_table_has_every_member() -> None:
    """Costs as decimals, an unknown one as nothing, and no formula that a caller wrote."""
    priced, unpriced = table(run(PAGE, "--format", "csv"))
    assert tuple(priced) == FIELDS
    assert (priced["cost"], unpriced["cost"]) == ("0.000000017", "")
    assert json.loads(priced["lines"]) == CHARGE["lines"]
    assert unpriced["modelAlias"] == "'=1+1"


def test_focus_leaves_out_what_has_no_price() -> None:
    """And says so: in FOCUS it would cost nothing."""
    found = run(PAGE, "--format", "focus")
    rows = table(found)
    assert tuple(rows[0]) == COLUMNS
    assert {row["x_ChargeId"] for row in rows} == {"01"}
    assert "1 charge without a price" in found.stderr


def test_an_export_is_its_owners_alone(tmp_path: Path) -> None:
    """It tells who used what."""
    file = tmp_path / "charges.csv"
    found = run(PAGE, "--format", "csv", "-o", str(file), "--start-date", "2026-11-01")
    assert found.exit_code == 0, found.output
    assert file.stat().st_mode & 0o777 == 0o600
    assert len(list(csv.DictReader(io.StringIO(file.read_text("utf-8"))))) == 2


@pytest.mark.parametrize(("answer", "status"), [({}, 200), ({"error": "no", "code": "X"}, 400)])
def test_a_gateway_that_has_no_charges_is_told_in_one_line(answer: object, status: int) -> None:
    """With a failing exit code, so that no job takes an empty file for an export."""
    found = run(answer, status=status)
    assert found.exit_code == 1
    assert len(found.stderr.splitlines()) == 1
