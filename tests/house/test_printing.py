"""Commands print by `say` alone, which writes out what a terminal would obey."""

import ast
from pathlib import Path

_PRINTS = ("print", "click.echo", "click.secho", "sys.stdout.write", "sys.stderr.write")
# What speaks of this machine and of itself alone, before there is a gateway.
_OWN_WORDS = {"serve.py", "supervisor.py"}


def _prints(path: Path) -> bool:
    tree = ast.parse(path.read_text("utf-8"))
    calls = (node.func for node in ast.walk(tree) if isinstance(node, ast.Call))
    return any(ast.unparse(each) in _PRINTS for each in calls)


def test_commands_print_by_one_function(root: Path) -> None:
    """Models, providers, callers and operators all have words that commands print."""
    modules = (root / "services/conduit_cli").rglob("*.py")
    assert {path.name for path in modules if _prints(path)} == _OWN_WORDS
