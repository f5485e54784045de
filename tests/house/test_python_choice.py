"""The Python that the Makefile makes the environment with."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).parents[2] / "tools" / "choose-python.sh"


def chosen(folder: Path) -> str:
    """Return what is chosen of the Pythons in a folder, and those that the machine itself has."""
    done = subprocess.run(  # noqa: S603 - our own program
        ["/bin/sh", SCRIPT],
        env={**os.environ, "PATH": f"{folder}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return done.stdout.rstrip("\n")


def pretend(folder: Path, name: str, says: str) -> None:
    """Make a Python that says how long it took, and who it is."""
    program = folder / name
    program.write_text(f"#!/bin/sh\necho '{says}'\n")
    program.chmod(0o755)


def test_what_is_chosen_can_make_an_environment(tmp_path: Path) -> None:
    """It is a Python of this machine, new enough, with venv."""
    code = "import sys, venv, ensurepip; print(sys.version_info >= (3, 11))"
    python = chosen(tmp_path)
    done = subprocess.run(  # noqa: S603 - what the Makefile would run
        [python, "-c", code], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout == "True\n"


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("100 /slow python", "60 /fast python", "/fast python"),
        ("100 /usual", "90 /newer", "/usual"),
    ],
)
def test_another_python_must_be_much_faster(
    tmp_path: Path, first: str, second: str, expected: str
) -> None:
    """What `python3` means here is only passed over for a gain that is worth it."""
    # So fast that no real one of this machine comes near.
    pretend(tmp_path, "python3", first)
    pretend(tmp_path, "python3.13", second)
    assert chosen(tmp_path) == expected


def test_a_python_that_cannot_is_passed_over(tmp_path: Path) -> None:
    """An old one, or one without venv, ends with an error instead of a number."""
    broken = tmp_path / "python3"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    pretend(tmp_path, "python3.11", f"1 {sys.executable}")
    assert chosen(tmp_path) == sys.executable


def test_nothing_is_chosen_where_there_is_no_python(tmp_path: Path) -> None:
    """The Makefile then says what is missing."""
    tools = tmp_path / "tools"
    tools.mkdir()
    awk = shutil.which("awk")
    assert awk
    (tools / "awk").symlink_to(awk)
    script = tmp_path / "choose.sh"
    # The fixed places of real systems would be found from any PATH.
    script.write_text(SCRIPT.read_text().replace("/usr/", "/nowhere/").replace("/opt/", "/none/"))
    done = subprocess.run(  # noqa: S603 - our own program
        ["/bin/sh", script],
        env={"PATH": str(tools)},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert done.stdout == ""


def test_what_another_python_made_is_made_anew(root: Path, tmp_path: Path) -> None:
    """Of two Pythons that are as fast the next one may be chosen at the next installation."""
    made = tmp_path / "made"
    (made / "bin").mkdir(parents=True)
    (made / "bin" / "python3").symlink_to(tmp_path / "gone")
    (made / "bin" / "python").symlink_to("python3")
    subprocess.run(  # noqa: S603 # make of the machine
        ["make", "install", f"VENV={made}", "PIP=true", f"PYTHON={sys.executable}"],  # noqa: S607 # as above
        cwd=root,
        check=True,
        capture_output=True,
        timeout=200,
    )
    works = [str(made / "bin" / "python"), "-c", "import math"]
    assert subprocess.run(works, check=False).returncode == 0  # noqa: S603 # Python itself
