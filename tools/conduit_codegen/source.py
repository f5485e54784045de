"""Python source text, line by line."""

from collections.abc import Iterator
from contextlib import contextmanager

INDENT = "    "


class Source:
    """A piece of Python source that grows by lines."""

    def __init__(self) -> None:
        self._lines: list[str] = []
        self._depth = 0

    def line(self, text: str = "") -> None:
        """Add a line, or several, at the current depth."""
        for part in text.split("\n"):
            self._lines.append(INDENT * self._depth + part if part else "")

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        """Add a line and what stands under it."""
        self.line(head)
        self._depth += 1
        yield
        self._depth -= 1

    def gap(self) -> None:
        """Add the two empty lines between functions."""
        self.line("\n")

    def __str__(self) -> str:
        return "\n".join(self._lines).rstrip("\n") + "\n"


def quoted(text: str) -> str:
    """Return a string literal in double quotes."""
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'


def listed(items: list[str], opening: str, closing: str) -> list[str]:
    """Return the lines of a literal with one item a line."""
    return [opening, *(f"{INDENT}{item}," for item in items), closing]
