"""What the server itself answers: always JSON, and the status that fits."""

import json

import httptools
import pytest

from conduit_kernel.http.refusal import Refusal, refusal_of, render_plainly


def refused(data: bytes) -> Refusal:
    """Return what becomes of bytes that the parser rejects."""
    with pytest.raises(httptools.HttpParserError) as caught:
        httptools.HttpRequestParser(object()).feed_data(data)
    return refusal_of(caught.value)


@pytest.mark.parametrize("line", [b"GET / HTTP/3.0", b"PRI * HTTP/2.0\r\n\r\nSM"])
def test_other_versions_are_told_so(line: bytes) -> None:
    """A client of HTTP/2 learns that its request was well-formed, but not for us."""
    refusal = refused(line + b"\r\n\r\n")
    assert (refusal.status, refusal.code) == (505, "HTTP_VERSION")


@pytest.mark.parametrize("line", [b"\x16\x03\x01", b"GET  HTTP/1.1", b"G\0T / HTTP/1.1"])
def test_what_is_no_request_is_malformed(line: bytes) -> None:
    """A TLS hello among it."""
    refusal = refused(line + b"\r\n\r\n")
    assert (refusal.status, refusal.code) == (400, "MALFORMED_REQUEST")
    assert refusal.answer is None


@pytest.mark.parametrize(
    "message", ['say "a\\b"', "two\r\nlines", "tab\t", "\0", "ü\u2028", "\ud800"]
)
def test_plain_refusal_is_json_whatever_the_message(message: str) -> None:
    """All of a message stays inside of its string, on one line."""
    fields, body = render_plainly(400, "CODE", message, "/path")
    assert json.loads(body) == {"error": {"message": message, "code": "CODE", "status": 400}}
    assert b"\n" not in body
    assert dict(fields) == {b"content-type": b"application/json"}
