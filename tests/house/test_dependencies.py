"""What the suite is built with is said once, exactly, and can be had from PyPI."""

import re
import tomllib
from pathlib import Path
from urllib.parse import urlsplit

from tools.locked_requirements import PAGE, closure, page

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


def test_the_image_is_made_of_what_the_lock_has(root: Path) -> None:
    """`python -m tools.locked_requirements` would write deploy/requirements.txt as it stands."""
    assert PAGE.read_text("utf-8") == page((root / "uv.lock").read_text("utf-8"))


def test_each_locked_file_has_its_hash(root: Path) -> None:
    """Of what Conduit names itself, and of what that needs."""
    text = PAGE.read_text("utf-8")
    project = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))["project"]
    asked = [*project["dependencies"], *project["optional-dependencies"]["otel"]]
    named = {re.split(r"[\[<>=!~; ]", each)[0].lower() for each in asked}
    locked = re.findall(
        r"^([\w.-]+)==[\w.]+(?: ; [^\n]+)? \\\n    --hash=sha256:", text, re.MULTILINE
    )
    assert named <= {*locked}
    assert len(locked) == len(re.findall(r"^[\w.-]+==", text, re.MULTILINE))


def test_a_package_is_needed_whichever_way_needs_it() -> None:
    """Under a marker only where each way has one; through extras, too; and once in a circle."""
    packages: dict[str, dict[str, object]] = {
        "conduit-suite": {
            "dependencies": [{"name": "a", "extra": ["x"]}, {"name": "b", "marker": "m"}],
            "optional-dependencies": {"o": [{"name": "f"}], "p": [{"name": "g"}]},
        },
        "a": {"dependencies": [{"name": "c"}], "optional-dependencies": {"x": [{"name": "d"}]}},
        "b": {"dependencies": [{"name": "c"}, {"name": "e", "marker": "n"}, {"name": "b"}]},
        **{name: {} for name in "cdefg"},
    }
    needed = closure(packages, ["o"])
    assert needed == {
        "a": {""},
        "b": {"m"},
        "c": {"", "m"},
        "d": {""},
        "e": {"(m) and (n)"},
        "f": {""},
    }
