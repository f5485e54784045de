"""From each module of the Router one finds its own tests: `tests/unit` mirrors `services`."""

from pathlib import Path

PACKAGE = "conduit_router"
ELSEWHERE = {
    # Puts the parts together and decides nothing: tests/integration/router runs on it.
    "bootstrap.py",
    # Declares two structs, without a method: whoever fills them tests them.
    "served_by.py",
}
NO_MODULES = {"__init__.py", "__main__.py"}


def modules(root: Path) -> set[str]:
    """Return the Router's modules, as paths inside of its package."""
    package = root / "services" / PACKAGE
    return {
        path.relative_to(package).as_posix()
        for path in package.rglob("*.py")
        if path.name not in NO_MODULES
    }


def mirrored(root: Path) -> set[str]:
    """Return the modules that have a mirrored test, whether or not they exist."""
    folder = root / "tests" / "unit" / PACKAGE
    return {
        path.relative_to(folder).with_name(path.name.removeprefix("test_")).as_posix()
        for path in folder.rglob("test_*.py")
    }


def test_every_module_has_unit_tests_of_its_own(root: Path) -> None:
    """What is hard to reach from there is designed wrong."""
    assert modules(root) - mirrored(root) - ELSEWHERE == set()


def test_every_exception_is_needed(root: Path) -> None:
    """One whose module is gone, or has its tests by now, is removed from the list."""
    assert modules(root) - mirrored(root) >= ELSEWHERE
