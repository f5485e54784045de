"""The catalog files of provider types."""

import re
import tomllib
from datetime import date
from pathlib import Path

import pytest

FILES = sorted(
    (Path(__file__).resolve().parents[2] / "services/conduit_providers/catalog").glob("*.toml")
)


# A page; an SDK with its version and what of it was read; the Simulator's, which is our own code.
SOURCE = re.compile(r"https://|services/|[\w-]+ \d+(\.\d+)+(, the Python SDK)?: ")


def test_there_are_catalog_files() -> None:
    """So that the checks below check something."""
    assert len(FILES) >= 10


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_a_catalog_file_has_sources_and_a_day(path: Path) -> None:
    """Its facts can be looked up again, and one can see how old they are."""
    spec = tomllib.loads(path.read_text("utf-8"))
    assert spec["sources"]
    assert all(SOURCE.match(source) for source in spec["sources"])
    assert date.fromisoformat(spec["checked_on"]) <= date.today()  # noqa: DTZ011 # a day, anywhere
