"""Pieces of Markdown."""

from collections.abc import Iterable, Sequence

Row = Sequence[str]


def table(head: Row, rows: Iterable[Row]) -> str:
    """Return a table; texts of several lines become one, and bars do not part cells."""
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(map(cell, line))} |\n" for line in lines)


def facts(rows: Iterable[Row]) -> str:
    """Return a list of names with what they stand for."""
    return "".join(f"- **{name}**: {cell(text)}\n" for name, text in rows)


def cell(text: str) -> str:
    """Return a text as it can stand in a table."""
    return " ".join(text.replace("|", "\\|").split())


def code(text: str) -> str:
    """Return a text as code; nothing where there is none."""
    return f"`{text}`" if text else ""


def paragraphs(text: str) -> str:
    """Return a comment of the contract, which has a paragraph on each line."""
    return text.replace("\n", "\n\n")
