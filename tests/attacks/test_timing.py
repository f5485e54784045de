"""Timing of key comparison: no secret is compared by what stops at the first difference."""

import ast
import re
from pathlib import Path

# What holds a secret, or what is made of one, by the names that the code gives it.
SECRET = re.compile(
    r"(?:^|_)(?:token|secret|password|signature|mac|digest|api_key|master_key|csrf|proof)$"
)
# What has such a name and is none, and why.
KNOWN = {
    "conduit_kernel/database_poll.py: signature == self._seen": "of a file's size and time",
    "conduit_kernel/tls.py: signature == self._signature": "of a file's size and time",
    "conduit_kernel/pagination.py: digest != _digest(scope, after)": "tells a list's pages apart",
    "conduit_router/routing/compile.py: secret == text": "both are the operator's, of one key",
}


def is_constant(side: ast.expr) -> bool:
    """Return whether something is known to everybody: written here, or under a constant's name."""
    return isinstance(side, ast.Constant) or (isinstance(side, ast.Name) and side.id.isupper())


def compared(tree: ast.AST) -> list[tuple[int, str]]:
    """Return the lines that compare something with a secret's name by `==`, `!=` or `in`."""
    found = []
    for node in ast.walk(tree):
        if not isinstance(node, ast.Compare):
            continue
        if not any(isinstance(op, ast.Eq | ast.NotEq) for op in node.ops):
            continue
        for side in (node.left, *node.comparators):
            name = side.attr if isinstance(side, ast.Attribute) else getattr(side, "id", "")
            sides = (node.left, *node.comparators)
            if SECRET.search(name) and not any(map(is_constant, sides)):
                found.append((node.lineno, ast.unparse(node)))
    return found


def test_the_search_finds_what_it_looks_for() -> None:
    """Or it would find nothing anywhere."""
    text = "a = given == self._master_key\nb = token != other\nc = token == ''\nd = x.count == 3"
    assert [line for line, _ in compared(ast.parse(text))] == [1, 2]


def test_no_secret_is_compared_by_equality() -> None:
    """`hmac.compare_digest` takes as long wherever two values differ."""
    services = Path(__file__).parents[2] / "services"
    found = {
        f"{path.relative_to(services)}: {text}"
        for path in sorted(services.rglob("*.py"))
        for _, text in compared(ast.parse(path.read_text("utf-8")))
    }
    assert found == KNOWN.keys()
