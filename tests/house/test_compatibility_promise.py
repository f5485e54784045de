"""docs/compatibility-promise.md promises what tests keep, and they are there."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from tests.support.releases import FOLDER, SETTINGS
from tools.conduit_codegen.contract import Contract
from tools.documentation.contract_pages import read_contract

from conduit_cli.backup import FORMAT
from conduit_kernel.setting_names import known_names
from conduit_registry.configuration.document import VERSION

RELEASES = sorted(path.name for path in FOLDER.iterdir() if path.is_dir())
BASELINE = Path("protos", "baseline.binpb")


@pytest.fixture(scope="module")
def page(root: Path) -> str:
    """Return the page."""
    return (root / "docs" / "compatibility-promise.md").read_text("utf-8")


def rows(page: str) -> list[tuple[str, str]]:
    """Return the promises, each with what keeps it."""
    found = re.findall(r"^\| ([^|]+) \| [^|]+ \| ([^|]+) \|$", page, re.MULTILINE)
    return [row for row in found if row[0] != "What"]


def routes(contract: Contract) -> set[tuple[str, str]]:
    """Return the verbs and paths of a contract's HTTP API."""
    rpcs = (rpc for service in contract.services for rpc in service.rpcs)
    return {(each.verb, each.path) for rpc in rpcs for each in rpc.bindings}


def test_what_keeps_each_promise_is_there(root: Path, page: str) -> None:
    """Each row names a file, and a test of it where it is one of tests."""
    assert len(rows(page)) > 8
    for what, keepers in rows(page):
        names = re.findall(r"`([^`]+)`", keepers)
        assert names, what
        for name in names:
            path, _, test = name.partition("::")
            assert (root / path).is_file(), f"{what}: {path}"
            if path.startswith("tests/"):
                assert f"def {test}(" in (root / path).read_text("utf-8"), f"{what}: {name}"


def test_forms_of_files_are_those_of_the_page(page: str) -> None:
    """Of configuration files and of backups."""
    assert f"`version: {VERSION}`" in page
    assert f"format {FORMAT}" in page


def test_routes_of_the_last_release_are_served(root: Path, tmp_path: Path) -> None:
    """`buf breaking` does not look at them: they are options of the RPCs."""
    image = tmp_path / "contract.binpb"
    buf = Path(sys.executable).with_name("buf")
    command = [str(buf), "build", "protos", "--as-file-descriptor-set", "-o", str(image)]
    subprocess.run(command, cwd=root, check=True, timeout=60)  # noqa: S603 # our own
    promised = routes(read_contract(root / BASELINE))
    assert len(promised) > 100
    assert promised <= routes(read_contract(image))


@pytest.mark.parametrize("release", RELEASES)
def test_settings_of_each_release_are_read(release: str) -> None:
    """One that is no longer read would be ignored, and what it held off would happen."""
    names = set(json.loads((FOLDER / release / SETTINGS).read_text("utf-8")))
    assert len(names) > 80
    assert names <= known_names()
