"""Parts of policies that are looked at in calls, as plain values."""

from typing import NamedTuple

from conduit.v1.cache_policy_pb2 import CACHE_SCOPE_VIRTUAL_KEY


class SemanticCache(NamedTuple):
    """That answers are given to what is asked in other words, too."""

    embedding_model: str
    # From 0.5 to 1.
    threshold: float | None = None
    # In microseconds.
    timeout: int | None = None


class CachePolicy(NamedTuple):
    """That answers are kept, and given again to whoever asks the same."""

    # In microseconds.
    ttl: int | None = None
    # Of the contract's `CacheScope`.
    scope: int = CACHE_SCOPE_VIRTUAL_KEY
    # Of the price, from 0 to 1.
    charged_share: float | None = None
    version: str = ""
    semantic: SemanticCache | None = None


class GuardrailWebhook(NamedTuple):
    """A service that judges texts."""

    url: str
    signing_key: str
    # In microseconds.
    timeout: int | None = None


class Guardrail(NamedTuple):
    """A check of the texts of calls."""

    name: str
    # Of the contract's `GuardrailAction` and `GuardrailStage`.
    action: int
    stage: int
    patterns: tuple[str, ...] = ()
    # Of the contract's `GuardrailDetector`.
    detectors: tuple[int, ...] = ()
    max_characters: int | None = None
    moderation_model: str = ""
    webhook: GuardrailWebhook | None = None
    fail_open: bool = False
