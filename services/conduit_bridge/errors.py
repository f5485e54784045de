"""Renders errors for HTTP callers, in the dialect of the route.

`/api`: `{"error": "Provider with ID 999 not found", "code": "PROVIDER_NOT_FOUND", "hint": "..."}`,
with `field` where one is to blame. `/v1`: `{"error": {"message", "type", "param", "code"}}` as
OpenAI writes it, so that its SDKs raise their own exceptions, with `hint` beside them; on routes of
Anthropic's API `{"type": "error", "error": {"type", "message", ...}, "request_id"}`, on those of
Google's `{"error": {"code", "message", "status", "details"}}`. Statuses are the contract's, see
`protos/conduit/v1/error_reason.proto`.
"""

from collections.abc import Callable, Mapping

import grpc
import orjson

from conduit.v1 import json_runtime
from conduit.v1.options_pb2 import (
    DIALECT_ANTHROPIC,
    DIALECT_GOOGLE,
    DIALECT_OPENAI,
    DIALECT_RESPONSES,
    Dialect,
)
from conduit_kernel.errors import ConduitError, InvalidRequest, MalformedJson
from conduit_kernel.http import Field, Fields, Refusal
from conduit_kernel.http.descriptors import lack_told_by
from conduit_kernel.openai_errors import error_event, error_object
from conduit_kernel.rpc import error_from, error_of

# What the HTTP server refuses by itself, as reasons of ours, by status.
_REFUSALS = {
    405: "METHOD_NOT_ALLOWED",
    408: "DEADLINE_EXCEEDED",
    413: "REQUEST_TOO_LARGE",
    501: "NOT_IMPLEMENTED",
    503: "SERVICE_UNAVAILABLE",
}
_UNAVAILABLE = 503
_WANT_BEARER = frozenset(("VIRTUAL_KEY_MISSING", "VIRTUAL_KEY_INVALID"))
# Errors that the next try meets just so, though their statuses look as if they passed.
_VAIN = frozenset(
    (
        "ALREADY_EXISTS",
        "BUDGET_EXCEEDED",
        "IDEMPOTENCY_KEY_REUSED",
        "IDEMPOTENT_RESULT_NOT_KEPT",
        "INSUFFICIENT_FUNDS",
        "INVALID_API_KEY",
        "LOOP_DETECTED",
        "NO_PROVIDER_AVAILABLE",
        "NOT_IMPLEMENTED",
        "SECRET_UNREADABLE",
        "STILL_IN_USE",
        "STORAGE_FULL",
    )
)
# By status; whatever is no fault of the request's or of its caller's is `api_error`.
_ANTHROPIC_TYPES: Mapping[int, str] = {
    400: "invalid_request_error",
    401: "authentication_error",
    402: "billing_error",
    403: "permission_error",
    404: "not_found_error",
    405: "invalid_request_error",
    409: "invalid_request_error",
    413: "request_too_large",
    422: "invalid_request_error",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}
# By status: https://github.com/googleapis/googleapis/blob/master/google/rpc/code.proto
_GOOGLE_STATUSES: Mapping[int, str] = {
    400: "INVALID_ARGUMENT",
    401: "UNAUTHENTICATED",
    402: "FAILED_PRECONDITION",
    403: "PERMISSION_DENIED",
    404: "NOT_FOUND",
    405: "INVALID_ARGUMENT",
    408: "DEADLINE_EXCEEDED",
    409: "ABORTED",
    413: "INVALID_ARGUMENT",
    422: "INVALID_ARGUMENT",
    429: "RESOURCE_EXHAUSTED",
    501: "UNIMPLEMENTED",
    502: "UNAVAILABLE",
    503: "UNAVAILABLE",
    504: "DEADLINE_EXCEEDED",
    529: "UNAVAILABLE",
}
# Clients' libraries do not wait for longer; they would try again at once.
MAX_RETRY_MS = 60_000
JSON_FIELD: Field = (b"content-type", b"application/json")


def error_for(problem: Exception, service: str) -> ConduitError | None:
    """Return what callers may know of an exception; None for one that nobody foresaw."""
    match problem:
        case ConduitError():
            return problem
        case json_runtime.JsonError(path=path):
            named = {"field": path} if path else {}
            return InvalidRequest(str(problem), **named)
        case json_runtime.MalformedJson(position=position, reason=reason):
            message = f"The body is not JSON: {reason} at position {position}"
            return MalformedJson(message, position=str(position))
        case grpc.RpcError():
            return error_of(problem, service)
        case Refusal(status=status, message=message):
            # Of a body that is read as it comes: too large, too slow, malformed.
            return refusal(status, message)
        case _:
            return lack_told_by(problem)


def refusal(status: int, message: str) -> ConduitError:
    """Return the error that a refusal of the HTTP server tells of."""
    # Its connections are at their limit, or it is stopping: it or another takes the request soon.
    metadata = {"retry_after_ms": "1000"} if status == _UNAVAILABLE else {}
    return error_from(_REFUSALS.get(status, "INVALID_REQUEST"), _sentence(message), metadata)


def body_of(error: ConduitError, dialect: Dialect.ValueType) -> bytes:
    """Write an error as the JSON of a dialect."""
    return orjson.dumps(_WRITERS.get(dialect, _admin)(error))


def fields_of(error: ConduitError) -> list[Field]:
    """Return the header fields that belong to an error."""
    fields = [JSON_FIELD]
    if error.reason in _WANT_BEARER:
        fields.append((b"www-authenticate", b'Bearer realm="conduit"'))
    if allow := error.metadata.get("allow"):
        fields.append((b"allow", allow.encode()))
    wait = error.metadata.get("retry_after_ms", "")
    if wait.isdecimal() and wait.isascii():
        # Whole seconds are the standard; OpenAI's SDKs look for the milliseconds first.
        fields.append((b"retry-after", b"%d" % -(-int(wait) // 1000)))
        fields.append((b"retry-after-ms", wait.encode()))
    if error.reason in _VAIN or (wait.isdecimal() and int(wait) > MAX_RETRY_MS):
        # Clients try again after a 409, a 429 and all that looks like a server's fault.
        fields.append((b"x-should-retry", b"false"))
    return fields


def event_of(error: ConduitError, dialect: Dialect.ValueType) -> bytes:
    """Write an error as the server-sent event that ends a broken stream."""
    name = b"event: error\n" if dialect == DIALECT_ANTHROPIC else b""
    return b"%bdata: %b\n\n" % (name, body_of(error, dialect))


def frame_of(error: ConduitError, name: str, dialect: Dialect.ValueType) -> str:
    """Write an error as the event of a session, which has a name as all of its events have."""
    if dialect == DIALECT_RESPONSES:
        return orjson.dumps(error_event(error)).decode()
    told = error_object(error) | {"event_id": None}
    return orjson.dumps({"type": "error", "event_id": name, "error": told}).decode()


def answer_of(error: ConduitError, dialect: Dialect.ValueType) -> tuple[int, Fields, bytes]:
    """Return status, fields and body for an error."""
    return error.failure.http_status, fields_of(error), body_of(error, dialect)


def _admin(error: ConduitError) -> dict[str, str]:
    body = {"error": error.message, "code": error.reason}
    if hint := error.failure.hint:
        body["hint"] = hint
    if field := error.metadata.get("field"):
        body["field"] = field
    return body


def _openai(error: ConduitError) -> dict[str, dict[str, str | None]]:
    return {"error": error_object(error)}


def _anthropic(error: ConduitError) -> dict[str, object]:
    """Return an error as https://platform.claude.com/docs/en/api/errors has them."""
    failure, metadata = error.failure, error.metadata
    kind = _ANTHROPIC_TYPES.get(failure.http_status, "api_error")
    body: dict[str, object] = {"type": kind, "message": error.message, "code": error.reason}
    if failure.hint:
        body["hint"] = failure.hint
    if field := metadata.get("field") or metadata.get("parameter"):
        body["param"] = field
    found: dict[str, object] = {"type": "error", "error": body}
    if request_id := metadata.get("request_id"):
        found["request_id"] = request_id
    return found


def _google(error: ConduitError) -> dict[str, object]:
    """Return an error as https://google.aip.dev/193 has them."""
    failure, metadata = error.failure, dict(error.metadata)
    if failure.hint:
        metadata["hint"] = failure.hint
    info = {
        "@type": "type.googleapis.com/google.rpc.ErrorInfo",
        "reason": error.reason,
        "domain": "conduit",
        "metadata": metadata,
    }
    body: dict[str, object] = {"code": failure.http_status, "message": error.message}
    body["status"] = _GOOGLE_STATUSES.get(failure.http_status, "INTERNAL")
    return {"error": body | {"details": [info]}}


_WRITERS: Mapping[int, Callable[[ConduitError], Mapping[str, object]]] = {
    DIALECT_OPENAI: _openai,
    DIALECT_ANTHROPIC: _anthropic,
    DIALECT_RESPONSES: _openai,
    DIALECT_GOOGLE: _google,
}


def _sentence(message: str) -> str:
    return message[:1].upper() + message[1:]
