"""From each module one finds its own tests: `tests/unit` mirrors `services`."""

import ast
from pathlib import Path

import pytest

# Of each package, the modules without a mirrored test, and the tests that run on them instead.
ROUTER = {
    # Puts the parts together and decides nothing.
    "bootstrap.py": "tests/integration/router",
}
KERNEL: dict[str, str] = {}
REGISTRY = {
    # Puts the parts together and decides nothing.
    "bootstrap.py": "tests/integration/registry/test_process.py",
}
PACKAGES = {
    "conduit_kernel": KERNEL,
    "conduit_registry": REGISTRY,
    "conduit_router": ROUTER,
}
NO_MODULES = {"__init__.py", "__main__.py"}
# One test for each service runs all of them up and down.
MIGRATIONS = "migrations"
FUNCTIONS = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)

every_package = pytest.mark.parametrize("package", PACKAGES)


def declares_only(module: Path) -> bool:
    """Tell whether a module has no function, such as tables and structs: its users test it."""
    tree = ast.parse(module.read_text())
    return not any(isinstance(node, FUNCTIONS) for node in ast.walk(tree))


def modules(root: Path, package: str) -> set[str]:
    """Return a package's modules that do something, as paths inside of it."""
    folder = root / "services" / package
    return {
        path.relative_to(folder).as_posix()
        for path in folder.rglob("*.py")
        if path.name not in NO_MODULES
        and path.parent.name != MIGRATIONS
        and not declares_only(path)
    }


def mirrored(root: Path, package: str) -> set[str]:
    """Return the modules that have a mirrored test, whether or not they exist."""
    folder = root / "tests" / "unit" / package
    return {
        path.relative_to(folder).with_name(path.name.removeprefix("test_")).as_posix()
        for path in folder.rglob("test_*.py")
    }


@every_package
def test_every_module_has_unit_tests_of_its_own(root: Path, package: str) -> None:
    """What is hard to reach from there is designed wrong."""
    missing = modules(root, package) - mirrored(root, package)
    assert missing - PACKAGES[package].keys() == set()


@every_package
def test_every_exception_is_needed(root: Path, package: str) -> None:
    """One whose module is gone, or has its tests by now, is removed from the list."""
    assert modules(root, package) - mirrored(root, package) >= PACKAGES[package].keys()


@every_package
def test_every_exception_names_its_tests(root: Path, package: str) -> None:
    """An exception is no gap: what runs on the module stands beside it, and exists."""
    assert [tests for tests in PACKAGES[package].values() if not (root / tests).exists()] == []


@every_package
def test_every_services_migrations_are_run_up_and_down(root: Path, package: str) -> None:
    """On the databases that they are for."""
    service = package.removeprefix("conduit_")
    tests = root / "tests" / "integration" / service / "test_migrations.py"
    assert tests.exists() or not (root / "services" / package / MIGRATIONS).exists()
