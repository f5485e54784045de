"""Errors as OpenAI words them: https://platform.openai.com/docs/guides/error-codes."""

import orjson

# By status: type, code, message.
_KNOWN: dict[int, tuple[str, str | None, str]] = {
    400: ("invalid_request_error", None, "The request cannot be understood."),
    401: ("invalid_request_error", "invalid_api_key", "Incorrect API key provided."),
    402: ("insufficient_quota", "billing_not_active", "Your account is not active."),
    403: ("invalid_request_error", "unsupported_country", "This request is not permitted."),
    404: ("invalid_request_error", "model_not_found", "The model does not exist."),
    429: ("requests", "rate_limit_exceeded", "Rate limit reached. Please try again later."),
    503: ("server_error", "overloaded", "The engine is currently overloaded."),
}
_CODES: dict[str, tuple[str, str]] = {
    "insufficient_quota": ("insufficient_quota", "You exceeded your current quota."),
    "content_policy_violation": (
        "invalid_request_error",
        "Your request was rejected by our safety system.",
    ),
}


class ApiError(Exception):
    """An answer that is an error. `headers` come on top of the usual ones."""

    def __init__(
        self,
        status: int,
        message: str,
        *,
        kind: str = "invalid_request_error",
        code: str | None = None,
        param: str | None = None,
        headers: tuple[tuple[bytes, bytes], ...] = (),
    ) -> None:
        super().__init__(message)
        self.status = status
        self.headers = headers
        self._error = {"message": message, "type": kind, "param": param, "code": code}

    def body(self) -> bytes:
        """Return the JSON."""
        return orjson.dumps({"error": self._error})


def error_for(status: int, code: str = "", retry_after_seconds: int | None = None) -> ApiError:
    """Return what OpenAI says with a status; `code` where there are several."""
    kind, usual_code, message = _KNOWN.get(
        status,
        ("server_error", None, "The server had an error while processing your request.")
        if status >= 500  # noqa: PLR2004 # HTTP's own limit
        else ("invalid_request_error", None, "The request was refused."),
    )
    if code:
        kind, message = _CODES[code]
    headers = (
        ((b"retry-after", b"%d" % retry_after_seconds),) if retry_after_seconds is not None else ()
    )
    return ApiError(status, message, kind=kind, code=code or usual_code, headers=headers)


def model_not_found(model: str) -> ApiError:
    """Return the answer to a model name that is not in the table."""
    return ApiError(
        404,
        f"The model `{model[:100]}` does not exist or you do not have access to it.",
        code="model_not_found",
    )


def missing_key() -> ApiError:
    """Return the answer to a request without a bearer token."""
    return ApiError(
        401,
        "You didn't provide an API key. Send it as `Authorization: Bearer YOUR_KEY`.",
        code="invalid_api_key",
    )


def bad_request(message: str, param: str | None = None) -> ApiError:
    """Return the answer to a body that makes no sense."""
    return ApiError(400, message, param=param)
