"""Lines of keys in TOML files, whatever way they are written."""

import tomllib

import pytest

from conduit_providers.catalog.key_lines import Path, key_lines, line_of

TEXT = '''\
# A comment with = and [brackets]
name = "a # b"
"quoted key" = 'x = 1'

[auth]
kind = "bearer"
options = { name = "k", inner.deep = [
  1,
  { a = "]" }, # ] }
] }

[[rows]]
text = """
not = "a key"
[nor.a.table] \\"""
"""

[[rows]]
raw = \'\'\'
x = 'y'\'\'\'
dates = [2026-11-23, 07:30:00]
[rows.table."a.b"]
z = -1.5e3
[[rows.inner]]
[[rows.inner]]
flag = true
'''


@pytest.mark.parametrize(
    ("path", "line"),
    [
        (("name",), 2),
        (("quoted key",), 3),
        (("auth",), 5),
        (("auth", "kind"), 6),
        (("auth", "options", "name"), 7),
        (("auth", "options", "inner", "deep"), 7),
        (("auth", "options", "inner", "deep", 0), 8),
        (("auth", "options", "inner", "deep", 1, "a"), 9),
        (("rows", 0), 12),
        (("rows", 0, "text"), 13),
        (("rows", 1), 18),
        (("rows", 1, "raw"), 19),
        (("rows", 1, "dates", 1), 21),
        (("rows", 1, "table", "a.b", "z"), 23),
        (("rows", 1, "inner", 0), 24),
        (("rows", 1, "inner", 1, "flag"), 26),
    ],
)
def test_each_key_is_found_where_it_stands(path: Path, line: int) -> None:
    """In tables, arrays of tables, inline tables, and behind texts that look like keys."""
    assert line_of(path, TEXT) == line


def keys_in(value: object, path: Path = ()) -> set[Path]:
    """Return the paths of everything in a document."""
    inside = {path} if path else set[Path]()
    if isinstance(value, dict):
        return inside.union(*(keys_in(each, (*path, name)) for name, each in value.items()))
    if isinstance(value, list):
        return inside.union(*(keys_in(each, (*path, i)) for i, each in enumerate(value)))
    return inside


def test_the_scanner_finds_the_keys_that_the_parser_finds() -> None:
    """No key more, and none less."""
    assert key_lines(TEXT).keys() == keys_in(tomllib.loads(TEXT))


def test_missing_key_has_the_line_of_the_table_that_lacks_it() -> None:
    """Of the file's own tables, that is the first line."""
    assert line_of(("rows", 1, "table", "gone"), TEXT) == 22
    assert line_of(("gone",), TEXT) == 1
