"""Docstrings of functions and classes say who does what, or what a thing is."""

import ast

import pytest

FOLDERS = ("services/", "tools/", "clients/python/", "benchmarks/")
# A docstring that begins so has no subject: its reader guesses what the name stands for.
SUBJECTLESS = frozenset({"What", "How", "Which", "Where", "When", "Who", "Whether", "Why"})


def is_subjectless(docstring: str) -> bool:
    """Return whether a docstring begins with a question's word, contracted or not."""
    return docstring.split(maxsplit=1)[0].partition("'")[0].rstrip(",:") in SUBJECTLESS


def subjectless(source: str) -> list[str]:
    """Return the functions and classes of a module whose docstrings have no subject."""
    return [
        node.name
        for node in ast.walk(ast.parse(source))
        if isinstance(node, ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and is_subjectless(ast.get_docstring(node) or "None")
    ]


def test_docstrings_begin_with_their_subject(ours: dict[str, str]) -> None:
    """Each names the thing, or the action of a function."""
    found = {name: subjectless(text) for name, text in ours.items() if name.startswith(FOLDERS)}
    assert {name: names for name, names in found.items() if names} == {}


@pytest.mark.parametrize("docstring", ["What it is.", "Who's there.", "Whether it is."])
def test_the_rule_finds_what_it_is_for(docstring: str) -> None:
    """A question's word at the beginning is found, in classes and functions, nested ones too."""
    source = f'class A:\n    """{docstring}"""\n    async def b():\n        """{docstring}"""\n'
    assert subjectless(source) == ["A", "b"]
    assert subjectless('def a():\n    """Return what it is."""\n') == []
