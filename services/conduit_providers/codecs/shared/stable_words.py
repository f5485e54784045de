"""Makes words that only ever grow out of guesses that are taken back.

OpenAI's deltas are added up by who receives them, and no event takes one back.
"""


class StableWords:
    """The words of one utterance: those that two guesses in a row agree on are told."""

    def __init__(self) -> None:
        self._told = ""
        self._last = ""

    def guess(self, text: str) -> str:
        """Return what more is told after a guess at the whole utterance; empty if nothing is."""
        agreed = _common(self._last, text)
        self._last = text
        # The last word may go on.
        return self._tell(agreed[: agreed.rfind(" ") + 1])

    def end(self, text: str) -> str:
        """Return what more is told once it is known; empty if guesses that were told were wrong."""
        rest = self._tell(text)
        self._told = self._last = ""
        return rest

    def _tell(self, text: str) -> str:
        if not text.startswith(self._told):
            return ""
        more = text[len(self._told) :]
        self._told = text
        return more


def _common(one: str, other: str) -> str:
    length = 0
    for mine, theirs in zip(one, other, strict=False):
        if mine != theirs:
            break
        length += 1
    return one[:length]
