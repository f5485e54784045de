"""Texts and their tokens."""

import pytest

from conduit_simulator.requests import read_chat
from conduit_simulator.text import IMAGE_TOKENS, last_said, prompt_tokens, tokens_of


@pytest.mark.parametrize(
    "text", ["", " ", "one two", "  blanks\n\tbefore ", "abcdefghijklmnop", "Grüße, 世界 😀"]
)
def test_tokens_joined_are_the_text_again(text: str) -> None:
    """None has more than eight letters."""
    tokens = tokens_of(text)
    assert "".join(tokens) == text
    assert all(len(token.strip()) <= 8 for token in tokens)
    assert bool(tokens) == bool(text)


def test_tokens_take_the_blanks_before_them() -> None:
    """A long word is several."""
    assert tokens_of("a  bc defghijkl ") == ["a", "  bc", " defghijk", "l", " "]


def test_the_last_word_is_the_users_or_a_tools() -> None:
    """What is no text shows as its type; no such turn says nothing."""
    request = read_chat(
        b'{"model":"echo","messages":[{"role":"user","content":"old"},{"role":"user","content":'
        b'[{"type":"text","text":"see "},{"type":"image_url"}]},{"role":"assistant"}]}'
    )
    assert last_said(request) == "see [image_url]"
    request = read_chat(b'{"model":"echo","messages":[{"role":"system","content":"x"}]}')
    assert last_said(request) == ""
    request = read_chat(b'{"model":"echo","messages":[{"role":"tool"}]}')
    assert last_said(request) == ""


def test_a_prompt_counts_words_pictures_and_calls() -> None:
    """Of all turns."""
    request = read_chat(
        b'{"model":"echo","messages":[{"role":"system","content":"be brief"},'
        b'{"role":"user","content":[{"type":"text","text":"see this"},{"type":"image_url"}]},'
        b'{"role":"assistant","tool_calls":[{"function":{"name":"f","arguments":"{}"}},'
        b'{"type":"custom"}]}]}'
    )
    assert prompt_tokens(request) == 2 + 2 + IMAGE_TOKENS + 1
