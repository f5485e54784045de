"""Fields and status lines, read and written."""

import pytest

from conduit_kernel.http.heads import field_lines, status_line


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
