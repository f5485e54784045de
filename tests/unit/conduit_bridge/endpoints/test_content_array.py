"""Streams that are one array of JSON."""

from typing import cast

import orjson
import pytest

from conduit_bridge.endpoints.content_array import ArrayStream
from conduit_kernel.http import Stream


class Written:
    """Keeps what is written to it."""

    def __init__(self) -> None:
        self.body = b""
        self.has_ended = False
        self.is_quiet = False

    def write(self, data: bytes) -> bool:
        """Keep some of the body."""
        self.body += data
        return False

    def finish(self, last: bytes = b"") -> None:
        """Keep the last of it."""
        self.body += last
        self.has_ended = True


@pytest.mark.parametrize(
    ("written", "last", "found"),
    [
        ([], b"", []),
        ([b'data: {"a":1}\n\n'], b"", [{"a": 1}]),
        ([b"\n", b'data: {"a":1}\n\ndata: {"b":2}\n\n', b"\n"], b"", [{"a": 1}, {"b": 2}]),
        ([b'data: {"a":1}\n\n', b": comment\n\n"], b'data: {"e":3}\n\n', [{"a": 1}, {"e": 3}]),
        ([], b'data: {"e":3}\n\n', [{"e": 3}]),
    ],
)
def test_events_are_items(written: list[bytes], last: bytes, found: object) -> None:
    """Blanks between them say nothing, and neither do comments."""
    under = Written()
    stream = ArrayStream(cast("Stream", under))
    for data in written:
        stream.write(data)
    stream.finish(last)
    assert orjson.loads(under.body) == found
    assert stream.has_ended
