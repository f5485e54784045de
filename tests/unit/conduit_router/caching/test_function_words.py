"""Words that carry no matter, and words that deny."""

from conduit_router.caching.function_words import FUNCTION_WORDS, NEGATIONS


def test_no_word_that_denies_is_one_without_matter() -> None:
    """It would be left out, and its text be the same as one that says the contrary."""
    assert not NEGATIONS & frozenset[str]().union(*FUNCTION_WORDS.values())


def test_words_are_as_texts_are_compared() -> None:
    """In small letters, each language with some of its own."""
    assert len(FUNCTION_WORDS) == 7
    for language, words in FUNCTION_WORDS.items():
        others = (known for name, known in FUNCTION_WORDS.items() if name != language)
        assert len(words - frozenset[str]().union(*others)) > 10, language
        assert all(word == word.casefold() for word in words)
