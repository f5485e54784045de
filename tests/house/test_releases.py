"""What is said of versions, and what of a release nobody changes."""

import datetime as dt
import json
import re
import tomllib

import pytest
from tests.support.releases import FOLDER, MIGRATIONS, ROOT, digests
from tools.release import released

RELEASES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
VERSION = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]

DAY = dt.date(2026, 11, 30)
HEAD = "# Changelog\n\nWhat it is.\n\n"
BEFORE = f"""{HEAD}## [Unreleased]

### Added

- One thing,
  of two lines.
- Another.

### Fixed

- A fault.

## [0.0.9] - 2026-01-02

### Added

- An old thing.
"""
AFTER = f"""{HEAD}## [Unreleased]

## [0.1.0] - 2026-11-30

### Added

- One thing,
  of two lines.
- Another.

### Fixed

- A fault.

## [0.0.9] - 2026-01-02

### Added

- An old thing.
"""


@pytest.mark.parametrize("release", RELEASES)
def test_migrations_that_are_released_stay_as_they_are(release: str) -> None:
    """Whoever has them would not run them again."""
    released = json.loads((FOLDER / release / MIGRATIONS).read_text("utf-8"))
    for service, migrations in released.items():
        assert digests(service).items() >= migrations.items()


def test_each_release_of_the_changelog_left_its_databases() -> None:
    """So that later versions are tried on them; none of a later one is there."""
    text = (ROOT / "CHANGELOG.md").read_text("utf-8")
    named = re.findall(r"^## \[(\d+\.\d+\.\d+)\] - \d{4}-\d\d-\d\d$", text, re.MULTILINE)
    assert len(named) == text.count("\n## [") - text.count("\n## [Unreleased]")
    assert set(named) <= set(RELEASES)
    assert max(RELEASES, key=_order) == VERSION


def test_readme_greets_by_this_version() -> None:
    """As `conduit serve` does."""
    assert f"\nConduit {VERSION} is ready at " in (ROOT / "README.md").read_text("utf-8")


def test_what_was_unreleased_is_the_versions() -> None:
    """The section for what comes next is there, and empty; older versions stay as they are."""
    assert released(BEFORE, "0.1.0", DAY) == AFTER


def test_a_release_that_is_made_again_has_what_came_since() -> None:
    """Before what it had, under the same headings, and by the day on which it was made again."""
    later = AFTER.replace("## [Unreleased]\n", "## [Unreleased]\n\n### Added\n\n- A late thing.\n")
    found = released(later, "0.1.0", DAY + dt.timedelta(days=1))
    assert found.count("## [0.1.0] - 2026-12-01") == 1
    assert "### Added\n\n- A late thing.\n- One thing,\n" in found
    assert "2026-11-30" not in found
    assert found.count("### Fixed") == 1
    assert released(AFTER, "0.1.0", DAY) == AFTER


def _order(version: str) -> list[int]:
    return [int(part) for part in version.split(".")]
