"""Tells failures by the words of providers that give no code for them.

What may be the caller's own words is no evidence against a key.
"""

import re

from conduit_kernel.errors import (
    ContentPolicy,
    ContextTooLong,
    InsufficientFunds,
    InvalidApiKey,
    Scope,
    UpstreamError,
    UpstreamModelNotFound,
)
from conduit_providers.error_reports import ProviderErrorReport

# What providers write when they give no code. Only looked for in answers of 400 and its kin.
_NO_FUNDS = re.compile(
    r"credit balance|insufficient (?:credit|fund|balance|quota)|out of credit|billing|"
    r"exceeded your current quota|spend(?:ing)? limit|payment required|more credits|"
    # Anthropic until the month ends, Gemini, a LiteLLM behind an address, OpenRouter.
    r"usage limits?\. you will regain access|credits are depleted|budget has been exceeded|"
    r"key limit exceeded",
    re.IGNORECASE,
)
# Within a sentence; `gpt-4.1` does not end one.
_NEAR = r"(?:[^.]|\.(?=\w))"
_TOO_LONG = re.compile(
    r"context[ _](?:length|window|size|limit)|maximum (?:context|prompt length)|"
    r"too many (?:input )?tokens|input token limit|must have less than \d+ (?:tokens|characters)|"
    r"`max_new_tokens` must be <=|reduce the length of (?:the|your) (?:messages|prompt|input)|"
    rf"exceeds? (?:the )?(?:model'?s )?max(?:imum)?{_NEAR}{{0,40}}(?:tokens|length)|"
    rf"(?:prompt|input|request){_NEAR}{{0,60}}too (?:long|large)",
    re.IGNORECASE,
)
_BAD_KEY = re.compile(
    rf"(?:api[ _-]?key|token|credential)s?{_NEAR}{{0,40}}(?:invalid|not valid|expired)"
    rf"|(?:invalid|incorrect){_NEAR}{{0,10}}(?:api[ _-]?key|token|credential)"
    r"|(?:organization|account|workspace) (?:has been|is) (?:disabled|deactivated|suspended)",
    re.IGNORECASE,
)
_POLICY = re.compile(
    r"content (?:filter|policy|management policy|moderation|exists risk)|responsible ai|"
    r"usage (?:polic|guideline)|safety (?:system|policy|filter)|flagged|moderation|"
    # Models on Replicate that judge what they drew: replicate/cog-flux.
    r"\bnsfw\b",
    re.IGNORECASE,
)
_NO_MODEL = re.compile(
    rf"model{_NEAR}{{0,80}}(?:not found|does not exist|not exist|unknown|not available|"
    r"not supported|not a valid|invalid|decommissioned|retired|end of its life|"
    # Bedrock, of a model that has to be asked for by an inference profile.
    r"no longer (?:accessible|available|supported)|throughput isn.t supported)|"
    r"(?:unknown|invalid|no such|unsupported) model"
    # Bedrock names both where a model has no prompt cache.
    r"(?! or your request)|"
    r"not a valid model|access to (?:the )?model",
    re.IGNORECASE,
)
# More than the account has left, or may use a minute: a smaller request is served all the same.
_ASKS_FOR_LESS = re.compile(
    r"request too large for|tokens must be reduced|fewer max_tokens", re.IGNORECASE
)
_QUOTED = re.compile(r"'[^']*'|\"[^\"]*\"|`[^`]*`|‘[^’]*’|“[^”]*”")  # noqa: RUF001 # as they are written
# An address is no reason: Groq's rate limits name that of its billing page.
_URL = re.compile(r"https?://\S+")
_BAD_REQUEST = frozenset({400})
# About the request, whatever the words say.
REQUEST_STATUSES = frozenset({200, 400, 403, 404, 422})
# Fireworks suspends with 412.
_MONEY_STATUSES = frozenset({400, 403, 412, 429})
# Together says so with 403.
_SIZE_STATUSES = frozenset({200, 400, 403, 413, 422})
_POLICY_STATUSES = frozenset({200, 400, 403, 451})
_MODEL_STATUSES = frozenset({400, 403, 404, 410, 422})


def asks_for_less(report: ProviderErrorReport) -> bool:
    """Tell whether a limit is in the way of a request of this size alone, not of all others."""
    return _ASKS_FOR_LESS.search(report.message) is not None


def class_by_words(status: int, report: ProviderErrorReport) -> type[UpstreamError] | None:
    """Return the class that a report's words name, among those that a status can mean."""
    message = _URL.sub("", report.message)
    # What stands between quotes may be the caller's, and so may all that is about a parameter.
    own = "" if report.has_parameter else _QUOTED.sub("", message)
    tests: tuple[tuple[frozenset[int], re.Pattern[str], type[UpstreamError]], ...] = (
        (_MONEY_STATUSES, _NO_FUNDS, InsufficientFunds),
        (_SIZE_STATUSES, _TOO_LONG, ContextTooLong),
        (_BAD_REQUEST, _BAD_KEY, InvalidApiKey),
        (_POLICY_STATUSES, _POLICY, ContentPolicy),
        (_MODEL_STATUSES, _NO_MODEL, UpstreamModelNotFound),
    )
    return next(
        (
            cls
            for statuses, words, cls in tests
            if status in statuses and words.search(own if cls.scope is Scope.KEY else message)
        ),
        None,
    )
