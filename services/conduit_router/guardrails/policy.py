"""Guardrails as the table has them."""

from collections.abc import Iterable
from typing import NamedTuple

from conduit.v1.guardrail_pb2 import (
    GUARDRAIL_ACTION_BLOCK,
    GUARDRAIL_ACTION_UNSPECIFIED,
    GUARDRAIL_STAGE_ANSWER,
    GUARDRAIL_STAGE_REQUEST,
    Guardrail,
    GuardrailAction,
)
from conduit_router.guardrails.matching import Matcher


class Guard(NamedTuple):
    """A guardrail, ready to look."""

    name: str
    action: GuardrailAction.ValueType
    looks_at_requests: bool
    looks_at_answers: bool
    matcher: Matcher
    # Of all texts together; 0 for any number.
    max_characters: int


Guards = tuple[Guard, ...]


def guards_of(found: Iterable[Guardrail]) -> Guards:
    """Return guardrails ready to look, in their order."""
    return tuple(map(_guard, found))


def _guard(found: Guardrail) -> Guard:
    action = found.action
    if action == GUARDRAIL_ACTION_UNSPECIFIED:
        action = GUARDRAIL_ACTION_BLOCK
    return Guard(
        found.name,
        action,
        found.stage != GUARDRAIL_STAGE_ANSWER,
        found.stage != GUARDRAIL_STAGE_REQUEST,
        Matcher(found.patterns, found.detectors),
        found.max_characters,
    )
