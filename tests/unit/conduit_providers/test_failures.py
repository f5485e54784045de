"""From a provider's answer to our error."""

import orjson
import pytest

from conduit_kernel.errors import (
    ContentPolicy,
    ContextTooLong,
    InsufficientFunds,
    InvalidApiKey,
    UpstreamError,
    UpstreamModelNotFound,
    UpstreamRateLimited,
    UpstreamRefused,
)
from conduit_providers.catalog import load_catalog
from conduit_providers.error_reports import MAX_MESSAGE_CHARS
from conduit_providers.failures import error_from, error_in_stream
from conduit_providers.spec import ProviderSpec
from conduit_providers.target import Target
from conduit_providers.wire import HttpResponse

CATALOG = load_catalog()
OPENAI = CATALOG.find("OpenAI")
TARGET = Target("Prod", "OpenAI", "https://a.example")


def error(status: int, body: object = b"", headers: dict[str, str] | None = None) -> UpstreamError:
    """Return the error of an answer of OpenAI's type."""
    raw = body if isinstance(body, bytes) else orjson.dumps(body)
    return error_from(HttpResponse(status, headers or {}, raw), OPENAI, TARGET)


STATUSES = [
    (400, UpstreamRefused),
    (401, InvalidApiKey),
    (402, InsufficientFunds),
    (403, InvalidApiKey),
    (404, UpstreamModelNotFound),
    (408, UpstreamError),
    (409, UpstreamRefused),
    (413, ContextTooLong),
    (422, UpstreamRefused),
    (429, UpstreamRateLimited),
    (500, UpstreamError),
    (502, UpstreamError),
    (503, UpstreamError),
    (504, UpstreamError),
    (529, UpstreamError),
    # Cloudflare's, before providers and gateways.
    (520, UpstreamError),
    (522, UpstreamError),
    (524, UpstreamError),
    (530, UpstreamError),
    (302, UpstreamError),
]


# What providers were seen to say, word for word but for names and numbers.
SAID: list[tuple[str, int, object, type[UpstreamError]]] = [
    # A recording that is too large, which it calls its server's error.
    (
        "OpenAI",
        413,
        {"error": {"message": "Maximum content size limit exceeded", "type": "server_error"}},
        ContextTooLong,
    ),
    (
        "Anthropic",
        400,
        {
            "type": "error",
            "error": {
                "type": "invalid_request_error",
                "message": "input length and `max_tokens` exceed context limit: 9 + 2 > 10, "
                "decrease input length or `max_tokens` and try again",
            },
        },
        ContextTooLong,
    ),
    (
        "vLLM",
        400,
        {
            "object": "error",
            "message": "The input (9 tokens) is longer than the model's context length (4 tokens).",
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
        ContextTooLong,
    ),
    (
        "Bedrock",
        400,
        {"message": "Input Tokens Exceeded: Number of input tokens exceeds maximum length."},
        ContextTooLong,
    ),
    (
        "Gemini",
        400,
        {
            "error": {
                "code": 400,
                "message": "The input token count (9) exceeds the maximum number of tokens "
                "allowed (8).",
                "status": "INVALID_ARGUMENT",
            }
        },
        ContextTooLong,
    ),
    (
        "HuggingFace",
        422,
        {"error": "Input validation error: `inputs` must have less than 8 tokens. Given: 9"},
        ContextTooLong,
    ),
    (
        "HuggingFace",
        413,
        {"error": "Input validation error: `inputs` must have less than 8 characters. Given: 9"},
        ContextTooLong,
    ),
    (
        "Together",
        422,
        {
            "error": {
                "message": "Input validation error: `inputs` tokens + `max_new_tokens` must be "
                "<= 8. Given: 7 `inputs` tokens and 2 `max_new_tokens`",
                "type": "invalid_request_error",
            }
        },
        ContextTooLong,
    ),
    (
        "xAI",
        400,
        {
            "code": "invalid-argument",
            "error": "This model's maximum prompt length is 8 but the request contains 9 tokens.",
        },
        ContextTooLong,
    ),
    (
        "xAI",
        400,
        {"code": "invalid-argument", "error": "Input token limit exceeded"},
        ContextTooLong,
    ),
    (
        "xAI",
        403,
        {
            "code": "permission-denied",
            "error": "Content violates usage guidelines. Failed check: SAFETY_CHECK_TYPE_BIO",
        },
        ContentPolicy,
    ),
    (
        "xAI",
        403,
        {
            "code": "permission-denied",
            "error": "Your team has either used all available credits or reached its monthly "
            "spending limit. To continue making API requests, please purchase more credits.",
        },
        InsufficientFunds,
    ),
    (
        "xAI",
        403,
        {
            "code": "permission-denied",
            "error": "The model grok-4.5 is not available in your region.",
        },
        UpstreamModelNotFound,
    ),
    (
        "xAI",
        400,
        {
            "code": "invalid-argument",
            "error": "Incorrect API key provided: xa***xy. You can obtain an API key from "
            "https://console.x.ai.",
        },
        InvalidApiKey,
    ),
    (
        "DeepSeek",
        400,
        {
            "error": {
                "message": "Content Exists Risk",
                "type": "invalid_request_error",
                "code": "invalid_request_error",
            }
        },
        ContentPolicy,
    ),
    (
        "DeepInfra",
        402,
        {"detail": {"error": "inference prohibited, please enter a payment method"}},
        InsufficientFunds,
    ),
    ("NvidiaNIM", 429, {"status": 429, "title": "Too Many Requests"}, UpstreamRateLimited),
    (
        "NvidiaNIM",
        403,
        {"status": 403, "title": "Forbidden", "detail": "Authorization failed"},
        InvalidApiKey,
    ),
]


@pytest.mark.parametrize(("kind", "status", "body", "cls"), SAID)
def test_what_providers_were_seen_to_say_is_understood(
    kind: str, status: int, body: object, cls: type[UpstreamError]
) -> None:
    """The words of the real bodies, not ours, decide what is to be done."""
    response = HttpResponse(status, {}, orjson.dumps(body))
    found = error_from(response, CATALOG.find(kind), TARGET)
    assert type(found) is cls
    assert "{" not in found.message


@pytest.mark.parametrize("spec", CATALOG.specs, ids=lambda spec: spec.name)
@pytest.mark.parametrize(("status", "cls"), STATUSES)
def test_bare_status_has_the_same_meaning_for_all(
    spec: ProviderSpec, status: int, cls: type[UpstreamError]
) -> None:
    """With no body, the status alone decides, whatever the type."""
    found = error_from(HttpResponse(status, {}, b""), spec, TARGET)
    assert type(found) is cls
    assert found.metadata == {"provider": "Prod", "status": str(status)}


@pytest.mark.parametrize(
    ("status", "body", "cls"),
    [
        (429, {"error": {"message": "x", "code": "insufficient_quota"}}, InsufficientFunds),
        (400, {"error": {"message": "x", "code": "context_length_exceeded"}}, ContextTooLong),
        (400, {"error": {"message": "prompt is too long: 9 tokens > 8 maximum"}}, ContextTooLong),
        (400, {"error": {"message": "Input is too long for requested model."}}, ContextTooLong),
        (400, {"message": "Please reduce the length of the messages"}, ContextTooLong),
        (400, {"error": {"message": "x", "code": "content_filter"}}, ContentPolicy),
        (400, {"error": {"message": "x", "code": "content_policy_violation"}}, ContentPolicy),
        (
            400,
            {"error": {"message": "x", "code": "model_max_prompt_tokens_exceeded"}},
            ContextTooLong,
        ),
        (400, {"error": {"message": "x", "code": "data_inspection_failed"}}, ContentPolicy),
        (400, {"code": "DataInspectionFailed", "message": "x"}, ContentPolicy),
        (400, {"code": "Arrearage", "message": "x"}, InsufficientFunds),
        (400, {"error": {"message": "Your credit balance is too low"}}, InsufficientFunds),
        (403, {"error": "You have exceeded your monthly spending limit"}, InsufficientFunds),
        (400, [{"error": {"message": "API key not valid. Pass a valid one."}}], InvalidApiKey),
        (404, {"error": {"message": "model 'x' not found"}}, UpstreamModelNotFound),
        (400, {"error": {"message": "nope is not a valid model ID"}}, UpstreamModelNotFound),
        (400, {"detail": [{"msg": "extra fields not permitted"}]}, UpstreamRefused),
        (500, {"error": {"message": "x", "code": "invalid_api_key"}}, UpstreamError),
        (500, {"error": {"message": "prompt is too long"}}, UpstreamError),
    ],
)
def test_codes_and_words_say_more_than_the_status(
    status: int, body: object, cls: type[UpstreamError]
) -> None:
    """What providers write decides where the status is vague, and never in a 5xx."""
    assert type(error(status, body)) is cls


def test_key_error_reads_as_documented() -> None:
    """The message is fixed, so that nothing of the provider's words about the key gets out."""
    body = {"error": {"message": "Incorrect API key provided: sk-prod-abcdefghijklmnop"}}
    found = error(401, body, {"x-request-id": "req_1"})
    assert found.message == "Invalid API key for provider Prod"
    assert found.metadata["upstream_request_id"] == "req_1"
    assert "abcdefghij" not in str(found.metadata)


def test_message_is_kept_bounded_and_without_keys() -> None:
    """The provider's words are passed on, but no key in them, and not without end."""
    found = error(400, {"error": {"message": f"bad sk-abcdef123456 {'x y ' * 1000}"}})
    assert found.message.startswith("Prod: bad [redacted]")
    assert len(found.message) <= MAX_MESSAGE_CHARS + len("Prod: ")


@pytest.mark.parametrize(
    ("said", "shown"),
    [
        ("requests_per_minute_per_project_per_base_model", True),
        ("abcdefghijklmnopqrstuvwxyzabcdefgh", False),
        ("requests_per_minute_per_project_per_base_model1", False),
        ("requests_per_minute_per_project_per_base-Model", False),
        ("one_abcdefghijklmnopqrstuvwxyzabcdefghijkl", False),
    ],
)
def test_names_are_told_from_keys(said: str, shown: bool) -> None:  # noqa: FBT001 # a column
    """Operators need the name of a quota; what could be a key is not shown."""
    found = error(429, {"error": {"message": f"Quota exceeded: {said}."}})
    assert (said in found.message) == shown


@pytest.mark.parametrize(
    "body", [b"<html>bad</html>", b"", b"null", b"[]", b"{}", b"{nope", b"\xff"]
)
def test_body_of_any_form_gives_an_error(body: bytes) -> None:
    """No error page can make the reading of it fail."""
    found = error(503, body)
    assert type(found) is UpstreamError
    assert "<html>" not in found.message


@pytest.mark.parametrize(
    ("headers", "expected"),
    [
        ({"retry-after": "7"}, "7000"),
        ({"retry-after": "0.25"}, "250"),
        ({"retry-after-ms": "125", "retry-after": "1"}, "125"),
        (
            {
                "retry-after": "Mon, 23 Nov 2026 12:00:09 GMT",
                "date": "Mon, 23 Nov 2026 12:00:00 GMT",
            },
            "9000",
        ),
        ({"retry-after": "Mon, 23 Nov 2026 12:00:09 GMT"}, None),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-1"}, None),
        ({"retry-after": "nan"}, None),
        (
            {
                "retry-after": "Mon, 23 Nov 2026 12:00:09 +9999999999999",
                "date": "Mon, 23 Nov 2026 12:00:00 GMT",
            },
            None,
        ),
        ({"x-ratelimit-remaining-requests": "0", "x-ratelimit-reset-requests": "1m1s"}, "61000"),
        ({"x-ratelimit-remaining-requests": "9", "x-ratelimit-reset-requests": "1m1s"}, None),
        (
            {
                "x-ratelimit-remaining-requests": "9",
                "x-ratelimit-reset-requests": "1m",
                "x-ratelimit-remaining-tokens": "0",
                "x-ratelimit-reset-tokens": "20ms",
            },
            "20",
        ),
    ],
)
def test_wait_is_read_in_all_spellings(headers: dict[str, str], expected: str | None) -> None:
    """Seconds, milliseconds, dates by the provider's clock, and the reset of a used-up limit."""
    assert error(429, b"", headers).metadata.get("retry_after_ms") == expected


def test_error_in_stream_is_classed_by_its_code() -> None:
    """Inside a 2xx the error's own code takes the status's place."""
    assert type(error_in_stream({"code": 429, "message": "slow"}, "P")) is UpstreamRateLimited
    assert type(error_in_stream({"type": "overloaded_error"}, "P")) is UpstreamError
    assert type(error_in_stream("prompt is too long", "P")) is ContextTooLong
    assert type(error_in_stream(None, "P")) is UpstreamError


@pytest.mark.parametrize(
    ("message", "parameter"),
    [
        ("Invalid value: 'your api key is invalid'. Supported values are: 'user'.", None),
        ('"exceeded your current quota" is not one of the roles', None),
        ("Invalid role: your api key is invalid", "messages[0].role"),
        ("No such tool: `insufficient funds`", None),
    ],
)
def test_words_that_may_be_the_callers_say_nothing_of_a_key(
    message: str, parameter: str | None
) -> None:
    """Providers quote what they refuse, and callers write what they like."""
    body = {"error": {"message": message, "type": "invalid_request_error", "param": parameter}}
    assert type(error(400, body)) is UpstreamRefused


def test_words_alone_are_no_evidence_against_a_key() -> None:
    """The next key may do better, but this one is not benched for it; a status or a code is one."""
    credit = "Your credit balance is too low to access the Anthropic API"
    told = error(400, {"error": {"message": credit, "type": "invalid_request_error"}})
    assert isinstance(told, InsufficientFunds)
    assert not told.is_conclusive
    assert error(402, {"error": {"message": credit}}).is_conclusive
    assert error(401).is_conclusive
    google = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
    body = {"error": {"message": "no", "status": "INVALID_ARGUMENT", "details": [google]}}
    refused = error(400, body)
    assert isinstance(refused, InvalidApiKey)
    assert refused.is_conclusive


@pytest.mark.parametrize(
    ("status", "cls", "message"),
    [
        # https://community.openai.com/t/request-too-large-for-gpt-4/563243
        (429, UpstreamRateLimited, "Request too large for gpt-4 on tokens per min (TPM): Limit 1"),
        # https://openrouter.ai/docs/api-reference/errors
        (402, InsufficientFunds, "This request requires more credits, or fewer max_tokens."),
    ],
)
def test_a_limit_that_a_smaller_request_keeps_is_none_of_the_keys(
    status: int, cls: type[UpstreamError], message: str
) -> None:
    """One who asks for too much shuts out nobody who asks for less; the next key may allow it."""
    told = error(status, {"error": {"message": message, "code": "rate_limit_exceeded"}})
    assert type(told) is cls
    assert not told.is_conclusive
    assert error(429, {"error": {"message": "Too many tokens, please wait"}}).is_conclusive


@pytest.mark.parametrize("headers", [{"retry-after": "99999999999"}, {"retry-after-ms": "1e11"}])
def test_no_pause_is_longer_than_an_hour(headers: dict[str, str]) -> None:
    """Whatever a provider asks for; a key is not lost for three thousand years."""
    assert error(429, b"", headers).metadata["retry_after_ms"] == "3600000"
