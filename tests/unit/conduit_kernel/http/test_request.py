"""A whole request, as the handler sees it."""

from conduit_kernel.http.request import Request


def request() -> Request:
    """Make a request with a secret in each place that may hold one."""
    made = Request("192.0.2.1")
    made.method, made.path, made.query = "POST", "/v1", "key=secret"
    made.fields, made.repeats = {b"authorization": b"secret"}, [(b"authorization", b" second ")]
    made.body = b"secret"
    return made


def test_requests_show_no_secrets() -> None:
    """What a log may print of one has no query, no fields and no body."""
    assert repr(request()) == "<Request POST /v1>"


def test_headers_hold_every_field() -> None:
    """The repeated ones, too; they are made once, however often they are asked for."""
    made = request()
    assert list(made.headers.items()) == [
        (b"authorization", b"secret"),
        (b"authorization", b"second"),
    ]
    assert made.headers is made.headers


def test_a_fresh_request_has_no_body_and_no_answer() -> None:
    """So whoever reads it before it is whole sees nothing of another one."""
    made = Request()
    assert (made.body, made.upgrade_offered, made.is_answered, made.peer) == (b"", False, False, "")
