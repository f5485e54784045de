"""Holds the requests of calls and their whole answers to guardrails."""

import json
from collections.abc import Sequence
from typing import Any

import msgspec

from conduit_kernel.errors import InvalidRequest
from conduit_providers.calls import Answer
from conduit_providers.operation import UploadOperation
from conduit_router.calls.call_scope import CallScope
from conduit_router.guardrails.judging import ANSWER, REQUEST, Find, Judgement
from conduit_router.guardrails.matching import Finding
from conduit_router.guardrails.policy import Guard
from conduit_router.guardrails.texts import texts_in, words_in

# The operations whose answers are texts; those of others are vectors, scores, sound and pictures.
WITH_WORDS = frozenset({"chat", "transcribe", "translate"})


async def guard_request(scope: CallScope, guards: Sequence[Guard], judgement: Judgement) -> None:
    """Judge a request, and redact it. ContentBlocked if it must not pass."""
    looking = [guard for guard in guards if guard.looks_at_requests]
    if not looking:
        return
    form = scope.form
    document = read_strictly(form.json_at_hand or msgspec.structs.replace(form).json)
    texts = texts_in(document)
    if isinstance(scope.operation, UploadOperation):
        # Their forms go out as they came.
        texts = [text._replace(is_fixed=True) for text in texts]
    has_changed = judgement.judge(looking, texts, REQUEST)
    if await judgement.ask(looking, texts, REQUEST, finder(scope)) or has_changed:
        text = json.dumps(document, separators=(",", ":")).encode()
        scope.form = form.with_json(text)


async def guard_answer(
    scope: CallScope, answer: Answer[Any], guards: Sequence[Guard], judgement: Judgement
) -> Answer[Any]:
    """Return a whole answer as it may go out. ContentBlocked if it must not."""
    looking = answer_guards(scope, guards)
    if not looking:
        return answer
    try:
        document = [json.loads(answer.json)]
    except (ValueError, RecursionError):
        # Such as the text of a transcript.
        document = [answer.json.decode("utf-8", "replace")]
    is_text = isinstance(document[0], str)
    texts = words_in(document)
    has_changed = judgement.judge(looking, texts, ANSWER)
    if not (await judgement.ask(looking, texts, ANSWER, finder(scope)) or has_changed):
        return answer
    [said] = document
    text = said if is_text else json.dumps(said, separators=(",", ":"))
    return answer.with_json(text.encode())


def finder(scope: CallScope) -> Find:
    """Return what asks others for a call."""

    async def find(guard: Guard, texts: Sequence[str], stage: str) -> list[list[Finding]]:
        judges = scope.runtime.judges
        assert judges is not None  # noqa: S101 # every router has some
        return await judges.find(guard, texts, scope, stage)

    return find


def answer_guards(scope: CallScope, guards: Sequence[Guard]) -> list[Guard]:
    """Return the guardrails that look at the answer to a call."""
    if scope.operation.name not in WITH_WORDS:
        return []
    return [guard for guard in guards if guard.looks_at_answers]


def read_strictly(text: bytes) -> Any:  # noqa: ANN401 # any JSON
    """Return a document. InvalidRequest for one that two readers may understand in two ways."""
    try:
        return json.loads(text, object_pairs_hook=_members)
    except (ValueError, RecursionError) as error:
        message = "The request is nested too deeply, or a number in it has too many digits"
        raise InvalidRequest(message, field="") from error


def _members(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        # Its provider might read the one that was not looked at.
        twice = next(name for at, (name, _) in enumerate(pairs) if name in dict(pairs[:at]))
        message = f"The member {twice[:100]!r} stands twice in one object"
        raise InvalidRequest(message, field=twice[:100])
    return found
