"""Calls of a gateway over HTTP, and of what is none."""

import pytest
from tests.support.gateway_answers import answering

from conduit_cli.chat import models
from conduit_cli.gateway import Gateway, GatewayError, error_in


def test_a_call_gives_the_answers_json() -> None:
    """Nothing of an empty one."""
    with answering(200, b'{"a": 1}') as gateway:
        assert gateway.call("POST", "/x", {"b": 2}) == {"a": 1}
    with answering(200, b"") as gateway:
        assert gateway.call("GET", "/x") == {}


@pytest.mark.parametrize(
    ("body", "message", "code"),
    [
        (b'{"error": "no", "code": "NOT_FOUND"}', "no", "NOT_FOUND"),
        (b'{"error": {"message": "no", "code": "unknown_url"}}', "no", "unknown_url"),
        (b'{"error": {"message": "no", "code": null}}', "no", ""),
        (b"<html>", "The gateway answered with status 404", ""),
        (b'{"error": null}', "The gateway answered with status 404", ""),
        (b"[]", "The gateway answered with status 404", ""),
    ],
)
def test_an_error_is_told_in_either_dialect(body: bytes, message: str, code: str) -> None:
    """Or by its status, from whatever stands before a gateway."""
    with answering(404, body) as gateway, pytest.raises(GatewayError) as caught:
        gateway.call("GET", "/x")
    assert (caught.value.status, caught.value.code) == (404, code)
    assert str(caught.value) == f"{message} ({code or 404})"


@pytest.mark.parametrize("body", [b"<html>", b"\xff", b'{"a": '])
def test_an_answer_that_is_no_json_is_an_error(body: bytes) -> None:
    """As when a URL leads to something else; nobody has to expect another kind of error."""
    with answering(200, body) as gateway:
        with pytest.raises(GatewayError, match="no JSON"):
            gateway.call("GET", "/x")
        assert models(gateway) == []


def test_an_answer_that_breaks_off_is_a_broken_connection() -> None:
    """Not a short answer."""
    with answering(200, b'{"a"', 100) as gateway, pytest.raises(OSError, match="broke off"):
        gateway.call("GET", "/x")


@pytest.mark.parametrize("url", ["", "localhost:8080", "ftp://a", "http://", "http://a:b", "//a"])
def test_what_is_no_url_is_refused(url: str) -> None:
    """Before anything is sent."""
    with pytest.raises(ValueError):  # noqa: PT011 # of several makers
        Gateway(url, {}, 1.0)


def test_json_without_an_error_tells_of_none() -> None:
    """Whatever it is."""
    answers: list[object] = [{}, {"error": None}, [], None, 1, "error", {"error": 1}]
    for found in answers:
        assert error_in(found) is None
