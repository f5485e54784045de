"""Finds the line of each key in a TOML file, for errors; `tomllib` does not say."""

import re
from collections.abc import Mapping

Path = tuple[str | int, ...]

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
# Three quotes go before one; within single quotes nothing is escaped.
_STRING = re.compile(
    r'"""(?:[^\\]|\\.)*?"{3,5}|\'\'\'.*?\'{3,5}|"(?:[^"\\\n]|\\.)*"|\'[^\'\n]*\'', re.DOTALL
)
_SCALAR = re.compile(r"[^,\]}#\n]+")


def key_lines(text: str) -> Mapping[Path, int]:
    """Return the line, from 1, of each key and each element of a file that `tomllib` can read."""
    return _Scanner(text).scan()


def line_of(path: Path, text: str) -> int:
    """Return the line of a key; for one that is not there, that of the table that lacks it."""
    lines = key_lines(text)
    return next((lines[path[:end]] for end in range(len(path), 0, -1) if path[:end] in lines), 1)


class _Scanner:
    """Walks through one file; relies on its being valid."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0
        self._lines: dict[Path, int] = {}
        # How many elements each array of tables has so far.
        self._counts: dict[Path, int] = {}

    def scan(self) -> dict[Path, int]:
        """Return the lines of everything."""
        table: Path = ()
        while self._skip():
            if self._takes("[["):
                table = self._header(is_array=True)
            elif self._takes("["):
                table = self._header(is_array=False)
            else:
                self._pair(table)
        return self._lines

    def _skip(self) -> bool:
        """Pass over white space and comments; return whether anything follows."""
        found = _BLANK.match(self._text, self._at)
        self._at = found.end() if found else self._at
        return self._at < len(self._text)

    def _takes(self, mark: str) -> bool:
        self._skip()
        is_there = self._text.startswith(mark, self._at)
        self._at += len(mark) if is_there else 0
        return is_there

    def _note(self, path: Path) -> None:
        self._lines.setdefault(path, self._text.count("\n", 0, self._at) + 1)

    def _header(self, *, is_array: bool) -> Path:
        path: Path = ()
        names = self._key()
        for place, name in enumerate(names, 1):
            path = (*path, name)
            self._note(path)
            if is_array and place == len(names):
                self._counts[path] = self._counts.get(path, 0) + 1
            if path in self._counts:
                path = (*path, self._counts[path] - 1)
                self._note(path)
        self._takes("]]" if is_array else "]")
        return path

    def _pair(self, table: Path) -> None:
        path = table
        self._skip()
        for name in self._key():
            path = (*path, name)
            self._note(path)
        self._takes("=")
        self._value(path)

    def _key(self) -> list[str]:
        names = [self._name()]
        while self._takes("."):
            names.append(self._name())
        return names

    def _name(self) -> str:
        self._skip()
        found = _BARE_KEY.match(self._text, self._at)
        name = found[0] if found else self._string()[1:-1]
        self._at = found.end() if found else self._at
        return name

    def _string(self) -> str:
        found = _STRING.match(self._text, self._at)
        text = found[0] if found else ""
        self._at += len(text)
        return text

    def _value(self, path: Path) -> None:
        if self._takes("{"):
            while not self._takes("}"):
                self._pair(path)
                self._takes(",")
        elif self._takes("["):
            place = 0
            while not self._takes("]"):
                self._note((*path, place))
                self._value((*path, place))
                self._takes(",")
                place += 1
        elif not self._string():
            found = _SCALAR.match(self._text, self._at)
            self._at = found.end() if found else len(self._text)
