"""Judges documents by guardrails: blocks them, redacts them, or says what is in them."""

from collections.abc import Awaitable, Callable, Iterable, Sequence

import structlog

from conduit.v1.guardrail_pb2 import GUARDRAIL_ACTION_REDACT, GUARDRAIL_ACTION_REPORT
from conduit_kernel.guardrail_errors import ContentBlocked
from conduit_router.guardrails.matching import Finding
from conduit_router.guardrails.policy import Guard
from conduit_router.guardrails.texts import STRUCTURE, Text

REQUEST, ANSWER = "request", "answer"
SIZE = "SIZE"

# Returns what somebody who is asked found in each text, of a stage.
Find = Callable[[Guard, Sequence[str], str], Awaitable[list[list[Finding]]]]


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
                found = guard.matcher.find(_now(text))
                has_changed |= bool(found) and self._take(guard, text, found, stage)
        return has_changed

    async def ask(
        self, guards: Sequence[Guard], texts: Sequence[Text], stage: str, find: Find
    ) -> bool:
        """Judge the same by those who are asked.

        Names and what structures a document say nothing, and are not sent.
        """
        said = [text for text in texts if text.place not in (text.value, *STRUCTURE)]
        has_changed = False
        for guard in guards:
            if not guard.is_asked or not said:
                continue
            found = await find(guard, [_now(text) for text in said], stage)
            for text, each in zip(said, found, strict=True):
                has_changed |= bool(each) and self._take(guard, text, each, stage)
        return has_changed

    def _take(self, guard: Guard, text: Text, found: Sequence[Finding], stage: str) -> bool:
        """Do what follows from what was found in a text; return whether it has changed."""
        is_redacting = guard.action == GUARDRAIL_ACTION_REDACT and not text.is_fixed
        if not is_redacting and guard.action != GUARDRAIL_ACTION_REPORT:
            raise blocked(guard, stage, found[0].kind)
        if is_redacting:
            text.holder[text.place] = redacted(_now(text), found)
        self.note(guard, stage, (each.kind for each in found))
        return is_redacting


def _now(text: Text) -> str:
    """Return what a text says now, as others may have redacted it."""
    value: str = text.value if text.is_fixed else text.holder[text.place]
    return value


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
