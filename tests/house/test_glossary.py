"""The words of the call path: docs/architecture.md names the modules and classes that there are."""

import ast
import re
from collections import Counter
from pathlib import Path

from tests.support.call_path import drawn

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "architecture.md").read_text(encoding="utf-8")
# Whose public classes make up a call's path, beside those of the drawing.
ROOMS = (
    "conduit_router/accounting",
    "conduit_router/calls",
    "conduit_router/context.py",
    "conduit_router/served_by.py",
    "conduit_router/service.py",
    "conduit_router/queries.py",
    "conduit_router/routing",
    "conduit_router/trail",
    "conduit_router/upstream",
    "conduit_providers/operation.py",
    "conduit_providers/codec.py",
    "conduit_providers/calls.py",
)
# Not of a call's path, though they stand in these modules.
OTHERS = {"Events", "ModelsCodec", "ModelPage", "VoicesCodec", "VoicePage", "ListedVoice"}


def public_classes(path: Path) -> set[str]:
    """Return the names of a module's public classes."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return {n.name for n in tree.body if isinstance(n, ast.ClassDef) and n.name[0] != "_"}


def test_every_class_of_the_call_path_is_in_the_glossary() -> None:
    """A stranger finds each one there, with what it is."""
    paths = [*(ROOT / "services" / room for room in ROOMS), *(ROOT / file for file in drawn())]
    files = [f for path in paths for f in ([path] if path.is_file() else path.rglob("*.py"))]
    classes = {name for file in files for name in public_classes(file)} - OTHERS
    assert classes - set(re.findall(r"`(\w+)`", PAGE)) == set()


def test_a_name_is_one_class_of_its_package() -> None:
    """Each dialect has its own words, and so is a package of its own."""
    found = Counter[tuple[str, str]]()
    for file in (ROOT / "services").rglob("*.py"):
        room, *inner = file.relative_to(ROOT / "services").parts
        if inner[0] == "codecs":
            room = f"{room}/{inner[1]}"
        found.update((room, name) for name in public_classes(file))
    assert [each for each, count in found.items() if count > 1] == []


def test_every_module_that_the_page_names_is_there() -> None:
    """Names of modules do not outlive the modules."""
    named = re.findall(r"`(conduit_\w+(?:/\w+)*)(?:\.py)?`", PAGE)
    missing = [
        name
        for name in named
        if not (ROOT / "services" / name).is_dir()
        and not (ROOT / "services" / f"{name}.py").is_file()
    ]
    assert missing == []
