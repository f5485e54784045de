"""Errors carry the metadata that `error_reason.proto` documents, wherever they are raised."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from conduit_kernel import auth_errors, errors, not_found_errors

# Whoever asks with its help knows the provider, and names it.
UNNAMED = {"services/conduit_providers/sending.py"}
# The edge where an error leaves names the request.
AT_THE_EDGE = {"request_id"}
Raised = tuple[str, str, set[str]]


def documented(root: Path) -> dict[str, set[str]]:
    """Return what each reason always has: its example's members, but for "`field` where ..."."""
    text = (root / "protos/conduit/v1/error_reason.proto").read_text("utf-8")
    found: dict[str, set[str]] = {}
    for comment, reason in re.findall(r"((?: *//.*\n)+) *ERROR_REASON_(\w+) =", text):
        words = " ".join(line.strip(" /") for line in comment.splitlines())
        example = re.search(r'"metadata": \{(.*?)\}', words)
        members = set(re.findall(r'"(\w+)":', example[1])) if example else set[str]()
        found[reason] = members - AT_THE_EDGE - set(re.findall(r"`(\w+)` where", words))
    return found


def classes() -> dict[str, str]:
    """Return the reason of each class of error, by its name."""
    known = (vars(errors) | vars(auth_errors) | vars(not_found_errors)).items()
    return {name: c.reason for name, c in known if _is_error(c)}


def _is_error(thing: object) -> bool:
    return isinstance(thing, type) and issubclass(thing, errors.ConduitError)


def raised(root: Path) -> Iterator[Raised]:
    """Yield where an error is made, its reason, and the metadata that it is given."""
    reasons = classes()
    for path in sorted((root / "services").rglob("*.py")):
        place = path.relative_to(root).as_posix()
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                given = {each.arg for each in node.keywords}
                is_plain = None not in given and place not in UNNAMED
                if node.func.id in reasons and is_plain:
                    names = {name for name in given if name}
                    yield f"{place}:{node.lineno}", reasons[node.func.id], names


def test_errors_carry_what_is_documented(root: Path) -> None:
    """So that a client may count on each member of an example, but for those with a condition."""
    promised = documented(root)
    lacking = [
        f"{place}: {reason} without {sorted(promised[reason] - given)}"
        for place, reason, given in raised(root)
        if promised[reason] - given
    ]
    assert lacking == []


def test_every_reason_is_documented(root: Path) -> None:
    """With an example, whose members the test above holds."""
    assert set(classes().values()) <= documented(root).keys()
