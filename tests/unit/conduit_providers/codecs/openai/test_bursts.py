"""Events that arrived together: which are read at once, and which by themselves."""

import pytest

from conduit_providers.codecs.openai.bursts import read_burst

WORD = b'{"choices":[{"index":0,"delta":{"content":"a"}}]}'
OTHER = b'{"choices":[],"x":"data: {"}'
EVENT, ANOTHER, DONE = (b"data: %b\n\n" % each for each in (WORD, OTHER, b"[DONE]"))


@pytest.mark.parametrize(
    ("block", "events", "is_bare", "is_ended"),
    [
        (EVENT, [WORD], True, False),
        (EVENT + ANOTHER + EVENT, [WORD, OTHER, WORD], True, False),
        (EVENT + DONE, [WORD], False, True),
        (EVENT + b"\n\n" + ANOTHER, [WORD, OTHER], False, False),
        (EVENT + b"\n" + ANOTHER, [WORD, OTHER], False, False),
    ],
)
def test_events_of_a_line_each_are_read_at_once(
    block: bytes, events: list[bytes], *, is_bare: bool, is_ended: bool
) -> None:
    """Their JSON is that of their chunks, in order."""
    burst = read_burst(block)
    assert burst is not None
    assert burst.events() == [each + b"\n" for each in events]
    assert [bool(chunk.choices) for chunk in burst.chunks] == [each == WORD for each in events]
    assert (burst.is_bare, burst.is_ended) == (is_bare, is_ended)


@pytest.mark.parametrize(
    "block",
    [
        DONE,
        b"\n\n",
        b"data:%b\n\n" % WORD,
        EVENT + b"data:%b\n\n" % WORD,
        EVENT + b": comment\n\n",
        EVENT + b"event: x\n" + EVENT,
        EVENT + b"%b\n\n" % WORD,
        EVENT + DONE + EVENT,
        b"data: %b\nid: 7\n\n" % WORD,
        b"data: %b\n%b\n\n" % (WORD, WORD),
        b'data: {"choices":[{"index":0,\ndata: "delta":{}}]}\n\n',
        b"data: {\n\n",
        b'data: {"x":"\xff"}\n\n',
        b'data: {"x":%b%b}\n\n' % (b"[" * 250, b"]" * 250),
    ],
)
def test_events_of_another_shape_are_not(block: bytes) -> None:
    """Nor is what is no event, or cannot be read."""
    assert read_burst(block) is None
