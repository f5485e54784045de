"""What lines ask, and what is wrong with files of them."""

import json
from collections.abc import AsyncIterator, Iterable

import pytest

from conduit_router.batches.lines import Line, lines_of
from conduit_router.batches.requests import (
    MAX_PROBLEMS,
    MAX_REQUESTS,
    LineProblem,
    checked,
    request_in,
)

CHATS = "/v1/chat/completions"


def line(name: str = "a", number: int = 1, **members: object) -> Line:
    """Return a line."""
    asked = {"custom_id": name, "method": "POST", "url": CHATS, "body": {"model": "m"}}
    return Line(number, json.dumps(asked | members).encode())


async def given(lines: Iterable[Line]) -> AsyncIterator[Line]:
    """Yield lines."""
    for each in lines:
        yield each


def test_a_request_has_its_body_as_it_was_written() -> None:
    """Byte for byte: numbers are not read and written again."""
    body = b'{"model":"m", "seed": 12345678901234567890, "n": 1.0}'
    content = b'{"custom_id":"a","method":"POST","url":"%b","body":%b}' % (CHATS.encode(), body)
    request = request_in(Line(1, content), CHATS)
    assert (request.custom_id, bytes(request.body)) == ("a", body)


@pytest.mark.parametrize(
    ("wrong", "code"),
    [
        (Line(1, None), "line_too_long"),
        (Line(1, b"{"), "invalid_json_line"),
        (Line(1, b"[]"), "invalid_json_line"),
        (Line(1, b'{"a":' * 5000), "invalid_json_line"),
        (line(custom_id=None), "invalid_json_line"),
        (line(""), "invalid_custom_id"),
        (line("x" * 513), "invalid_custom_id"),
        (line(method="DELETE"), "invalid_method"),
        (line(url="/v1/embeddings"), "mismatched_endpoint"),
        (line(body="model"), "invalid_body"),
    ],
    ids=range(10),
)
def test_what_is_no_request_is_told(wrong: Line, code: str) -> None:
    """By a word for its kind."""
    with pytest.raises(LineProblem) as problem:
        request_in(wrong, CHATS)
    assert problem.value.code == code


async def test_a_file_is_of_one_model_or_of_several() -> None:
    """Its name is told where all requests have it."""
    found = await checked(given([line("a"), line("b")]), CHATS)
    assert (found.total, found.model, len(found.problems.data)) == (2, "m", 0)
    found = await checked(given([line("a"), line("b", body={"model": "n"})]), CHATS)
    assert found.model == ""
    found = await checked(given([line("a"), line("b", body={"model": 7})]), CHATS)
    assert found.model == ""


async def test_names_are_told_apart_however_many_there_are() -> None:
    """The second line of a name is wrong, whichever it is."""
    lines = [line(f"n{n % 999}", n + 1) for n in range(1000)]
    found = await checked(given(lines), CHATS)
    assert [(each.code, each.line) for each in found.problems.data] == [
        ("duplicate_custom_id", 1000)
    ]


async def test_a_file_of_too_many_requests_is_not_read_on() -> None:
    """Nor is one of which nothing is right."""
    read = 0

    async def endless(content: Line | None) -> AsyncIterator[Line]:
        nonlocal read
        while True:
            read += 1
            yield content or line(f"n{read}", read)

    found = await checked(endless(None), CHATS)
    assert [each.code for each in found.problems.data] == ["too_many_requests"]
    assert read == MAX_REQUESTS + 1
    read = 0
    found = await checked(endless(Line(1, b"x")), CHATS)
    assert len(found.problems.data) == read == MAX_PROBLEMS


async def test_a_file_of_blank_lines_has_too_many() -> None:
    """As one of too many requests."""

    async def endless() -> AsyncIterator[bytes]:
        while True:
            yield b"\n" * 50_000

    found = await checked(lines_of(endless()), CHATS)
    assert [each.code for each in found.problems.data] == ["too_many_requests"]
