"""Known secrets are covered in the bytes of answers."""

import json
from urllib.parse import quote

import pytest

from conduit_providers.answer_redaction import AnswerRedactor, is_word, spellings

KEYS = ("sk-proj-0123456789abcdef", "can/ary+key.with=signs&7b1e", 'quo"ted\\key<9>ümlaut')


def _redactor(*secrets: str) -> AnswerRedactor:
    return AnswerRedactor(spelling for each in secrets for spelling in spellings(each))


@pytest.mark.parametrize("key", KEYS)
def test_a_secret_is_covered_in_each_spelling(key: str) -> None:
    """Of JSON's writers, and of URLs; what stands around it is left, and as long as it was."""
    plain, ascii_only = json.dumps(key, ensure_ascii=False)[1:-1], json.dumps(key)[1:-1]
    written = {
        *(key, plain, ascii_only, quote(key), quote(key, safe="")),
        ascii_only.replace("/", "\\/"),
        plain.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026"),
        ascii_only.replace("<", "\\u003C")
        .replace(">", "\\u003E")
        .replace("&", "\\u0026")
        .replace("+", "\\u002B"),
    }
    redactor = _redactor(key)
    for each in written:
        data = f"a {each} b {each}".encode()
        covered = redactor.covered(data)
        assert each.encode() not in covered, each
        assert len(covered) == len(data)
        assert covered.startswith(b"a [redacted]*")
        assert b" b [redacted]*" in covered


def test_most_keys_are_looked_for_once() -> None:
    """As they are written alike everywhere."""
    assert list(spellings("sk-proj-0123456789_abc.~")) == ["sk-proj-0123456789_abc.~"]


def test_a_short_secret_is_covered_whole() -> None:
    """The cover is no longer than what it covers."""
    assert _redactor("hun7er2").covered(b"<hun7er2>") == b"<[redact>"


@pytest.mark.parametrize(
    ("data", "count"),
    [
        (b"", 0),
        (b"\n", 0),
        (b"x hun", 3),
        (b"x hunhun", 3),
        (b"hun7er", 6),
        (b"hun7er2", 0),
        (b"x hunx", 0),
        (b"7er", 0),
        (b"h", 1),
    ],
)
def test_what_may_be_the_beginning_of_a_secret_is_told(data: bytes, count: int) -> None:
    """The longest one that the bytes end with, if it is not whole."""
    assert _redactor("hun7er2").unfinished(data) == count


def test_the_longest_beginning_of_several_secrets_counts() -> None:
    """The end of one may be the beginning of another."""
    assert _redactor("abcdef1", "bcdx999").unfinished(b"..abcd") == 4


@pytest.mark.parametrize(
    ("secret", "word"), [("lm-studio", True), ("not-needed", True), ("hun7er2", False)]
)
def test_stand_ins_are_words(secret: str, word: bool) -> None:  # noqa: FBT001 # of a table
    """Answers may well have them."""
    assert is_word(secret) is word
    assert not is_word("hunter-team-key")


def test_it_shows_nothing() -> None:
    """Not even to those who print it."""
    assert "hun7er2" not in repr(_redactor("hun7er2"))
