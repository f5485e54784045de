"""Texts as their readers understand them, whatever characters they are written with."""

import re
import unicodedata

# What nobody sees: soft hyphens, joiners, marks of direction, selectors of variants, tags. The
# categories of Unicode 15.1, https://www.unicode.org/Public/15.1.0/ucd/UnicodeData.txt
_UNSEEN = re.compile(
    "[\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e"
    "\u2060-\u206f\ufe00-\ufe0f\ufeff\U000e0000-\U000e0fff]"
)
# More different characters than these start over.
_MOST = 20_000


class Folds(dict[int, str]):
    """The usual forms of characters, by character; worked out as they come."""

    def __missing__(self, point: int) -> str:
        """Return the usual form of a character, nothing for one that nobody sees."""
        if len(self) >= _MOST:
            self.clear()
        character = chr(point)
        usual = unicodedata.normalize("NFKC", character)
        found = self[point] = _UNSEEN.sub("", usual)
        return found

    def fold(self, text: str) -> str:
        """Return a text in the usual characters."""
        return text if text.isascii() else text.translate(self)

    def spans(self, text: str, spans: list[tuple[int, int]]) -> list[tuple[int, int]]:
        """Return where spans of a folded text stand in the text itself."""
        places: list[int] = []
        for at, character in enumerate(text):
            places += [at] * len(self[ord(character)])
        return [(places[start], places[end - 1] + 1) for start, end in spans]
