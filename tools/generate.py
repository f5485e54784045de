#!/usr/bin/env python
"""Write `generated/` from the protos; with `--check`, only say whether it is up to date.

Everything is made in a folder of its own first, so that whoever imports the generated code
meanwhile finds it whole.
"""

import argparse
import filecmp
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "generated"
IGNORED = "__pycache__"


def main() -> int:
    """Return 0 if `generated/` is up to date in the end."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; fail on differences")
    only_check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as folder:
        generate(Path(folder))
        made = Path(folder, TARGET.name)
        stale = differences(made, TARGET)
        if only_check:
            for path in stale:
                print(f"out of date: generated/{path}")
            return 1 if stale else 0
        for path in stale:
            replace(made / path, TARGET / path)
    return 0


def generate(folder: Path) -> None:
    """Run buf, with the programs of this environment."""
    programs = Path(sys.executable).parent
    path = f"{programs}{os.pathsep}{os.environ.get('PATH', '')}"
    (folder / TARGET.name).mkdir()
    subprocess.run(  # noqa: S603 - a program of our own environment
        [programs / "buf", "generate", "--output", folder],
        cwd=ROOT,
        env={**os.environ, "PATH": path, "PYTHONDONTWRITEBYTECODE": "1"},
        check=True,
    )


def differences(made: Path, target: Path) -> list[Path]:
    """Return the files that differ, are missing or are left over, relative to `generated/`."""
    new = listing(made)
    # Folders that buf does not write belong to others.
    folders = {path.parts[0] for path in new}
    old = {path for path in listing(target) if path.parts[0] in folders}
    changed = {p for p in new & old if not filecmp.cmp(made / p, target / p, shallow=False)}
    return sorted(changed | (new ^ old))


def listing(folder: Path) -> set[Path]:
    """Return the files in a folder, relative to it."""
    return {
        path.relative_to(folder)
        for path in folder.rglob("*")
        if path.is_file() and IGNORED not in path.parts
    }


def replace(source: Path, target: Path) -> None:
    """Make a file what another one is, in one step; remove it where the other is missing."""
    if not source.exists():
        target.unlink()
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(target.name + ".new")
    shutil.copyfile(source, beside)
    beside.replace(target)


if __name__ == "__main__":
    sys.exit(main())
