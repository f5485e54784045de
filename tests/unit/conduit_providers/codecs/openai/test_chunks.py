"""The events of OpenAI's dialect that are changed, and what stays of them."""

import orjson
import pytest

from conduit_providers.codecs.openai.chunks import (
    is_empty_delta,
    members_of,
    merged,
    usage_chunk,
    without_choices,
    without_usage,
)
from conduit_providers.quantities import CACHED_INPUT, INPUT, OUTPUT, REASONING, counted, plain

COUNTS = {"prompt_tokens": 7, "completion_tokens": 2, "total_tokens": 9}


def test_members_that_stay_keep_their_bytes() -> None:
    """Numbers, escapes and white space included."""
    event = b'{"x": 1.50e+02,"usage":{"a":1},"y":["\\u0041" , 1e999]}'
    assert without_usage(event) == b'{"x":1.50e+02,"y":["\\u0041" , 1e999]}'
    assert without_choices(b'{"choices":[{"a":1}],"x":1.0}') == b'{"choices":[],"x":1.0}'


def test_what_was_said_before_gives_way_to_what_is_said() -> None:
    """The event's own members win."""
    early = members_of(b'{"choices":[],"id":"","filter":{"a":1.0}}')
    assert orjson.loads(merged(b'{"choices":[{"index":0}],"id":"c"}', early)) == {
        "choices": [{"index": 0}],
        "id": "c",
        "filter": {"a": 1.0},
    }


@pytest.mark.parametrize(
    ("choice", "is_empty"),
    [
        ({"index": 0, "delta": {}, "finish_reason": "stop"}, True),
        ({"index": 0, "delta": {"role": "assistant", "content": ""}}, True),
        ({"index": 0, "delta": None, "logprobs": None, "stop_reason": "x"}, True),
        ({"index": 0, "delta": {"content": "x"}}, False),
        ({"index": 0, "delta": {}, "logprobs": {"content": []}}, False),
        ({"index": 0, "delta": {"tool_calls": [{}]}}, False),
    ],
)
def test_a_choice_is_empty_if_it_says_nothing_new(
    choice: dict[str, object], *, is_empty: bool
) -> None:
    """Who speaks, and why that ended, was said before."""
    assert is_empty_delta(orjson.dumps({"choices": [choice]})) is is_empty
    full = {"index": 1, "delta": {"content": "x"}}
    assert not is_empty_delta(orjson.dumps({"choices": [choice, full]}))


def test_an_event_that_cannot_be_read_says_something() -> None:
    """It is passed on as it came."""
    assert not is_empty_delta(b'{"choices":[{"index":0,"delta":{}}],"x":1e999}')


def test_the_last_chunk_has_openais_counts_and_the_providers_beside_them() -> None:
    """With the members that all chunks have; what is null is not told."""
    usage = counted(((INPUT, 3), (CACHED_INPUT, 4), (OUTPUT, 1), (REASONING, 1)))
    event = b'{"id":"c","object":"o","created":1,"model":"m","choices":[{"index":0}],"x":1}'
    told = orjson.loads(usage_chunk(event, usage, {"cost": 0.5, "total_tokens": None}))
    assert told == {
        "id": "c",
        "object": "o",
        "created": 1,
        "model": "m",
        "choices": [],
        "usage": {
            **COUNTS,
            "prompt_tokens_details": {"cached_tokens": 4},
            "completion_tokens_details": {"reasoning_tokens": 1},
            "cost": 0.5,
        },
    }


def test_a_chunk_that_tells_the_counts_alone_is_openais_already() -> None:
    """It keeps its bytes, however it is spaced."""
    for choices in (b"[]", b"[ ]"):
        event = b'{"id":"c","choices": %b,"usage":{"prompt_tokens":7}}' % choices
        assert usage_chunk(event, plain(7), {"prompt_tokens": 7}) is event


def test_without_any_event_there_is_a_chunk() -> None:
    """Of an answer that was nothing but its counts."""
    told = orjson.loads(usage_chunk(b"", plain(7, 2), None))
    assert told["usage"] == COUNTS
    assert told["choices"] == []


def test_a_number_that_nobody_holds_does_not_hide_the_counts() -> None:
    """It was passed on as it came, and is not looked at again."""
    event = b'{"id":"c","choices":[{"index":0,"delta":{},"x":1e999}]}'
    told = orjson.loads(usage_chunk(event, plain(7, 2), COUNTS))
    assert (told["id"], told["usage"]) == ("c", COUNTS)
