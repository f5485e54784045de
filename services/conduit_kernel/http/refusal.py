"""What the server itself answers when a request cannot be handed on."""

import json
from collections.abc import Callable

import httptools

from conduit_kernel.http.headers import Fields

Answer = tuple[int, Fields, bytes]
RenderRefusal = Callable[[int, str, str, str], tuple[Fields, bytes]]
"""(status, code, message, path) to the fields and body of the answer; the path may be empty."""


class Refusal(Exception):
    """A request that ends here, and with it its connection. ``code`` is for programs."""

    def __init__(self, status: int, code: str, message: str, answer: Answer | None = None) -> None:
        super().__init__(message)
        self.answer = answer
        """What is answered, where somebody else has written it."""
        self.status = status
        self.code = code
        self.message = message


def refusal_of(error: httptools.HttpParserError) -> Refusal:
    """Find the answer to bytes that the parser rejects."""
    reason = str(error)
    if "HTTP version" in reason or "PRI/Upgrade" in reason:
        return Refusal(505, "HTTP_VERSION", "only HTTP/1.0 and HTTP/1.1 are spoken here")
    return Refusal(400, "MALFORMED_REQUEST", f"not a well-formed HTTP request: {reason}")


def slow_body() -> Refusal:
    """Return the answer to a body that does not come."""
    return Refusal(408, "REQUEST_TIMEOUT", "the request's body took too long")


def render_plainly(status: int, code: str, message: str, _path: str) -> tuple[Fields, bytes]:
    """Write a small JSON body, for servers that were given no other shape."""
    body = json.dumps({"error": {"message": message, "code": code, "status": status}})
    # What a server cannot take now, it or another takes soon.
    soon = ((b"retry-after", b"1"),) if status == 503 else ()  # noqa: PLR2004 # Service Unavailable
    return ((b"content-type", b"application/json"), *soon), body.encode()
