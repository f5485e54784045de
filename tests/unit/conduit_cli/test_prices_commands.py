"""Newer prices are shown before they are taken over."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from tests.unit.conduit_billing.pricing.test_catalog_file import file_of, published

from conduit_billing.pricing.catalog_file import FILE_NAME, install
from conduit_cli.commands import conduit


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """Return a data directory with a catalog of one model."""
    folder = tmp_path / "data"
    folder.mkdir()
    install(file_of(tmp_path, published(), "old.json"), folder)
    return folder


def run(command: str, file: Path, data_dir: Path, *more: str, said: str = "") -> Result:
    """Run a command of `conduit prices`."""
    words = ["prices", command, str(file), "--data-dir", str(data_dir), *more]
    return CliRunner().invoke(conduit, words, input=said)


def test_a_diff_changes_nothing(tmp_path: Path, data_dir: Path) -> None:
    """It tells each price that is another one."""
    before = (data_dir / FILE_NAME).read_bytes()
    found = run("diff", file_of(tmp_path, published(2)), data_dir)
    assert found.exit_code == 0
    assert found.output == (
        "openai/gpt-4o input_mtok: 2.5 -> 2\nPrices that differ: 1, of models: 1.\n"
    )
    assert (data_dir / FILE_NAME).read_bytes() == before


def test_an_update_asks_first_and_is_none_the_second_time(tmp_path: Path, data_dir: Path) -> None:
    """Who says no has the prices of before."""
    file = file_of(tmp_path, published(2))
    before = (data_dir / FILE_NAME).read_bytes()
    refused = run("update", file, data_dir, said="n\n")
    assert refused.exit_code == 1
    assert (data_dir / FILE_NAME).read_bytes() == before
    taken = run("update", file, data_dir, said="y\n")
    assert taken.exit_code == 0
    assert "2.5 -> 2" in taken.output
    assert (data_dir / FILE_NAME).read_bytes() == file.read_bytes()
    again = run("update", file, data_dir)
    assert (again.exit_code, again.output) == (0, "Nothing differs.\n")


def test_an_update_may_go_unasked(tmp_path: Path, data_dir: Path) -> None:
    """For timers."""
    assert run("update", file_of(tmp_path, published(2)), data_dir, "--yes").exit_code == 0


def test_nonsense_is_refused_and_changes_nothing(tmp_path: Path, data_dir: Path) -> None:
    """In one line, without a traceback; also where it cannot be kept."""
    before = (data_dir / FILE_NAME).read_bytes()
    found = run("update", file_of(tmp_path, "nonsense"), data_dir, "--yes")
    assert found.exit_code == 1
    assert found.output.startswith("Error: ")
    assert (data_dir / FILE_NAME).read_bytes() == before
    nowhere = tmp_path / "absent"
    lost = run("update", file_of(tmp_path, published(2)), nowhere, "--yes")
    assert lost.exit_code == 1
    assert f"They cannot be kept in {nowhere}" in lost.output
