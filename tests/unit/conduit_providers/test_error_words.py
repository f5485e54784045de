"""Failures that providers tell in words alone."""

import pytest

from conduit_kernel.errors import (
    ContentPolicy,
    ContextTooLong,
    InsufficientFunds,
    InvalidApiKey,
    UpstreamError,
    UpstreamModelNotFound,
)
from conduit_providers.error_reports import report_of
from conduit_providers.error_words import class_by_words


@pytest.mark.parametrize(
    ("status", "message", "cls"),
    [
        (403, "Your credit balance is too low", InsufficientFunds),
        (400, "The prompt is too long: 9 tokens", ContextTooLong),
        (400, "API key not valid. Please pass a valid API key.", InvalidApiKey),
        (400, "The request was flagged by our content filter", ContentPolicy),
        (400, "Unsupported model", UpstreamModelNotFound),
        # A model is there that has no prompt cache.
        (
            400,
            "An unsupported model or your request did not allow prompt caching.",
            None,
        ),
        (404, "The model does not exist", UpstreamModelNotFound),
        (400, "temperature must be at most 2", None),
        # What users of gateways reported: an account's limit, told as a bad request.
        (
            400,
            "You have reached your specified API usage limits. You will regain access on 2026-12",
            InsufficientFunds,
        ),
        (429, "Your prepayment credits are depleted. Please go to AI Studio", InsufficientFunds),
        (400, "Budget has been exceeded! Current cost: 1.0", InsufficientFunds),
        (403, "Key limit exceeded (total limit)", InsufficientFunds),
        (400, "This organization has been disabled.", InvalidApiKey),
        # And a model that has gone.
        (400, "The model `llama3-70b` has been decommissioned", UpstreamModelNotFound),
        (
            400,
            "The model grok-2 was deprecated on 2025-09-15 and is no longer accessible",
            UpstreamModelNotFound,
        ),
        (410, "This model version has reached the end of its life.", UpstreamModelNotFound),
        (
            400,
            "Invocation of model ID a.claude-4 with on-demand throughput isn\u2019t supported.",
            UpstreamModelNotFound,
        ),
        (400, "This model no longer takes temperature", None),
        # Words that mean one thing with one status, and nothing with another.
        (404, "Your credit balance is too low", None),
        (403, "API key not valid", None),
        (500, "The prompt is too long", None),
    ],
)
def test_words_tell_among_what_a_status_can_mean(
    status: int, message: str, cls: type[UpstreamError] | None
) -> None:
    """And nothing else: a server that failed says much."""
    assert class_by_words(status, report_of({"message": message})) is cls


@pytest.mark.parametrize(
    "error",
    [
        {"message": "Invalid value: 'api key not valid'"},
        {"message": "API key not valid", "param": "messages"},
    ],
)
def test_what_may_be_the_callers_words_condemns_no_key(error: dict[str, str]) -> None:
    """Neither a quotation nor what is about a parameter."""
    assert class_by_words(400, report_of(error)) is None


def test_an_address_is_no_reason() -> None:
    """Rate limits name the page where one can buy more."""
    report = report_of({"message": "Slow down, see https://a.example/settings/billing"})
    assert class_by_words(403, report) is None
