"""What the suite is built with is said once, exactly, and can be had from PyPI."""

import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

GENERATORS = ("buf-bin", "grpcio-tools", "mypy-protobuf")
PYPI = {"pypi.org", "files.pythonhosted.org"}


def test_the_generators_are_pinned(root: Path) -> None:
    """A newer one would change generated code in a tree that nobody touched."""
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    pins = dict(
        re.findall(
            r"^([\w-]+)==([\w.]+)$", "\n".join(project["dependency-groups"]["dev"]), re.MULTILINE
        )
    )
    lock = tomllib.loads((root / "uv.lock").read_text("utf-8"))
    locked = {package["name"]: package["version"] for package in lock["package"]}
    assert {name: pins.get(name) for name in GENERATORS} == {n: locked[n] for n in GENERATORS}


def test_the_lock_names_public_addresses_only(root: Path) -> None:
    """Whoever has PyPI can use it, and it tells nothing of the machine that made it."""
    addresses = re.findall(r'"(\w+://[^"]+)"', (root / "uv.lock").read_text("utf-8"))
    assert {urlsplit(address).hostname for address in addresses} == PYPI
