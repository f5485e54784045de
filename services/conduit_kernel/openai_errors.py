"""Errors as `/v1` tells them: the codes that OpenAI has for them, where it has."""

from conduit.v1.task_pb2 import TaskError
from conduit_kernel.errors import ConduitError

# What OpenAI calls it, where that is not the reason in lower case. Its SDKs' users test for these.
_CODES = {
    "INTERNAL": "server_error",
    "ROUTE_NOT_FOUND": "unknown_url",
    "METHOD_NOT_ALLOWED": "method_not_supported",
    "MASTER_KEY_MISSING": "invalid_api_key",
    "MASTER_KEY_INVALID": "invalid_api_key",
    "VIRTUAL_KEY_MISSING": "invalid_api_key",
    "VIRTUAL_KEY_INVALID": "invalid_api_key",
    # The provider's key, which is not the caller's fault.
    "INVALID_API_KEY": "provider_key_rejected",
    "INSUFFICIENT_FUNDS": "provider_funds_exhausted",
    "PROVIDER_RATE_LIMITED": "rate_limit_exceeded",
    "RATE_LIMITED": "rate_limit_exceeded",
    "PROVIDER_MODEL_NOT_FOUND": "model_not_found",
    "CONTEXT_TOO_LONG": "context_length_exceeded",
    "CONTENT_POLICY": "content_policy_violation",
    "CONTENT_BLOCKED": "content_filter",
    "BUDGET_EXCEEDED": "insufficient_quota",
}


def code_of(error: ConduitError) -> str:
    """Return the `code` of an error."""
    return _CODES.get(error.reason, error.reason.lower())


def error_object(error: ConduitError) -> dict[str, str | None]:
    """Return an error as OpenAI's answers hold it."""
    failure, metadata = error.failure, error.metadata
    body = {
        "message": error.message,
        "type": failure.openai_type,
        "param": metadata.get("field") or metadata.get("parameter"),
        "code": code_of(error),
    }
    if failure.hint:
        body["hint"] = failure.hint
    return body


def error_event(error: ConduitError) -> dict[str, object]:
    """Return an error as OpenAI's Responses have it on a connection, with its status."""
    return {"type": "error", "status": error.failure.http_status, "error": error_object(error)}


def task_error_of(error: ConduitError) -> TaskError:
    """Return an error as the task has it that it ended."""
    return TaskError(message=error.message, type=error.failure.openai_type, code=code_of(error))
