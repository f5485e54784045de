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
    GuardrailWebhook,
)
from conduit_router.guardrails.matching import Matcher

WEBHOOK_SECONDS = 2.0


class Webhook(NamedTuple):
    """A service that judges texts."""

    url: str
    # The variable that has its key, as `env:NAME`.
    signing_key: str
    seconds: float


class Guard(NamedTuple):
    """A guardrail, ready to look."""

    name: str
    action: GuardrailAction.ValueType
    looks_at_requests: bool
    looks_at_answers: bool
    matcher: Matcher
    # Of all texts together; 0 for any number.
    max_characters: int
    # Who is asked; empty and None for nobody.
    moderation_model: str = ""
    webhook: Webhook | None = None
    # Whether what they do not judge passes.
    fail_open: bool = False

    @property
    def is_asked(self) -> bool:
        """Return whether it asks somebody else."""
        return bool(self.moderation_model) or self.webhook is not None


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
        found.moderation_model,
        _webhook(found.webhook) if found.HasField("webhook") else None,
        found.fail_open,
    )


def _webhook(found: GuardrailWebhook) -> Webhook:
    # The Registry takes no time of zero, so that is what is unset.
    seconds = found.timeout.ToMicroseconds() / 1e6 or WEBHOOK_SECONDS
    return Webhook(found.url, found.signing_key, seconds)
