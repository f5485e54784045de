"""Words that only ever grow."""

import pytest

from conduit_providers.codecs.shared.stable_words import StableWords


@pytest.mark.parametrize(
    ("guesses", "end", "told"),
    [
        ([], "A b.", ["A b."]),
        (["A"], "A b.", ["", "A b."]),
        (["A b", "A b c", "A b c d"], "A b c d.", ["", "A ", "b ", "c d."]),
        # The last word may go on.
        (["A but", "A butter"], "A butter.", ["", "A ", "butter."]),
        # What was told is not taken back.
        (["A b c", "A b c", "An egg"], "An egg.", ["", "A b ", "", ""]),
    ],
)
def test_words_are_told_once_two_guesses_agree(
    guesses: list[str], end: str, told: list[str]
) -> None:
    """The end tells the rest, and begins anew."""
    words = StableWords()
    assert [*map(words.guess, guesses), words.end(end)] == told
    assert words.end("x") == "x"
