"""What Mistral answers otherwise than OpenAI, made what OpenAI answers."""

from typing import Any

import orjson
import pytest

from conduit_kernel.errors import UpstreamError
from conduit_providers.codecs.mistral.answer import (
    FORMAT,
    MAX_CHOICES,
    CallNumbers,
    ChoiceState,
    Thoughts,
    as_openai,
    is_odd,
)

Json = dict[str, Any]


def thinking(text: str, **more: object) -> Json:
    """Return a thought, or a piece of one."""
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}], **more}


def unfolded(thoughts: Thoughts, *chunks: Json) -> Json:
    """Return what a list of chunks becomes."""
    said: Json = {"content": list(chunks)}
    thoughts.unfold(said)
    return said


def event(choice: Json) -> bytes:
    """Return an event."""
    return orjson.dumps({"id": "1", "choices": [choice]})


@pytest.mark.parametrize(
    ("text", "odd"),
    [
        (b'{"content":"x","finish_reason":"stop"}', False),
        (b'{"content": [ ]}', True),
        (b'{"tool_calls":[]}', True),
        (b'{"tool_calls":null}', False),
        (b'{"finish_reason": "model_length"}', True),
        (b'{"finish_reason":"error"}', True),
        (b'{"content":"\\"tool_calls\\":["}', False),
    ],
)
def test_what_may_need_changes_is_found(text: bytes, *, odd: bool) -> None:
    """Everything else is passed on as it is."""
    assert is_odd(text) is odd


def test_words_end_a_thought() -> None:
    """Pieces of one have one number, across events."""
    thoughts = Thoughts()
    first = unfolded(thoughts, thinking("Hm"), thinking("mm"))
    assert first["content"] is None
    assert first["reasoning_content"] == "Hmmm"
    assert [detail["index"] for detail in first["reasoning_details"]] == [0, 0]
    assert unfolded(thoughts, thinking("!"))["reasoning_details"][0]["index"] == 0
    assert unfolded(thoughts, {"type": "text", "text": "So"})["content"] == "So"
    said: Json = {"content": "more"}
    thoughts.unfold(said)
    assert said == {"content": "more"}
    later = unfolded(thoughts, thinking("Ah", signature="s"))["reasoning_details"]
    assert later == [
        {"type": "reasoning.text", "text": "Ah", "signature": "s", "format": FORMAT, "index": 1}
    ]


def test_an_empty_text_ends_nothing() -> None:
    """Mistral sends some between."""
    thoughts = Thoughts()
    unfolded(thoughts, thinking("a"))
    unfolded(thoughts, {"type": "text", "text": ""})
    said: Json = {"content": ""}
    thoughts.unfold(said)
    assert unfolded(thoughts, thinking("b"))["reasoning_details"][0]["index"] == 0


def test_a_reference_cites_the_text_before_it() -> None:
    """Its place is counted within the event."""
    found = unfolded(
        Thoughts(),
        {"type": "reference", "reference_ids": [9]},
        {"type": "text", "text": "äö"},
        {"type": "text", "text": "abc"},
        {"type": "reference", "reference_ids": [1, 2]},
    )
    places = [(a["url_citation"]["start_index"], a["url_citation"]["end_index"], a["reference_ids"])
              for a in found["annotations"]]  # fmt: skip
    assert places == [(0, 0, [9]), (2, 5, [1, 2])]
    assert found["content"] == "äöabc"


@pytest.mark.parametrize(
    "chunk",
    [7, None, [], {}, {"type": "new"}, {"type": "text", "text": 7}, {"type": "thinking"},
     {"type": "thinking", "thinking": [7, {"text": 7}]}],
)  # fmt: skip
def test_chunks_of_no_known_form_crash_nothing(chunk: Any) -> None:  # noqa: ANN401 # any JSON
    """They say nothing that we could tell."""
    said = unfolded(Thoughts(), chunk, {"type": "text", "text": "x"})
    assert said["content"] == "x"


@pytest.mark.parametrize(
    ("pieces", "numbers"),
    [
        ([{"index": 3}, {"index": 4}], [3, 4]),
        ([{"id": "a"}, {"id": "b"}, {"id": "a"}], [0, 1, 0]),
        ([{"id": "a"}, {}, {"id": "null"}], [0, 0, 0]),
        ([{"function": {"name": "f"}}, {"function": {"name": "g"}}, {"function": {}}], [0, 1, 1]),
        ([{}, {}], [0, 0]),
        ([{"id": 7, "function": 7}, {"id": None}], [0, 0]),
    ],
)
def test_calls_are_numbered_where_mistral_does_not(pieces: list[Json], numbers: list[int]) -> None:
    """By their ids, by their names, or as the last one."""
    counter = CallNumbers()
    assert [counter.number(piece) for piece in pieces] == numbers


def test_an_answer_is_openais() -> None:
    """Calls have types and arguments that are text."""
    choice = {
        "index": 0,
        "message": {"tool_calls": [{"index": 5, "function": {"name": "f", "arguments": {"a": 1}}}]},
        "finish_reason": "model_length",
    }
    found = orjson.loads(as_openai(event(choice), "message", {}, "P"))["choices"][0]
    assert found["message"]["tool_calls"] == [
        {"function": {"name": "f", "arguments": '{"a":1}'}, "type": "function"}
    ]
    assert (found["finish_reason"], found["native_finish_reason"]) == ("length", "model_length")


def test_a_choice_remembers_its_own_events() -> None:
    """And no others'."""
    states: dict[int, ChoiceState] = {}
    for index, number in ((0, 0), (1, 0), (0, 1)):
        call = {"id": f"c{index}{number}", "function": {"name": "f"}}
        raw = event({"index": index, "delta": {"tool_calls": [call]}})
        found = orjson.loads(as_openai(raw, "delta", states, "P"))
        assert found["choices"][0]["delta"]["tool_calls"][0]["index"] == number


@pytest.mark.parametrize(
    "choice",
    [7, None, {}, {"delta": 7}, {"delta": {"content": None, "tool_calls": 7}},
     {"index": "x", "delta": {"tool_calls": [7, {"function": 7}]}}],
)  # fmt: skip
def test_choices_of_no_known_form_are_passed_on(choice: Any) -> None:  # noqa: ANN401 # any JSON
    """Whoever reads them knows what to do."""
    assert orjson.loads(as_openai(event(choice), "delta", {}, "P"))["id"] == "1"
    assert as_openai(b'{"choices":7}', "delta", {}, "P") == b'{"choices":7}'


def test_what_cannot_be_read_or_failed_is_the_providers_error() -> None:
    """A generation that failed is no answer."""
    with pytest.raises(UpstreamError, match="cannot be read"):
        as_openai(b'{"x":1e999}', "delta", {}, "P")
    with pytest.raises(UpstreamError, match="the generation failed"):
        as_openai(event({"index": 0, "finish_reason": "error"}), "delta", {}, "P")


def test_choices_are_bounded() -> None:
    """No stream makes us remember more than anybody asks for."""
    states: dict[int, ChoiceState] = {}
    for index in range(MAX_CHOICES):
        as_openai(event({"index": index, "delta": {}}), "delta", states, "P")
    with pytest.raises(UpstreamError, match="more choices"):
        as_openai(event({"index": MAX_CHOICES, "delta": {}}), "delta", states, "P")
