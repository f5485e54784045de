"""What makes a right guardrail."""

import re
from collections.abc import Iterable
from urllib.parse import urlsplit

import re2

from conduit.v1.guardrail_pb2 import (
    GUARDRAIL_ACTION_BLOCK,
    GUARDRAIL_STAGE_BOTH,
    GuardrailAction,
    GuardrailDetector,
    GuardrailStage,
)
from conduit.v1.guardrail_pb2 import Guardrail as Message
from conduit.v1.guardrail_pb2 import GuardrailWebhook as WebhookMessage
from conduit_kernel import limits
from conduit_kernel.errors import InvalidRequest
from conduit_providers.auth import is_own_variable
from conduit_registry.policy_values import Guardrail, GuardrailWebhook

# Of one alias, virtual key or group.
MOST = 20
FIELD = "guardrails"
_KEY = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")


def guardrails(given: Iterable[Message]) -> tuple[Guardrail, ...]:
    """Return guardrails, each name once."""
    found = tuple(_guardrail(each, f"{FIELD}[{i}]") for i, each in enumerate(given))
    if len(found) > MOST:
        raise InvalidRequest(f"{FIELD} must have at most {MOST} items", field=FIELD)
    names = set[str]()
    for i, each in enumerate(found):
        if each.name in names:
            message = f"{FIELD} has the name {each.name!r} twice"
            raise InvalidRequest(message, field=f"{FIELD}[{i}].name")
        names.add(each.name)
    return found


def _guardrail(given: Message, field: str) -> Guardrail:
    limits.check_items(given, "patterns", field)
    limits.check_length(given, "patterns", field)
    limits.check_items(given, "detectors", field)
    most = None
    if given.HasField("max_characters"):
        most = limits.number_of(given, "max_characters", field)
    found = Guardrail(
        limits.text_of(given, "name", field),
        _known(given.action, GuardrailAction.values(), f"{field}.action") or GUARDRAIL_ACTION_BLOCK,
        _known(given.stage, GuardrailStage.values(), f"{field}.stage") or GUARDRAIL_STAGE_BOTH,
        tuple(_pattern(each, f"{field}.patterns[{i}]") for i, each in enumerate(given.patterns)),
        tuple(dict.fromkeys(_detector(each, field) for each in given.detectors)),
        most,
        limits.text_of(given, "moderation_model", field),
        _webhook(given.webhook, f"{field}.webhook") if given.HasField("webhook") else None,
        given.fail_open,
    )
    is_asked = found.moderation_model or found.webhook
    if not (found.patterns or found.detectors or most or is_asked):
        message = f"{field} looks for nothing: say patterns, detectors, maxCharacters or who judges"
        raise InvalidRequest(message, field=field)
    return found


def _webhook(given: WebhookMessage, field: str) -> GuardrailWebhook:
    url, timeout = limits.text_of(given, "url", field), None
    if not _is_url(url):
        message = f"{field}.url must be an http or https URL without credentials"
        raise InvalidRequest(message, field=f"{field}.url")
    key = limits.text_of(given, "signing_key", field)
    if not _KEY.fullmatch(key) or is_own_variable(key.removeprefix("env:")):
        what = "a variable of the environment, none of Conduit's own, as env:NAME"
        message = f"{field}.signingKey must name {what}"
        raise InvalidRequest(message, field=f"{field}.signingKey")
    if given.HasField("timeout"):
        timeout = limits.span_of(given, "timeout", field)
    return GuardrailWebhook(url, key, timeout)


def _is_url(text: str) -> bool:
    """Return whether a request may go to a URL."""
    if not text.isascii() or not text.isprintable() or " " in text:
        return False
    try:
        parts = urlsplit(text)
        _ = parts.port
    except ValueError:
        return False
    is_http = parts.scheme in {"http", "https"} and bool(parts.hostname)
    return is_http and "@" not in parts.netloc


def _pattern(given: str, field: str) -> str:
    options = re2.Options()
    # What is wrong with it is told to whoever wrote it, and not to the log.
    options.log_errors = False
    try:
        expression = re2.compile(given, options)
    except re2.error as error:
        message = f"{field} is no regular expression of RE2: {_reason(error)}"
        raise InvalidRequest(message, field=field) from error
    if expression.match(""):
        raise InvalidRequest(f"{field} matches an empty text, and so every one", field=field)
    return given


def _reason(error: Exception) -> str:
    [reason, *_] = error.args or ("it cannot be read",)
    return reason.decode("utf-8", "replace") if isinstance(reason, bytes) else str(reason)


def _detector(value: int, field: str) -> int:
    if not value or value not in GuardrailDetector.values():
        place = f"{field}.detectors"
        raise InvalidRequest(f"{place} has no value {value}", field=place)
    return value


def _known(value: int, known: Iterable[int], field: str) -> int:
    # Over gRPC any number may come.
    if value not in known:
        raise InvalidRequest(f"{field} has no value {value}", field=field)
    return value
