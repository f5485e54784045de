"""Errors that are kept: without what they were raised through, which has who keeps them.

An error refers to the frames that it was raised through, these to their callers, and one of those
to the object that keeps the error: such a circle holds a call with its request until somebody looks
for garbage.
"""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

SERVICES = Path(__file__).parents[2] / "services"
# What keeps one all the same, and lets go of it before it does harm.
KEPT = {
    # Closing the file forgets it.
    "conduit_kernel/http/spill.py": {"_error"},
    # Of connections' own reading, which no call is in the middle of.
    "conduit_kernel/http/connection.py": {"_refusal"},
    "conduit_kernel/http/reader.py": {"_refusal"},
    "conduit_kernel/http/upstream.py": {"_violation"},
    # Its reader ends with it; `tests/faults/test_fault_uploads.py` holds that nothing stays.
    "conduit_kernel/http/request_body.py": {"error"},
    # A thread's own, which ends with it.
    "conduit_providers/token_signer.py": {"failure"},
}


def kept_errors(tree: ast.AST) -> Iterator[str]:
    """Yield the attributes to which handlers give the very error that they caught."""
    for handler in ast.walk(tree):
        if not isinstance(handler, ast.ExceptHandler) or handler.name is None:
            continue
        for node in ast.walk(handler):
            if isinstance(node, ast.Assign) and _is_caught(node.value, handler.name):
                yield from (each.attr for each in node.targets if isinstance(each, ast.Attribute))


def raised_attributes(tree: ast.AST) -> Iterator[str]:
    """Yield the attributes that are raised as they are, and refer to who raises them from then."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Attribute):
            yield node.exc.attr


def _is_caught(value: ast.expr, name: str) -> bool:
    """Return whether a value is a caught error, or that error with another traceback."""
    if isinstance(value, ast.Call) and isinstance(value.func, ast.Attribute):
        return value.func.attr == "with_traceback" and _is_caught(value.func.value, name)
    return isinstance(value, ast.Name) and value.id == name


def test_who_keeps_an_error_keeps_a_copy() -> None:
    """Whether it is to be raised later or only to be known."""
    found = dict[str, set[str]]()
    for path in sorted(SERVICES.rglob("*.py")):
        tree = ast.parse(path.read_text())
        if names := {*kept_errors(tree), *raised_attributes(tree)}:
            found[str(path.relative_to(SERVICES))] = names
    assert found == KEPT


@pytest.mark.parametrize(
    "code",
    [
        "try: ...\nexcept A as error: self.failure = error",
        "try: ...\nexcept A as error: self.failure = error.with_traceback(None)",
    ],
)
def test_keeping_the_error_itself_is_found(code: str) -> None:
    """Also without its traceback: what caused it has one, too."""
    assert [*kept_errors(ast.parse(code))] == ["failure"]


def test_a_copy_is_not_taken_for_it() -> None:
    """It has neither frames nor causes."""
    code = "try: ...\nexcept A as error: self.failure = copy(error)"
    assert not [*kept_errors(ast.parse(code))]
    assert [*raised_attributes(ast.parse("raise self.failure from error"))] == ["failure"]
