"""The commands that make and restore backups."""

import base64
import contextlib
import sqlite3
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from conduit_cli.backups.configuration import KEY
from conduit_cli.commands import conduit
from conduit_cli.keys import ENCRYPTION, MASTER, KeyFile


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a data directory, and set the key of backups."""
    folder = tmp_path / "data"
    KeyFile(folder).store({MASTER: "m", ENCRYPTION: "e"})
    with contextlib.closing(sqlite3.connect(folder / "registry.db")) as database:
        database.execute("CREATE TABLE things (text TEXT)")
    monkeypatch.setenv(KEY, base64.b64encode(bytes(32)).decode())
    return folder


def run(command: str, place: object, data_dir: Path) -> Result:
    """Run one of them."""
    return CliRunner().invoke(conduit, [command, str(place), "--data-dir", str(data_dir)])


def test_a_backup_in_a_store_is_restored_by_its_name_or_as_the_newest(
    tmp_path: Path, data: Path
) -> None:
    """By the same URL."""
    url = f"file://{tmp_path}/store"
    made = run("backup", url, data)
    assert made.exit_code == 0, made.output
    [stored] = (tmp_path / "store").iterdir()
    assert made.output.startswith(f"{stored.name} is stored, {stored.stat().st_size:,} bytes")
    for number, place in enumerate((url, f"{url}/{stored.name}")):
        found = run("restore", place, tmp_path / f"new{number}")
        assert found.exit_code == 0, found.output
        assert found.output.startswith(f"{stored.name} is restored.\n")
        assert (tmp_path / f"new{number}" / "registry.db").exists()


def test_a_file_is_one_as_before(tmp_path: Path, data: Path) -> None:
    """Without a key of its own."""
    file = tmp_path / "b.zip"
    assert run("backup", file, data).exit_code == 0
    assert "has 2 files" in run("restore", file, tmp_path / "new").output
    missing = run("restore", tmp_path / "none.zip", tmp_path / "newer")
    assert (missing.exit_code, "does not exist" in missing.output) == (2, True)


def test_what_cannot_be_is_told_in_a_line(
    tmp_path: Path, data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A URL that is none, a store without backups, and a key that is missing."""
    for command in ("backup", "restore"):
        found = run(command, "ftp://x/y", data)
        assert (found.exit_code, "s3://BUCKET/PREFIX" in found.output) == (1, True)
    found = run("restore", f"file://{tmp_path}/none", tmp_path / "new")
    assert (found.exit_code, "has no backup" in found.output) == (1, True)
    monkeypatch.delenv(KEY)
    for command in ("backup", "restore"):
        found = run(command, f"file://{tmp_path}/store", data)
        assert (found.exit_code, f"{KEY} is missing" in found.output) == (1, True)
