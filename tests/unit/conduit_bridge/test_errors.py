"""How errors look to HTTP callers."""

import errno

import orjson
import pytest

from conduit.v1.failures import FAILURES
from conduit.v1.json_runtime import JsonError
from conduit.v1.json_runtime import MalformedJson as NotJson
from conduit.v1.options_pb2 import DIALECT_ADMIN, DIALECT_ANTHROPIC, DIALECT_OPENAI
from conduit_bridge.errors import answer_of, error_for, event_of, refusal
from conduit_kernel.errors import (
    AlreadyExists,
    ConduitError,
    InsufficientFunds,
    InvalidApiKey,
    InvalidRequest,
    MethodNotAllowed,
    ProviderUnhealthy,
    UpstreamError,
    UpstreamRateLimited,
    VirtualKeyMissing,
)
from conduit_kernel.rpc import error_from


@pytest.mark.parametrize("reason", sorted(FAILURES.keys() - {"UNSPECIFIED"}))
def test_every_reason_has_both_shapes(reason: str) -> None:
    """Status and type are the contract's, and the hint is where there is one."""
    failure = FAILURES[reason]
    error = error_from(reason, "what happened", {"field": "weight"})
    status, _, body = answer_of(error, DIALECT_ADMIN)
    expected = {"error": "what happened", "code": reason, "field": "weight"}
    assert (status, orjson.loads(body)) == (
        failure.http_status,
        expected | ({"hint": failure.hint} if failure.hint else {}),
    )
    status, _, body = answer_of(error, DIALECT_OPENAI)
    received = orjson.loads(body)["error"]
    assert (status, received["type"], received["param"]) == (
        failure.http_status,
        failure.openai_type,
        "weight",
    )
    assert received["code"] == received["code"].lower()


def test_a_provider_s_key_is_not_called_the_caller_s() -> None:
    """`invalid_api_key` would send the caller looking at the wrong key."""
    for reason, code in (
        ("VIRTUAL_KEY_INVALID", "invalid_api_key"),
        ("INVALID_API_KEY", "provider_key_rejected"),
    ):
        body = answer_of(error_from(reason, "no", {}), DIALECT_OPENAI)[2]
        assert orjson.loads(body)["error"]["code"] == code


def test_param_is_null_where_nothing_is_to_blame() -> None:
    """OpenAI's clients expect the member to be there."""
    body = answer_of(AlreadyExists("taken", mapping_id="3"), DIALECT_OPENAI)[2]
    assert orjson.loads(body)["error"]["param"] is None


@pytest.mark.parametrize(
    ("wait", "seconds"), [("1", b"1"), ("1000", b"1"), ("1200", b"2"), ("0", b"0")]
)
def test_retry_after_is_rounded_up(wait: str, seconds: bytes) -> None:
    """Whole seconds are all the standard has, and too early is too early."""
    fields = dict(answer_of(UpstreamRateLimited("slowly", retry_after_ms=wait), DIALECT_ADMIN)[1])
    assert fields[b"retry-after"] == seconds
    assert fields[b"retry-after-ms"] == wait.encode()


@pytest.mark.parametrize("wait", ["", "-1", "soon", "1.5", "\u0661"])
def test_retry_after_that_is_no_number_is_left_out(wait: str) -> None:
    """Metadata comes from other processes, and headers must not carry what they like."""
    fields = dict(answer_of(UpstreamRateLimited("slowly", retry_after_ms=wait), DIALECT_ADMIN)[1])
    assert b"retry-after" not in fields


def test_some_errors_bring_header_fields() -> None:
    """A 405 must list the methods, a 401 must name the scheme."""
    allowed = dict(answer_of(MethodNotAllowed("no", allow="GET"), DIALECT_ADMIN)[1])
    assert allowed[b"allow"] == b"GET"
    unknown = dict(answer_of(VirtualKeyMissing("no"), DIALECT_OPENAI)[1])
    assert unknown[b"www-authenticate"].startswith(b"Bearer")


def test_converters_errors_name_the_place() -> None:
    """A value of the wrong type is told with its path."""
    error = error_for(JsonError("messages[2].role", "must be a string, not a number"), "bridge")
    assert isinstance(error, InvalidRequest)
    assert error.message == "messages[2].role must be a string, not a number"
    assert error.metadata == {"field": "messages[2].role"}
    broken = error_for(NotJson(17, "unexpected character"), "bridge")
    assert broken is not None
    assert (broken.reason, broken.metadata) == ("MALFORMED_JSON", {"position": "17"})


def test_what_nobody_foresaw_has_no_error() -> None:
    """Its words may hold anything."""
    assert error_for(KeyError("secret"), "bridge") is None


def test_our_own_lack_is_told_as_one_that_passes() -> None:
    """Whatever it was that found no descriptor."""
    error = error_for(OSError(errno.EMFILE, "Too many open files", "/proc/self/statm"), "bridge")
    assert error is not None
    assert answer_of(error, DIALECT_ADMIN)[0] == 503
    assert "statm" not in error.message


@pytest.mark.parametrize(
    ("status", "reason"),
    [(400, "INVALID_REQUEST"), (413, "REQUEST_TOO_LARGE"), (503, "SERVICE_UNAVAILABLE")],
)
def test_the_server_s_refusals_are_reasons_of_ours(status: int, reason: str) -> None:
    """Callers meet one set of codes."""
    assert refusal(status, "the body is too large").reason == reason


def test_an_error_event_is_one_line() -> None:
    """Line breaks in a message would end the event early."""
    event = event_of(UpstreamRateLimited("one\n\ndata: [DONE]"), DIALECT_OPENAI)
    assert event.count(b"\n") == 2
    assert event.endswith(b"}\n\n")


@pytest.mark.parametrize(
    ("error", "is_vain"),
    [
        (InvalidApiKey("no"), True),
        (InsufficientFunds("no"), True),
        (UpstreamRateLimited("slowly", retry_after_ms="60000"), False),
        (UpstreamRateLimited("slowly", retry_after_ms="60001"), True),
        (ProviderUnhealthy("no", retry_after_ms="1000"), False),
        (UpstreamError("503"), False),
    ],
)
def test_clients_are_told_where_trying_again_is_vain(error: ConduitError, *, is_vain: bool) -> None:
    """Their libraries try again after any 5xx and 429, but for this header."""
    fields = dict(answer_of(error, DIALECT_ADMIN)[1])
    assert fields.get(b"x-should-retry") == (b"false" if is_vain else None)


def test_anthropics_clients_get_its_errors() -> None:
    """By status, with our reason beside the type, the member at fault and the request's id."""
    error = InvalidRequest("max_tokens is required", field="max_tokens", request_id="req_1")
    status, _, body = answer_of(error, DIALECT_ANTHROPIC)
    found = orjson.loads(body)
    assert (status, found["type"], found["request_id"]) == (400, "error", "req_1")
    assert found["error"]["type"] == "invalid_request_error"
    assert found["error"]["param"] == "max_tokens"
    assert found["error"]["code"] == "INVALID_REQUEST"
    event = event_of(UpstreamRateLimited("slow"), DIALECT_ANTHROPIC)
    assert event.startswith(
        b'event: error\ndata: {"type":"error","error":{"type":"rate_limit_error"'
    )
    assert event.endswith(b"\n\n")


@pytest.mark.parametrize("reason", sorted(FAILURES.keys() - {"UNSPECIFIED"}))
def test_every_reason_has_a_type_of_anthropics(reason: str) -> None:
    """Those of its SDKs, by the status that they raise by."""
    status, _, body = answer_of(error_from(reason, "no", {}), DIALECT_ANTHROPIC)
    kind = orjson.loads(body)["error"]["type"]
    types = {400: "invalid_request_error", 401: "authentication_error", 404: "not_found_error"}
    types |= {403: "permission_error", 429: "rate_limit_error", 503: "overloaded_error"}
    assert kind == types.get(status, kind)
    assert kind.endswith(("_error", "_large"))
