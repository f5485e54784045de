"""Events that are recognised as like another one, and those that only look so."""

import random

import pytest

from conduit_providers.codecs.openai.event_template import LESSONS, EventTemplate

BEGIN = b'data: {"id":"c","choices":[{"index":0,"delta":{"content":"'
END = b'"},"finish_reason":null}]}\n\n'
TEXTS = [b"", b" a", "né".encode(), b"\\n", b'\\"', b"\\\\", b"\\u00e9", b"{}[],:", b"content"]
# None of them could stand in a text, or be whole events.
UNLIKE = [
    BEGIN + b'a"b' + END,
    BEGIN + b"\\" + END,
    BEGIN + b"\\q" + END,
    BEGIN + b"a\nb" + END,
    BEGIN + b"a\x00b" + END,
    BEGIN + b"\xff" + END,
    BEGIN + b"\xc3" + END,
    BEGIN + b'","x":"' + END,
    # Its one quote begins and ends it.
    BEGIN + END[1:],
    BEGIN + b"a" + END[1:],
    BEGIN[:-1] + b"a" + END,
    BEGIN + b"a" + END.replace(b"null", b'"stop"'),
    BEGIN + b"a" + END.replace(b'"}', b'","role":"assistant"}'),
    BEGIN.replace(b":0", b":1") + b"a" + END,
    BEGIN + b"a" + END[:-1],
    b"data: [DONE]\n\n",
    b": comment\n\n",
    b"\n\n",
    b"\n",
]


def event(text: bytes) -> bytes:
    """Return an event with this text."""
    return BEGIN + text + END


def taught() -> EventTemplate:
    """Return a template that has learned an event."""
    template = EventTemplate()
    template.learn(event(b"first"))
    return template


@pytest.mark.parametrize("text", TEXTS)
def test_an_event_with_another_text_is_like_it(text: bytes) -> None:
    """Whatever the text is, as long as it is one."""
    assert taught().is_like(event(text))
    assert taught().leading(event(text) * 2) == (2, len(event(text)) * 2)


@pytest.mark.parametrize("other", UNLIKE)
def test_what_is_otherwise_is_not(other: bytes) -> None:
    """Neither alone, nor before, between or behind others."""
    template, like = taught(), event(b"a")
    assert not template.is_like(other)
    assert template.leading(other + like) == (0, 0)
    assert template.leading(like + other + like) == (1, len(like))
    assert template.leading(like * 3 + other) == (3, len(like) * 3)


@pytest.mark.parametrize("seed", range(200))
def test_those_at_the_beginning_are_counted(seed: int) -> None:
    """As many as come before the first that is otherwise."""
    draw = random.Random(seed)  # noqa: S311 # chooses a course of events
    count = draw.randrange(6)
    likes = [event(draw.choice(TEXTS)) for _ in range(count)]
    rest = [draw.choice(UNLIKE)]
    rest += [draw.choice([event(draw.choice(TEXTS)), draw.choice(UNLIKE)]) for _ in range(5)]
    found = taught().leading(b"".join(likes + rest))
    assert found == (count, sum(map(len, likes)))


def test_nothing_is_like_what_nobody_taught() -> None:
    """Not even nothing."""
    template = EventTemplate()
    for block in (b"", b"\n\n", event(b"a")):
        assert not template.is_like(block)
        assert template.leading(block) == (0, 0)


@pytest.mark.parametrize(
    "lesson",
    [
        b'data: {"choices":[{"index":0,"delta":{}}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"content":null}}]}\n\n',
        b'data: {"choices":[{"index":0,"delta":{"content": "a"}}]}\n\n',
        event(b'\\"'),
    ],
)
def test_an_event_without_a_plain_text_teaches_nothing(lesson: bytes) -> None:
    """Nor does it undo what was learned."""
    template = taught()
    template.learn(lesson)
    assert template.is_like(event(b"b"))
    fresh = EventTemplate()
    fresh.learn(lesson)
    assert not fresh.is_like(lesson)


def test_a_stream_whose_events_differ_is_left_in_peace() -> None:
    """After so many lessons that came to nothing."""
    template = EventTemplate()
    for number in range(LESSONS + 1):
        template.learn(BEGIN.replace(b'"c"', b'"%d"' % number) + b"a" + END)
    last = BEGIN.replace(b'"c"', b'"%d"' % (LESSONS - 1)) + b"b" + END
    assert template.is_like(last)
    assert not template.begin_lesson()
