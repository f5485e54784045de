"""Judges documents by guardrails: blocks them, redacts them, or says what is in them."""

from collections.abc import Iterable, Sequence

import structlog

from conduit.v1.guardrail_pb2 import GUARDRAIL_ACTION_REDACT, GUARDRAIL_ACTION_REPORT
from conduit_kernel.guardrail_errors import ContentBlocked
from conduit_router.guardrails.matching import Finding
from conduit_router.guardrails.policy import Guard
from conduit_router.guardrails.texts import Text

REQUEST, ANSWER = "request", "answer"
SIZE = "SIZE"


class Judgement:
    """The findings of guardrails in one call, as far as callers and operators are told of them."""

    def __init__(self, request_id: str) -> None:
        self._request_id = request_id
        # The guardrails that found something, each once with what they did.
        self.told: list[str] = []

    def note(self, guard: Guard, stage: str, kinds: Iterable[str]) -> None:
        """Note what a guardrail found; never the text."""
        did = "redacted" if guard.action == GUARDRAIL_ACTION_REDACT else "reported"
        word = f"{guard.name};{did}"
        if word not in self.told:
            self.told.append(word)
            structlog.get_logger("guardrails").info(
                "guardrail_found",
                guardrail=guard.name,
                stage=stage,
                did=did,
                kinds=sorted(set(kinds)),
                request_id=self._request_id,
            )

    def measure(self, guard: Guard, characters: int, stage: str) -> None:
        """Raise ContentBlocked for more characters than a guardrail lets pass."""
        if not 0 < guard.max_characters < characters:
            return
        if guard.action != GUARDRAIL_ACTION_REPORT:
            raise blocked(guard, stage, SIZE)
        self.note(guard, stage, [SIZE])

    def judge(self, guards: Sequence[Guard], texts: Sequence[Text], stage: str) -> bool:
        """Judge the texts of a document, and redact it in place; return whether it has changed.

        ContentBlocked if it must not pass.
        """
        has_changed = False
        for guard in guards:
            self.measure(guard, sum(len(t.value) for t in texts if not t.is_fixed), stage)
            for text in texts:
                value = text.holder[text.place] if not text.is_fixed else text.value
                found = guard.matcher.find(value)
                if not found:
                    continue
                if guard.action == GUARDRAIL_ACTION_REPORT:
                    self.note(guard, stage, (each.kind for each in found))
                    continue
                if guard.action != GUARDRAIL_ACTION_REDACT or text.is_fixed:
                    raise blocked(guard, stage, found[0].kind)
                text.holder[text.place] = redacted(value, found)
                self.note(guard, stage, (each.kind for each in found))
                has_changed = True
        return has_changed


def redacted(text: str, found: Sequence[Finding]) -> str:
    """Return a text with the kinds of what was found in its place."""
    parts, at = list[str](), 0
    for each in found:
        parts += text[at : each.start], f"[{each.kind}]"
        at = each.end
    return "".join((*parts, text[at:]))


def blocked(guard: Guard, stage: str, kind: str) -> ContentBlocked:
    """Return the error of a call that a guardrail has blocked, which says nothing of the text."""
    message = f"The guardrail {guard.name!r} does not let this {stage} pass"
    return ContentBlocked(message, guardrail=guard.name, stage=stage, kind=kind)
