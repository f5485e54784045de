"""Lays out generated Python as ruff does, so that it reads like the rest."""

import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path

from .contract import ContractError

LINE_LENGTH = "100"


def laid_out(files: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Yield the same files, formatted, with the imports they need and in order."""
    with tempfile.TemporaryDirectory() as folder:
        names = []
        for name, content in files:
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(content)
            names.append(name)
        options = ["--isolated", "--quiet", "--line-length", LINE_LENGTH, folder]
        _ruff("check", "--select", "I,F401", "--fix", *options)
        _ruff("format", *options)
        for name in names:
            yield name, Path(folder, name).read_text()


def _ruff(*arguments: str) -> None:
    program = Path(sys.executable).with_name("ruff")
    done = subprocess.run(  # noqa: S603 - a program of our own environment
        [program, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise ContractError(done.stdout + done.stderr)
