"""The catalog files of provider types."""

import tomllib
from datetime import date
from pathlib import Path

import pytest

FILES = sorted(
    (Path(__file__).resolve().parents[2] / "services/conduit_providers/catalog").glob("*.toml")
)


def test_there_are_catalog_files() -> None:
    """So that the checks below check something."""
    assert len(FILES) >= 10


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_catalog_file_has_sources_and_a_day(path: Path) -> None:
    """Its facts can be looked up again, and one can see how old they are."""
    spec = tomllib.loads(path.read_text("utf-8"))
    assert spec["sources"]
    # The Simulator's source is our own code.
    assert all(s.startswith(("https://", "services/")) for s in spec["sources"])
    assert date.fromisoformat(spec["checked_on"]) <= date.today()  # noqa: DTZ011 # a day, anywhere
