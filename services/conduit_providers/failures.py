"""From a provider's HTTP error to the class of ours that says what to do about it.

Providers agree on statuses more than on anything else, so the status decides unless the error's
own code or words say better: 400 may mean that the conversation is too long, 403 that there is no
money, 429 that there will be none.
"""

import re
from collections.abc import Mapping

from conduit_kernel.errors import (
    ContentPolicy,
    ContextTooLong,
    InsufficientFunds,
    InvalidApiKey,
    LoopDetected,
    Scope,
    UpstreamError,
    UpstreamModelNotFound,
    UpstreamRateLimited,
    UpstreamRefused,
    UpstreamTimeout,
)
from conduit_providers.dates import http_date
from conduit_providers.error_codes import bare_code
from conduit_providers.error_reports import (
    MAX_MESSAGE_CHARS,
    ProviderErrorReport,
    read_error,
    report_of,
    status_in,
)
from conduit_providers.error_words import REQUEST_STATUSES, asks_for_less, class_by_words
from conduit_providers.rate_limits import reset_wait_ms
from conduit_providers.spec import ProviderSpec
from conduit_providers.target import Target
from conduit_providers.wire import HttpResponse

MAX_CODE_CHARS = 100
# A provider that asks for a longer pause is asked again all the same.
MAX_WAIT_MS = 3_600_000

_BY_REASON: Mapping[str, type[UpstreamError]] = {
    cls.reason: cls
    for cls in (
        ContentPolicy,
        ContextTooLong,
        InsufficientFunds,
        InvalidApiKey,
        UpstreamError,
        UpstreamModelNotFound,
        UpstreamRateLimited,
        UpstreamRefused,
        UpstreamTimeout,
    )
}

# Codes and types that mean one thing with every provider that uses them.
_BY_CODE: Mapping[str, type[UpstreamError]] = {
    "authentication_error": InvalidApiKey,
    "invalid_api_key": InvalidApiKey,
    # Google's, beside INVALID_ARGUMENT.
    "api_key_invalid": InvalidApiKey,
    "permission_error": InvalidApiKey,
    "permission_denied": InvalidApiKey,
    "account_deactivated": InvalidApiKey,
    "insufficient_quota": InsufficientFunds,
    "billing_error": InsufficientFunds,
    "billing_hard_limit_reached": InsufficientFunds,
    "billing_not_active": InsufficientFunds,
    "insufficient_balance": InsufficientFunds,
    "insufficient_funds": InsufficientFunds,
    "model_not_found": UpstreamModelNotFound,
    "deploymentnotfound": UpstreamModelNotFound,
    "context_length_exceeded": ContextTooLong,
    "request_too_large": ContextTooLong,
    # GitHub Copilot's.
    "model_max_prompt_tokens_exceeded": ContextTooLong,
    "string_above_max_length": ContextTooLong,
    "content_filter": ContentPolicy,
    "content_policy_violation": ContentPolicy,
    "moderation_blocked": ContentPolicy,
    # Alibaba Cloud's: https://help.aliyun.com/zh/dashscope/return-status-code-description.
    "datainspectionfailed": ContentPolicy,
    "data_inspection_failed": ContentPolicy,
    "arrearage": InsufficientFunds,
    "rate_limit_error": UpstreamRateLimited,
    "rate_limit_exceeded": UpstreamRateLimited,
    "invalid_request_error": UpstreamRefused,
    "not_found_error": UpstreamModelNotFound,
    "overloaded_error": UpstreamError,
    "api_error": UpstreamError,
    "server_error": UpstreamError,
    "timeout_error": UpstreamError,
}

_OF_KEYS = frozenset({"invalid_api_key", "api_key_invalid", "account_deactivated"})

_BY_STATUS: Mapping[int, type[UpstreamError]] = {
    401: InvalidApiKey,
    402: InsufficientFunds,
    403: InvalidApiKey,
    408: UpstreamError,
    413: ContextTooLong,
    # What the server stands on failed it: Bedrock and text-generation-inference say so.
    424: UpstreamError,
    429: UpstreamRateLimited,
}

# What an account may spend, and how much of it at a time.
_LIMIT_STATUSES = frozenset({402, 429})

# Long runs of key-like characters: a provider may repeat the key it was given. Words that
# underscores join are a name, such as that of a quota.
_NAME = r"(?:[a-z]{1,20}_)+[a-z]{1,20}(?![\w*-])"
_SECRET_LIKE = re.compile(
    r"(?:\b(?:sk|pk|gsk|xai|fw|hf|csk|key|tgp|api|AIza)[-_][\w*.…-]{6,}"
    rf"|\b(?!{_NAME})[A-Za-z0-9_*-]{{32,}})"
)


def error_from(response: HttpResponse, spec: ProviderSpec, target: Target) -> UpstreamError:
    """Return the error that a provider's answer of 4xx or 5xx (or a stray 3xx) means."""
    report = read_error(response.body)
    if code := bare_code(response.headers.get(spec.error_code_header)):
        report = report._replace(code=code, codes=(code, *report.codes))
    cls, is_conclusive = class_of(response.status, report, spec.error_codes)
    metadata = {"provider": target.provider_name, "status": str(response.status)}
    request_id = response.headers.get(spec.request_id_header, "") or report.request_id
    if request_id:
        metadata["upstream_request_id"] = request_id[:MAX_CODE_CHARS]
    if report.code:
        metadata["upstream_code"] = report.code[:MAX_CODE_CHARS]
    wait = retry_after_ms(response.headers, spec)
    wait = report.retry_after_ms if wait is None else wait
    if wait is not None:
        metadata["retry_after_ms"] = str(min(wait, MAX_WAIT_MS))
    words = _message(cls, report, target.provider_name, f"status {response.status}")
    error = cls(words, **metadata)
    error.is_conclusive = is_conclusive
    if cls is UpstreamModelNotFound and response.status == 403:  # noqa: PLR2004 # forbidden
        # Another key of the instance may have access.
        error.scope = Scope.KEY
    return error


def error_in_stream(error: object, provider: str, status: int = 200) -> UpstreamError:
    """Return the error that a provider reported inside an answer of 2xx.

    `error` is the value of the answer's `error` member.
    """
    report = report_of(error)
    status = status_in(error) or status
    cls, is_conclusive = class_of(status, report, {})
    metadata = {"provider": provider} if provider else {}
    if report.code:
        metadata["upstream_code"] = report.code[:MAX_CODE_CHARS]
    if report.retry_after_ms is not None:
        metadata["retry_after_ms"] = str(min(report.retry_after_ms, MAX_WAIT_MS))
    found = cls(_message(cls, report, provider, "an error inside its answer"), **metadata)
    found.is_conclusive = is_conclusive
    return found


def malformed(provider: str, why: str) -> UpstreamError:
    """Return the error for an answer that makes no sense. `why` must hold nothing of the answer."""
    name = provider or "The provider"
    return UpstreamError(
        f"{name} sent an answer that makes no sense: {why}",
        **({"provider": provider} if provider else {}),
        kind="malformed",
    )


def too_large(provider: str, why: str) -> UpstreamError:
    """Return the error for an answer that is too large, which it would be again."""
    error = malformed(provider, why)
    error.is_transient = False
    return error


def class_of(
    status: int, report: ProviderErrorReport, codes: Mapping[str, str]
) -> tuple[type[UpstreamError], bool]:
    """Return the class for a status and a report, and whether that is conclusive.

    `codes` are the provider's own.
    """
    if status == 508:  # noqa: PLR2004 # a gateway behind the provider's address
        return LoopDetected, True
    if 500 <= status <= 599:  # noqa: PLR2004 # the range of HTTP server errors
        return _by_code(status, report, codes, only_own=True) or UpstreamError, True
    if (limit := _limit(status, report)) is not None:
        return limit
    found = _by_code(status, report, codes)
    if found is None or found is UpstreamRefused or found is UpstreamRateLimited:
        if (by_words := class_by_words(status, report)) is not None:
            return by_words, status not in REQUEST_STATUSES
        found = _BY_STATUS.get(status) or found
    if status == 403 and found is InvalidApiKey:  # noqa: PLR2004 # forbidden
        # It may be about what the request names, unless the code is of keys and nothing else.
        return found, any(code.lower() in _OF_KEYS for code in report.codes)
    if status == 413 and found is UpstreamError:  # noqa: PLR2004 # OpenAI calls it its server's
        found = ContextTooLong
    return found or _by_range(status), True


def _limit(status: int, report: ProviderErrorReport) -> tuple[type[UpstreamError], bool] | None:
    """Return what a limit means that needs no further look."""
    if status in _LIMIT_STATUSES and asks_for_less(report):
        # Another key may allow it; of this one it says nothing to those who ask for less.
        return _BY_STATUS[status], False
    if status == 429 and report.is_quota:  # noqa: PLR2004 # too many requests
        return UpstreamRateLimited, True
    return None


def _by_range(status: int) -> type[UpstreamError]:
    if status == 404:  # noqa: PLR2004 # not found
        return UpstreamModelNotFound
    return UpstreamRefused if 400 <= status <= 499 else UpstreamError  # noqa: PLR2004 # HTTP


def retry_after_ms(headers: Mapping[str, str], spec: ProviderSpec) -> int | None:
    """Return for how long the provider asks us to wait, in milliseconds; None if it does not."""
    exact = headers.get("retry-after-ms")
    if exact is not None and (wait := _number(exact)) is not None:
        return round(wait)
    after = headers.get("retry-after")
    if after is not None:
        return _seconds_or_date_ms(after, headers.get("date", ""))
    return reset_wait_ms(headers, spec.rate_limits)


def _by_code(
    status: int, report: ProviderErrorReport, codes: Mapping[str, str], *, only_own: bool = False
) -> type[UpstreamError] | None:
    for code in report.codes:
        if code in codes:
            return _BY_REASON[codes[code]]
        if not only_own and (found := _BY_CODE.get(code.lower())):
            return found
    # A status may be a code of the provider's own, such as Cohere's 498.
    return _BY_REASON[codes[str(status)]] if str(status) in codes else None


def _message(
    cls: type[UpstreamError], report: ProviderErrorReport, provider: str, otherwise: str
) -> str:
    if cls is InvalidApiKey:
        return f"Invalid API key for provider {provider}"
    words = redact(report.message)[:MAX_MESSAGE_CHARS]
    return f"{provider}: {words}" if words else f"{provider} answered with {otherwise}"


def redact(text: str) -> str:
    """Return the text without anything that looks like a key."""
    return _SECRET_LIKE.sub("[redacted]", text)


def _number(text: str) -> float | None:
    try:
        value = float(text)
    except ValueError:
        return None
    return value if 0 <= value < 1e12 else None  # noqa: PLR2004 # also shuts out nan and inf


def _seconds_or_date_ms(text: str, date: str) -> int | None:
    seconds = _number(text)
    if seconds is not None:
        return round(seconds * 1000)
    # The provider's own clock, so that ours need not agree with it.
    until, now = http_date(text), http_date(date)
    if until is None or now is None:
        return None
    return max(0, round((until - now).total_seconds() * 1000))
