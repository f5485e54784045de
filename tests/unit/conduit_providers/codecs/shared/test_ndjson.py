"""Lines of JSON; what cuts them is tested in test_event_buffers."""

import pytest
from tests.support.costs import growth

from conduit_kernel.errors import UpstreamError
from conduit_providers.codec import MAX_EVENT_BYTES
from conduit_providers.codecs.shared.ndjson import LineBuffer


def test_lines_come_without_ends_and_without_empty_ones() -> None:
    """Whichever ends they have."""
    assert LineBuffer().feed(b'{"a":1}\r\n\n  \n {"b":2}\t\n') == [b'{"a":1}', b'{"b":2}']


def test_the_last_line_may_lack_its_end() -> None:
    """It is what is left."""
    buffer = LineBuffer()
    assert buffer.feed(b'{"a":1}\n{"b"') == [b'{"a":1}']
    assert buffer.feed(b":2} ") == []
    assert buffer.rest() == b'{"b":2}'
    assert buffer.feed(b"\n") == [b'{"b":2}']
    assert buffer.rest() == b""


def test_a_byte_order_mark_is_passed_over() -> None:
    """Servers on Windows put one before their streams."""
    assert LineBuffer().feed(b'\xef\xbb\xbf{"a":1}\n') == [b'{"a":1}']
    buffer = LineBuffer()
    assert buffer.feed(b"\xef\xbb") == buffer.feed(b'\xbf{"a":1}') == []
    assert buffer.rest() == b'{"a":1}'
    assert buffer.feed(b"\n") == [b'{"a":1}']


@pytest.mark.parametrize("begin", [b"", b"{}\n"])
def test_a_line_without_end_is_refused(begin: bytes) -> None:
    """Alone, and behind others; one byte less is held."""
    line = b"x" * MAX_EVENT_BYTES
    assert LineBuffer("Lumen").feed(begin + line) == ([b"{}"] if begin else [])
    with pytest.raises(UpstreamError, match="Lumen sent") as raised:
        LineBuffer("Lumen").feed(begin + line + b"x")
    assert raised.value.metadata["kind"] == "malformed"
    assert not raised.value.is_transient


def test_a_line_without_an_end_costs_no_more_than_others() -> None:
    """Eight times as many bytes cost about eight times as much, and not sixty-four."""

    def held(pieces: int) -> None:
        buffer = LineBuffer()
        for _ in range(pieces):
            buffer.feed(b"x" * 256)

    assert growth(held, 4000, 8) < 24
