"""Who reads the time: clocks are handed in, and what lasts is measured by one of them."""

import ast
from collections.abc import Iterator

# Makes processes, and has nobody to hand a clock in.
PROGRAM = "services/conduit_cli/"
# The database's own lock is waited for before there are services.
ELSEWHERE = {"services/conduit_kernel/database.py"}
CLOCKS = {"time", "monotonic", "perf_counter", "monotonic_ns", "perf_counter_ns", "time_ns"}


def test_clocks_are_handed_in(ours: dict[str, str]) -> None:
    """A module names one only to put parts together, or as the default of a parameter."""
    found = {
        name: sorted(clocks)
        for name, text in ours.items()
        if name.startswith("services/") and not name.startswith(PROGRAM)
        if not name.endswith("/bootstrap.py") and name not in ELSEWHERE
        if (clocks := set(_named(ast.parse(text))))
    }
    assert found == {}


def test_durations_have_one_clock(ours: dict[str, str]) -> None:
    """Two that count from different moments are sooner or later subtracted from each other."""
    named = [
        name
        for name, text in ours.items()
        if name.startswith("services/") and "perf_counter" in text
    ]
    assert named == []


def _named(tree: ast.Module) -> Iterator[str]:
    defaults = {
        id(default)
        for node in ast.walk(tree)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        for default in (*node.args.defaults, *node.args.kw_defaults)
    }
    for node in ast.walk(tree):
        if (
            isinstance(node, ast.Attribute)
            and isinstance(node.value, ast.Name)
            and node.value.id == "time"
            and node.attr in CLOCKS
            and id(node) not in defaults
        ):
            yield node.attr
