"""The repository, as the house rules see it."""

import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def root() -> Path:
    """Return the folder of the repository."""
    return ROOT


@pytest.fixture(scope="session")
def texts(root: Path) -> dict[str, str]:
    """Return every text file that is, or would be, in the repository, by its path."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z"],  # noqa: S607 # git of the machine
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    ).stdout
    found = {}
    for name in filter(None, listed.split("\0")):
        try:
            found[name] = (root / name).read_text("utf-8")
        except (FileNotFoundError, UnicodeDecodeError):
            # Removed just now, or no text.
            continue
    return found


@pytest.fixture(scope="session")
def ours(texts: dict[str, str]) -> dict[str, str]:
    """Return our Python modules: those that were written, not generated."""
    return {
        name: text
        for name, text in texts.items()
        if name.endswith(".py") and not name.startswith("generated/")
    }
