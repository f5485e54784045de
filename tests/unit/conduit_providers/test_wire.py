"""Requests as values, which show no credentials."""

import pytest
from msgspec.structs import replace

from conduit_kernel.http import Origin
from conduit_providers.wire import (
    GrpcMethod,
    GrpcRequest,
    HttpRequest,
    SessionCreation,
    WebSocketRequest,
)

SECRET = (("authorization", "Bearer canary"),)


@pytest.mark.parametrize(
    "request_of",
    [
        HttpRequest("POST", "/v1/chat?key=canary", SECRET, b"canary"),
        WebSocketRequest("/v1/realtime?key=canary", SECRET, ("canary",)),
        WebSocketRequest("/canary?canary", origin=Origin("https", "lumen.example/v1", 443)),
        SessionCreation(
            HttpRequest("POST", "/v1/calls?key=canary", SECRET, b"canary"),
            lambda response: WebSocketRequest(response.body.decode()),
        ),
        GrpcRequest(GrpcMethod("/a.B/C"), (b"canary",), SECRET),
    ],
)
def test_no_request_shows_what_is_secret(request_of: object) -> None:
    """Neither a query nor a header nor a body is in a log, whatever logs it."""
    assert "canary" not in f"{request_of!r} {request_of} {[request_of]}"
    assert "/v1" in repr(request_of) or "/a.B/C" in repr(request_of)


def test_a_request_is_never_changed() -> None:
    """Signers return others."""
    request = HttpRequest("GET", "/")
    with pytest.raises(AttributeError):
        request.path = "/other"  # type: ignore[misc] # that is what is tested
    assert replace(request, headers=SECRET).headers == SECRET
    assert request.headers == ()
