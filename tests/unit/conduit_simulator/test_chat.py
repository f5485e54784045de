"""Replies as bytes, read by OpenAI's own types."""

from collections.abc import Iterator

import orjson
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from conduit_simulator.chat import (
    DONE,
    GARBAGE,
    GARBAGE_EVENT,
    WRONG_TYPE,
    Envelope,
    completion,
    events,
)
from conduit_simulator.replies import Call, Reply, Usage

ENVELOPE = Envelope("chatcmpl-1", "echo", 1795435200)
WORDS = Reply(("one", " two"), (), ("Hm",), "stop", 2, Usage(3, 6, 2))
CALLS = Reply(
    (),
    (Call("call_1", "f", ("{", "}")), Call("call_2", "g", ("{}",))),
    (),
    "tool_calls",
    1,
    Usage(3, 3, 0),
)


def chunks(reply: Reply, *, include_usage: bool = False) -> Iterator[ChatCompletionChunk]:
    """Read the chunks of a stream."""
    *sent, last = events(ENVELOPE, reply, include_usage=include_usage)
    assert last == DONE
    for event in sent:
        yield ChatCompletionChunk.model_validate_json(event.removeprefix(b"data: "), strict=True)


def test_a_whole_answer_has_every_choice() -> None:
    """With its words, thoughts and counts."""
    found = ChatCompletion.model_validate_json(completion(ENVELOPE, WORDS), strict=True)
    assert [choice.index for choice in found.choices] == [0, 1]
    assert found.choices[1].message.content == "one two"
    assert found.usage is not None
    assert found.usage.total_tokens == 9


def test_an_answer_of_calls_has_no_words() -> None:
    """Their arguments are text."""
    message = orjson.loads(completion(ENVELOPE, CALLS))["choices"][0]["message"]
    assert message["content"] is None
    assert [call["function"]["arguments"] for call in message["tool_calls"]] == ["{}", "{}"]


def test_a_stream_says_the_same_in_pieces() -> None:
    """One token in each event, and the counts behind the last choice, where they are asked for."""
    found = list(chunks(WORDS, include_usage=True))
    said = [chunk.choices[0].delta.content or "" for chunk in found if chunk.choices]
    assert "".join(said) == "one two" * 2
    assert [chunk.usage is not None for chunk in found].index(True) == len(found) - 1
    assert all(chunk.usage is None for chunk in chunks(WORDS))


def test_streamed_calls_name_their_places() -> None:
    """The name comes first, then the arguments piece by piece."""
    pieces = [c for chunk in chunks(CALLS) for c in chunk.choices[0].delta.tool_calls or ()]
    assert [(piece.index, piece.id) for piece in pieces if piece.id] == [
        (0, "call_1"),
        (1, "call_2"),
    ]
    told = [
        (piece.index, piece.function.arguments) for piece in pieces if piece.function is not None
    ]
    assert told == [(0, ""), (0, "{"), (0, "}"), (1, ""), (1, "{}")]


def test_faults_are_what_they_say() -> None:
    """One is no JSON at all, the other JSON of another shape."""
    for text in (GARBAGE, GARBAGE_EVENT):
        try:
            orjson.loads(text)
        except orjson.JSONDecodeError:
            continue
        raise AssertionError(text)
    assert not isinstance(orjson.loads(WRONG_TYPE)["choices"], list)
