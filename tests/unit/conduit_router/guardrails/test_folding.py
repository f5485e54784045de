"""Characters that look like others hide nothing."""

import pytest

from conduit_router.guardrails.folding import Folds


def wide(text: str) -> str:
    """Return a text in letters as wide as ideographs."""
    return "".join(chr(ord(each) + 0xFEE0) for each in text)


def script(text: str) -> str:
    """Return a text in bold letters of mathematics."""
    return "".join(chr(0x1D4EA + ord(each) - ord("a")) for each in text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("plain", "plain"),
        ("p\u200bl\u00ada\u2060in", "plain"),
        (wide("plain"), "plain"),
        (script("plain"), "plain"),
        ("p\ufe0fl\U000e0041ain", "plain"),
        ("ﬁne", "fine"),
        ("4\u202e1", "41"),
        ("café 日本", "café 日本"),
    ],
)
def test_a_text_is_what_its_reader_sees(text: str, expected: str) -> None:
    """Wide, styled and joined characters are the usual ones; unseen ones are nothing."""
    assert Folds().fold(text) == expected


def test_places_are_those_of_the_text_itself() -> None:
    """So that all of it is replaced, what is unseen within it, too."""
    text = f"x\u200b {wide('pl')}\u200b{wide('a')}in y"
    folds = Folds()
    start = folds.fold(text).index("plain")
    [(first, last)] = folds.spans(text, [(start, start + 5)])
    assert text[:first] + "_" + text[last:] == "x\u200b _ y"


def test_what_is_remembered_of_characters_is_bounded() -> None:
    """Whoever sends all that there are gets no more memory."""
    folds = Folds()
    folds.fold("".join(map(chr, range(0x3400, 0x3400 + 60_000, 1))).replace("\ud800", ""))
    assert len(folds) <= 20_001
