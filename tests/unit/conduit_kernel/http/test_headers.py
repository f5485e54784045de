"""Header fields by name, as they came."""

from conduit_kernel.http import Headers


def test_headers_are_found_by_lower_case_name() -> None:
    """First value, all values, without outer blanks; repeated ones last when listed."""
    headers = Headers.of([(b"X-A", b" 1\t"), (b"x-b", b"2"), (b"x-a", b"3 ")])
    assert headers.get(b"x-a") == b"1"
    assert headers.get(b"x-c") is None
    assert [value for name, value in headers.items() if name == b"x-a"] == [b"1", b"3"]
    assert [value for name, value in headers.items() if name == b"x-c"] == []
    assert list(headers.items()) == [(b"x-a", b"1"), (b"x-b", b"2"), (b"x-a", b"3")]
    assert (b"x-b" in headers, b"x-c" in headers, len(headers)) == (True, False, 3)


def test_a_field_may_come_often_and_be_empty() -> None:
    """An empty value is one; every repetition is kept, in order, and counted."""
    headers = Headers.of([(b"a", b" \t"), (b"A", b"1"), (b"a", b"2")])
    assert headers.get(b"a") == b""
    assert b"a" in headers
    assert list(headers.items()) == [(b"a", b""), (b"a", b"1"), (b"a", b"2")]
    assert len(headers) == 3


def test_headers_of_nothing_have_nothing() -> None:
    """Neither fields nor a length."""
    headers = Headers.of([])
    assert (list(headers.items()), len(headers), headers.get(b"host")) == ([], 0, None)


def test_only_blanks_are_cut_off() -> None:
    """Other characters that Python takes for white space belong to the value."""
    assert Headers.of([(b"a", b" \x0b1\xa0 ")]).get(b"a") == b"\x0b1\xa0"
