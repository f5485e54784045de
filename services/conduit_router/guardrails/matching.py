"""Finds what a guardrail looks for in a text, in time that grows with its length alone."""

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

import re2

from conduit.v1.guardrail_pb2 import GuardrailDetector
from conduit_router.guardrails.detectors import FORMS, Form
from conduit_router.guardrails.folding import Folds

PATTERN = "PATTERN"
_SEPARATORS = " -"


class Finding(NamedTuple):
    """Something that was found: where, and of which kind."""

    start: int
    end: int
    kind: str


class Matcher:
    """Looks for expressions and forms."""

    def __init__(
        self, patterns: Sequence[str], detectors: Iterable[GuardrailDetector.ValueType]
    ) -> None:
        """Take what to look for; the Registry has tried the patterns."""
        forms = [Form(PATTERN, tuple(patterns))] if patterns else []
        forms += [FORMS[each] for each in detectors if each in FORMS]
        self._forms = [
            (form, [re2.compile(pattern) for pattern in form.patterns]) for form in forms
        ]
        self._folds = Folds()

    def find(self, text: str) -> list[Finding]:
        """Return what was found, in order, none within another one.

        Characters that look like others to their readers, or like nothing, hide nothing.
        """
        if not self._forms or not text:
            return []
        found = list(self._found(text))
        folded = self._folds.fold(text)
        if folded != text:
            inside = list(self._found(folded))
            spans = self._folds.spans(text, [(each.start, each.end) for each in inside])
            found += [Finding(*span, each.kind) for span, each in zip(spans, inside, strict=True)]
        return _apart(found)

    def _found(self, text: str) -> Iterator[Finding]:
        for form, expressions in self._forms:
            for expression in expressions:
                for match in expression.finditer(text):
                    end = _held_end(form, text, match.start(), match.end())
                    if end > match.start():
                        yield Finding(match.start(), end, form.kind)


def _held_end(form: Form, text: str, start: int, end: int) -> int:
    """Return how far a match of a form goes for which all else holds; its start if it does not.

    What follows a number may be numbers, too.
    """
    if form.holds is None:
        return end
    ends = [end, *(at for at in range(end - 1, start, -1) if text[at] in _SEPARATORS)]
    return next((each for each in ends if form.holds(text[start:each])), start)


def _apart(found: list[Finding]) -> list[Finding]:
    """Return findings in order, with those that overlap as one."""
    apart: list[Finding] = []
    for each in sorted(found):
        if apart and each.start < apart[-1].end:
            last = apart[-1]
            apart[-1] = last._replace(end=max(last.end, each.end))
        else:
            apart.append(each)
    return apart
