"""What providers say of failures, in whatever form they say it."""

import orjson
import pytest
from tests.support.nonsense import deep

from conduit_providers.error_reports import (
    MAX_MESSAGE_CHARS,
    ProviderErrorReport,
    read_error,
    report_of,
    status_in,
)


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        (b'{"error":{"message":"No.","code":"a","type":"b"}}', "No.", "a"),
        (b'{"error":{"message":"No.","code":429,"status":"RESOURCE_EXHAUSTED"}}', "No.",
         "RESOURCE_EXHAUSTED"),
        (b'[{"error":{"message":"No.","status":"INTERNAL"}}]', "No.", "INTERNAL"),
        (b'{"message":"No.","code":"3505"}', "No.", ""),
        (b'{"Message":"No.","__type":"x#AccessDenied:y"}', "No.", "AccessDenied"),
        (b'{"detail":{"status":"quota_exceeded","message":"No."}}', "No.", "quota_exceeded"),
        (b'{"err_code":"INVALID_AUTH","err_msg":"No."}', "No.", "INVALID_AUTH"),
        (b'{"category":"INVALID_JSON","message":"No.","details":"at 7"}', "No.", "INVALID_JSON"),
        (b'{"errors":["No.","never"]}', "No.", ""),
        (b'{"error":{"errors":[{"message":"No.","code":"a"}]}}', "No.", "a"),
        (b'{"detail":[{"loc":["body","n"],"msg":"too many"},{"msg":"and more"}]}',
         "body.n: too many; and more", ""),
        (b'{"error":"No."}', "No.", ""),
        (b'{"error":{"message":{"detail":"No."}}}', "No.", ""),
        (b'{"error":{"message":"Provider returned error","metadata":{"raw":"No."}}}',
         "Provider returned error: No.", ""),
        (b'{"error":{"code":"a","message":"No.","innererror":{"code":"Content"}}}', "No.",
         "Content"),
        (b'"No."', "No.", ""),
        (b"No,\n  no.", "No, no.", ""),
        (b"<html>nginx</html>", "", ""),
        (b"", "", ""),
        (b"null", "", ""),
        (b"[]", "[]", ""),
        (b"\xff\xfeNo.", "��No.", ""),
    ],
)  # fmt: skip
def test_message_and_code_are_found_in_every_form(body: bytes, message: str, code: str) -> None:
    """Of OpenAI, Google, AWS, Mistral, Cloudflare, FastAPI, OpenRouter, Azure, and proxies."""
    found = read_error(body)
    assert (found.message, found.code) == (message, code)


@pytest.mark.parametrize(
    "value", [7, True, [], {}, [[]], {"message": 7}, {"code": {}}, {"details": [7, None]}, {"a": 1}]
)
def test_what_is_no_error_is_told_as_it_is(value: object) -> None:
    """And read without a crash, however it is wrapped."""
    for wrapped in (value, {"error": value}, {"errors": [value]}, [value]):
        assert isinstance(read_error(orjson.dumps(wrapped)), ProviderErrorReport)


def test_errors_within_errors_end_somewhere() -> None:
    """At the depth that every JSON has at most."""
    nested = b'{"errors":[' * 90 + b'"No."' + b"]}" * 90
    assert read_error(nested).message == "No."
    assert read_error(deep(5000)).message.startswith('{"a":')


def test_googles_details_say_more() -> None:
    """How long to wait, that it is a quota, why, and for which request."""
    kind = "type.googleapis.com/google.rpc."
    details = [
        {"@type": f"{kind}ErrorInfo", "reason": "RATE_LIMIT_EXCEEDED"},
        {"@type": f"{kind}RetryInfo", "retryDelay": "1.5s"},
        {"@type": f"{kind}RequestInfo", "requestId": "r-1"},
        {"@type": f"{kind}Help", "links": []},
    ]
    found = report_of({"status": "RESOURCE_EXHAUSTED", "message": "No.", "details": details})
    assert found.retry_after_ms == 1500
    assert found.is_quota
    assert found.codes == ("RESOURCE_EXHAUSTED", "RATE_LIMIT_EXCEEDED")
    assert found.request_id == "r-1"


@pytest.mark.parametrize("delay", ["9" * 400 + "s", "soon", "", 7, None, "-1s"])
def test_a_wait_that_makes_no_sense_is_not_told(delay: object) -> None:
    """It is a quota all the same."""
    detail = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": delay}
    found = report_of({"message": "No.", "details": [detail]})
    assert (found.retry_after_ms, found.is_quota) == (7000 if delay == 7 else None, True)


@pytest.mark.parametrize("name", ["request_id", "requestId"])
def test_the_request_is_named_beside_the_error(name: str) -> None:
    """As Anthropic and others do."""
    body = orjson.dumps({"error": {"message": "No."}, name: "req_1"})
    assert read_error(body).request_id == "req_1"


def test_messages_are_bounded() -> None:
    """Nobody reads a page."""
    assert len(read_error(b'{"error":"%b"}' % (b"x " * 10**5)).message) <= 4 * MAX_MESSAGE_CHARS


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ({"code": 429}, 429),
        ({"code": "503"}, 503),
        ({"code": "rate_limit", "raw_status_code": 429}, 429),
        ({"code": 200}, 0),
        ({"code": 600}, 0),
        ({"code": "²"}, 0),
        ({"code": "9" * 5000}, 0),
        ({"code": None}, 0),
        ({}, 0),
        ("503", 0),
        (None, 0),
    ],
)
def test_a_status_is_a_number_of_an_error(error: object, status: int) -> None:
    """A digit that is no number is none, nor is one of five thousand digits."""
    assert status_in(error) == status
