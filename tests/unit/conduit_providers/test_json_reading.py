"""What providers send that is no JSON, or too much of it, is one kind of error."""

import msgspec
import pytest
from tests.support.nonsense import deep

from conduit.v1.json_limits import MAX_DEPTH
from conduit_providers.json_reading import JsonReader, known, parsed


class Answer(msgspec.Struct):
    """Some answer."""

    text: str = ""
    rest: msgspec.Raw = msgspec.Raw()


READER = JsonReader(Answer)


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"[]",
        b'{"text":7}',
        b'{"\xff":1}',
        b'{"rest":"\xff"}',
        b'{"zz":"\xff"}',
        b'{"text":"\\ud800"}',
        b'{"zz":%b}' % deep(MAX_DEPTH),
        b'{"zz":%b}' % deep(5000),
        b"[" * 100_000,
    ],
)
def test_what_cannot_be_read_is_a_decode_error(text: bytes) -> None:
    """Also where it stands in what is passed over."""
    with pytest.raises(msgspec.DecodeError):
        READER.decode(text)


@pytest.mark.parametrize("text", [b"", b"1e999", b"9" * 400, b'"\\ud800"', deep(MAX_DEPTH + 1)])
def test_values_that_cannot_be_read_are_a_decode_error(text: bytes) -> None:
    """Numbers that no double holds among them."""
    with pytest.raises(msgspec.DecodeError):
        parsed(text)


def test_the_deepest_is_read() -> None:
    """The limit itself is within it."""
    assert READER.decode(b'{"text":"a","rest":%b}' % deep(MAX_DEPTH - 1)).text == "a"
    assert parsed(deep(MAX_DEPTH))


def test_a_part_that_was_kept_is_read_later() -> None:
    """It has no bytes of its own."""
    part = READER.decode(b'{"rest":{"text":"%b"}}' % (b"x" * 1000)).rest
    assert len(READER.decode(part).text) == 1000


def test_what_is_of_no_use_is_none() -> None:
    """Beside an answer that is good, nonsense is left out."""
    assert known(b'{"a":1}') == {"a": 1}
    assert known(b"1e999") is known(b"{") is known(b"null") is None
