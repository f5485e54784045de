"""Fields and status lines, read and written."""

import json

import pytest

from conduit_kernel.http import Headers
from conduit_kernel.http.heads import field_lines, status_line
from conduit_kernel.http.refusal import render_plainly


def test_fields_become_lines_without_framing() -> None:
    """Framing is not the caller's to write, so it is left out."""
    fields = (
        (b"x-a", b"1"),
        (b"content-length", b"9"),
        (b"transfer-encoding", b"x"),
        (b"x-b", b""),
    )
    assert field_lines(fields) == b"x-a: 1\r\nx-b: \r\n"
    assert field_lines(()) == b""
    assert field_lines(((b"connection", b"close"),)) == b""


@pytest.mark.parametrize("bad", [b"a\r\nb: c", b"a\n", b"\ra", b"a\0b"])
def test_fields_cannot_add_lines(bad: bytes) -> None:
    """Neither by value nor by name."""
    for field in ((b"x", bad), (bad, b"x")):
        with pytest.raises(ValueError, match="line break"):
            field_lines(((b"x-good", b"1"), field))


def test_status_lines_are_those_of_answers() -> None:
    """Known, unknown, and none for what is not final."""
    assert status_line(404) == b"HTTP/1.1 404 Not Found\r\n"
    assert status_line(599) == b"HTTP/1.1 599 -\r\n"
    for status in (100, 101, 199, 1000, 0, -1):
        with pytest.raises(ValueError, match="status"):
            status_line(status)


def test_headers_are_found_by_lower_case_name() -> None:
    """First value, all values, without outer blanks; repeated ones last when listed."""
    headers = Headers.of([(b"X-A", b" 1\t"), (b"x-b", b"2"), (b"x-a", b"3 ")])
    assert headers.get(b"x-a") == b"1"
    assert headers.get(b"x-c") is None
    assert [value for name, value in headers.items() if name == b"x-a"] == [b"1", b"3"]
    assert [value for name, value in headers.items() if name == b"x-c"] == []
    assert list(headers.items()) == [(b"x-a", b"1"), (b"x-b", b"2"), (b"x-a", b"3")]
    assert (b"x-b" in headers, b"x-c" in headers, len(headers)) == (True, False, 3)


def test_plain_refusal_is_json_whatever_the_message() -> None:
    """Quotes and backslashes of a message stay inside their string."""
    _, body = render_plainly(400, "CODE", 'say "a\\b"', "")
    assert json.loads(body)["error"]["message"] == 'say "a\\b"'
