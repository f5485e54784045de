"""The contract keeps what its committed image promises, and a change that breaks it is refused."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAMS = Path(sys.executable).parent
BASELINE = Path("protos", "baseline.binpb")
MODEL = Path("protos", "conduit", "v1", "model.proto")


def run(folder: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a folder, with buf at hand."""
    return subprocess.run(  # noqa: S603 - our own programs
        command,
        cwd=folder,
        env={
            "PATH": f"{PROGRAMS}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(folder),
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a copy of the contract and of what checks it."""
    for name in (".ci", "protos"):
        shutil.copytree(ROOT / name, tmp_path / name)
    shutil.copy(ROOT / "buf.yaml", tmp_path)
    return tmp_path


def edit(path: Path, old: str, new: str) -> None:
    """Replace a text that a file has once."""
    text = path.read_text()
    assert text.count(old) == 1
    path.write_text(text.replace(old, new))


def test_the_contract_keeps_its_promise(copy: Path) -> None:
    """As committed, it breaks nothing of the image beside it."""
    done = run(copy, ".ci/breaking")
    assert (done.returncode, done.stdout) == (0, ""), done.stderr


def test_an_addition_breaks_nothing(copy: Path) -> None:
    """A new field is what a promise leaves room for."""
    edit(copy / MODEL, "  // The alias.", "  string added = 1000;\n  // The alias.")
    assert run(copy, ".ci/breaking").returncode == 0


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ("  string id = 1 [", "  int64 id = 1 [", 'changed type from "string" to "int64"'),
        ("  string id = 1 [", "  string id = 1000 [", 'Previously present field "1"'),
        ("  string id = 1 [", "  string name = 1 [", 'changed name from "id" to "name"'),
        ('"com.conduit.v1"', '"org.conduit.v1"', 'File option "java_package" changed'),
    ],
)
def test_a_break_is_refused(copy: Path, old: str, new: str, problem: str) -> None:
    """What stubs or stored messages of before would misread is named, and fails the check."""
    edit(copy / MODEL, old, new)
    done = run(copy, ".ci/breaking")
    assert done.returncode != 0
    assert problem in done.stdout + done.stderr


def test_before_the_first_release_a_break_can_be_accepted(copy: Path) -> None:
    """The image is written anew, and is the promise from then on."""
    (copy / "CHANGELOG.md").write_text("# Changelog\n\n## [Unreleased]\n")
    edit(copy / MODEL, "  string id = 1 [", "  int64 id = 1 [")
    assert run(copy, ".ci/baseline").returncode == 0
    assert run(copy, ".ci/breaking").returncode == 0


def test_after_a_release_no_break_can_be_accepted(copy: Path) -> None:
    """From the changelog's first version on, the image takes additions only."""
    (copy / "CHANGELOG.md").write_text(
        "# Changelog\n\n## [Unreleased]\n\n## [0.1.0] - 2026-11-30\n"
    )
    before = (copy / BASELINE).read_bytes()
    edit(copy / MODEL, "  string id = 1 [", "  int64 id = 1 [")
    assert run(copy, ".ci/baseline").returncode != 0
    assert (copy / BASELINE).read_bytes() == before
