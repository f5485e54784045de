"""Lines of files, however their bytes come."""

from collections.abc import AsyncIterator

import pytest

from conduit_router.batches.lines import MAX_LINES, Line, LineSplitter, TooManyLines, lines_of

FILE = b"\xef\xbb\xbf{one}\r\n\n  \t\n{two}\n\xef\xbb\xbf{three}\n{four}"
LINES = [
    Line(1, b"{one}"),
    Line(4, b"{two}"),
    Line(5, b"\xef\xbb\xbf{three}"),
    Line(6, b"{four}"),
]


async def cut(content: bytes, size: int) -> AsyncIterator[bytes]:
    """Yield bytes as they come from somewhere."""
    for start in range(0, len(content), size):
        yield content[start : start + size]


@pytest.mark.parametrize("size", range(1, len(FILE) + 1))
async def test_lines_are_the_same_wherever_bytes_are_cut(size: int) -> None:
    """Blank ones are none, but count; only the file's own mark is left out."""
    assert [line async for line in lines_of(cut(FILE, size))] == LINES


@pytest.mark.parametrize("size", [1, 3, 100])
async def test_a_line_that_is_too_long_is_told_as_such(size: int) -> None:
    """Those around it are read, and one of just the length as well."""
    content = b"x" * 10 + b"\n" + b"y" * 11 + b"\n" + b"z" * 1000 + b"\nend\n"
    found = [line async for line in lines_of(cut(content, size), 10)]
    assert found == [Line(1, b"x" * 10), Line(2, None), Line(3, None), Line(4, b"end")]


def test_no_more_is_held_than_a_line_may_have() -> None:
    """Of a line of a gibibyte there is nothing in memory when its end comes."""
    splitter = LineSplitter(1000)
    for _ in range(1000):
        assert splitter.feed(bytes(1_000_000)) == []
        assert len(splitter._held) <= 1000  # noqa: SLF001 # what is to be shown
    assert splitter.feed(b"\n") == [Line(1, None)]


async def test_an_empty_file_has_no_lines() -> None:
    """Nor has one of blanks."""
    for content in (b"", b"\n\n", b"  "):
        assert [line async for line in lines_of(cut(content, 1))] == []


async def test_blank_lines_are_not_read_without_end() -> None:
    """A file of nothing but ends of lines is given up before it holds anybody up."""
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield b"\n" * 50_000

    with pytest.raises(TooManyLines):
        assert [line async for line in lines_of(endless())] == []
    assert read == MAX_LINES / 50_000 + 1
