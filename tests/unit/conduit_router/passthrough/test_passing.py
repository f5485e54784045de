"""What of a provider's answer passes beside its bytes."""

import pytest

from conduit_kernel.errors import (
    ConduitError,
    DeadlineExceeded,
    InsufficientFunds,
    InvalidApiKey,
    UpstreamRateLimited,
    UpstreamRefused,
)
from conduit_providers.catalog import load_catalog
from conduit_providers.redaction import Redactor
from conduit_providers.wire import HttpResponse
from conduit_router.passthrough.passing import Refusals, headers_of

SPEC = load_catalog().find("Anthropic")
HEADERS = {
    "content-type": "application/json",
    "retry-after": "3",
    "request-id": "req_1",
    "x-request-id": "forged",
    "set-cookie": "a=b",
    "anthropic-organization-id": "org",
    "transfer-encoding": "chunked",
    "anthropic-ratelimit-requests-limit": "9\r\nx: y",
}
SAID = HttpResponse(400, HEADERS, b'{"error": "no sk-secret-key"}')


def test_headers_pass_that_tell_how_to_read_an_answer() -> None:
    """And the limits and ids that are the provider's own; none that could be two."""
    passed = {each.name: each.value for each in headers_of(HEADERS, SPEC, Redactor())}
    assert passed.keys() == {"content-type", "retry-after", "request-id"}
    openai = load_catalog().find("OpenAI")
    limits = {"x-ratelimit-limit-requests": "9", "x-request-id": "a"}
    assert list(headers_of(limits, openai, Redactor())) == []


def test_headers_do_not_repeat_the_key() -> None:
    """Not even as an id."""
    said = {"request-id": "sk-secret-key"}
    [passed] = headers_of(said, SPEC, Redactor("sk-secret-key"))
    assert passed.value == "[redacted]"


@pytest.mark.parametrize("kind", [UpstreamRefused, UpstreamRateLimited])
def test_refusals_of_the_request_pass(kind: type[ConduitError]) -> None:
    """With what is known of the call, and without our key."""
    refusals = Refusals(SPEC)
    refusals.note(SAID)
    error = kind("no", provider_id="7", provider_name="p", attempts="2", key_id="key_1")
    passed = refusals.passed(error, Redactor("sk-secret-key"))
    assert passed is not None
    assert (passed.status, passed.data) == (400, b'{"error": "no [redacted]"}')
    report = passed.started
    assert (report.provider_id, report.provider_name, report.attempts) == (7, "p", 2)
    assert passed.finished.report == report


@pytest.mark.parametrize("kind", [InvalidApiKey, InsufficientFunds, DeadlineExceeded])
def test_what_is_not_about_the_request_does_not(kind: type[ConduitError]) -> None:
    """Our key, our account, our limits."""
    refusals = Refusals(SPEC)
    refusals.note(SAID)
    assert refusals.passed(kind("no"), Redactor()) is None


def test_a_refusal_is_that_of_the_last_request() -> None:
    """What failed otherwise has none, whatever was refused before."""
    refusals = Refusals(SPEC)
    assert refusals.passed(UpstreamRefused("no"), Redactor()) is None
    refusals.note(SAID)
    refusals.forget()
    assert refusals.passed(UpstreamRefused("no"), Redactor()) is None
