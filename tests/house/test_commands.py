"""The commands that people are told to type exist."""

import re
import subprocess
from pathlib import Path

import click
import pytest

from conduit_cli.commands import conduit

PROMISED = {
    *("install", "serve", "test", "generate", "format", "lint", "baseline", "types", "imports"),
    *("unit", "wire", "faults", "slow", "bench", "check", "hub-clients"),
}
# Where `make slow` looks for them, or `make console-test`, which runs all of its own.
SLOW = (
    "tests/console/",
    *("tests/attacks/", "tests/faults/", "tests/integration/cli/"),
    *("tests/conformance/test_document.py", "tests/integration/suite/test_fuzz.py"),
    *(
        "tests/integration/suite/test_inbound_fuzz.py",
        "tests/integration/suite/test_provider_batches.py",
    ),
)
SERVICES = ["registry", "router", "health", "billing", "storage", "bridge", "simulator"]


def _targets(root: Path) -> set[str]:
    makefile = (root / "Makefile").read_text("utf-8")
    return set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))


def test_make_knows_the_promised_targets(root: Path) -> None:
    """And `make help` lists each of them with a word on what it does."""
    shown = subprocess.run(
        ["make", "help"],  # noqa: S607 # make of the machine
        cwd=root,
        check=True,
        capture_output=True,
        text=True,
        timeout=30,
    ).stdout
    listed = set(re.findall(r"^  make ([a-z-]+) +\w", shown, re.MULTILINE))
    assert listed >= PROMISED


def test_each_service_can_be_started_alone() -> None:
    """There is a command for each, beside those for all, for talking and for the version."""
    assert {*SERVICES, "serve", "chat", "version"} <= set(conduit.commands)


@pytest.mark.parametrize("name", ["README.md", "CONTRIBUTING.md", "docs"])
def test_documents_name_commands_that_exist(texts: dict[str, str], root: Path, name: str) -> None:
    """Each `make ...` and `conduit ...` in a document's code is a real one."""
    blocks = [
        block
        for path, text in texts.items()
        if path.startswith(name) and path.endswith(".md")
        for block in re.findall(r"```\w*\n(.*?)```|`([^`\n]+)`", text, re.DOTALL)
    ]
    lines = [
        line.strip().removeprefix("$ ") for pair in blocks for line in "".join(pair).split("\n")
    ]
    made = {m[1] for line in lines if (m := re.match(r"make ([a-z-]+)", line))}
    called = {
        m[1] for line in lines if (m := re.match(r"(?:\.venv/bin/)?conduit ([a-z]+)\b", line))
    }
    assert made - _targets(root) == set()
    assert called - set(conduit.commands) == set()


def test_options_are_explained() -> None:
    """Each option of each command says what it is for."""
    mute = [
        f"{command.name} {option.name}"
        for command in conduit.commands.values()
        for option in command.params
        if isinstance(option, click.Option) and not option.help
    ]
    assert mute == []


def test_slow_tests_are_where_make_slow_looks(texts: dict[str, str]) -> None:
    """One elsewhere would be run by nobody."""
    marked = [path for path, text in texts.items() if re.search(r"mark[.]slow\b", text)]
    assert marked
    assert [path for path in marked if not path.startswith(SLOW)] == []
