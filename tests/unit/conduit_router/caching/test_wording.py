"""Texts that embeddings place side by side, and that words tell apart."""

import pytest

from conduit_router.caching.wording import may_ask_the_same, wording_of

# From public reports on caches that answer by similarity alone, each with what went wrong there.
APART = [
    ("How do I enable two-factor login?", "How do I disable two-factor login?"),
    ("Is port 6379 open by default?", "Is port 6379 closed by default?"),
    ("merge develop into main", "merge main into develop"),
    ("copy the config to the backup", "copy the backup to the config"),
    ("What is 1+1?", "What is 1+2?"),
    ("What is 1+1?", "What is 1-1?"),
    ("Summarize chapter 3", "Summarize chapter 4"),
    ("Can I take ibuprofen?", "Can't I take ibuprofen?"),
    ("Can I pay with a card?", "Can I not pay with a card?"),
    ("Can I cancel?", "Can I cancel without a fee?"),
    ("weather in Paris", "weather in Rome"),
    ("What is the capital of France?", "Quelle est la capitale de la France ?"),
    ("Was ist die Hauptstadt von Peru?", "What is the capital of Peru?"),
    ("Кто написал роман?", "Who wrote the novel?"),
    ("天气好吗", "天气不好吗"),
    ("What does --max-cost do?", "What does --max-heads do?"),
    ("Who am I?", "Who are you?"),
    ("Is it legal here?", "Is it illegal here?"),
    ("price in $ of v1.2", "price in $ of v1.3"),
]
ALIKE = [
    ("How do I reset my password?", "How can I reset my password please"),
    ("Reset password", "How do I reset my password?"),
    ("What is the capital of France?", "Tell me the capital of France"),
    ("What's the weather in Paris today?", "what is the weather in Paris today"),
    ("How do I get a refund?", "Money back, please"),
    ("Summarize chapter 3.", "please summarize chapter 3"),
    ("Don\N{RIGHT SINGLE QUOTATION MARK}t I need a visa?", "Don't I need a visa"),
]


@pytest.mark.parametrize(("one", "other"), APART)
def test_texts_that_differ_in_what_matters_are_apart(one: str, other: str) -> None:
    """Either way round, however near their vectors are."""
    assert not may_ask_the_same(wording_of(one), wording_of(other))
    assert not may_ask_the_same(wording_of(other), wording_of(one))


@pytest.mark.parametrize(("one", "other"), ALIKE)
def test_other_words_for_the_same_are_not(one: str, other: str) -> None:
    """Those are left to their similarity."""
    assert may_ask_the_same(wording_of(one), wording_of(other))
    assert may_ask_the_same(wording_of(other), wording_of(one))


def test_a_long_text_is_read_in_time_that_grows_with_it() -> None:
    """Whatever it is made of: each word is looked at once."""
    for piece in ("Aa. ", "a'", "1+", "不", ". ", "'[{("):
        wording_of(piece * (4000 // len(piece)))
