"""What Mistral answers otherwise than OpenAI, made what OpenAI answers."""

from typing import Any

import orjson
import pytest

from conduit_kernel.errors import UpstreamError
from conduit_providers.codecs.mistral.answer import (
    FORMAT,
    MAX_CHOICES,
    Unfolding,
    as_openai,
    is_odd,
)

Json = dict[str, Any]


def thinking(text: str, **more: object) -> Json:
    """Return a thought, or a piece of one."""
    return {"type": "thinking", "thinking": [{"type": "text", "text": text}], **more}


def unfolded(thoughts: Unfolding, *chunks: Json) -> Json:
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
        (b'{"tool_calls":[]}', False),
        (b'{"content":"\\"content\\":["}', False),
    ],
)
def test_what_may_need_changes_is_found(text: bytes, *, odd: bool) -> None:
    """Everything else is passed on as it is."""
    assert is_odd(text) is odd


def test_words_end_a_thought() -> None:
    """Pieces of one have one number, across events."""
    thoughts = Unfolding()
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
    thoughts = Unfolding()
    unfolded(thoughts, thinking("a"))
    unfolded(thoughts, {"type": "text", "text": ""})
    said: Json = {"content": ""}
    thoughts.unfold(said)
    assert unfolded(thoughts, thinking("b"))["reasoning_details"][0]["index"] == 0


def test_a_reference_cites_the_text_before_it() -> None:
    """Its place is counted from the answer's first word on, whatever event it is in."""
    unfolding = Unfolding()
    unfolding.unfold({"content": "0123456789"})
    found = unfolded(
        unfolding,
        {"type": "reference", "reference_ids": [9]},
        {"type": "text", "text": "äö"},
        {"type": "text", "text": "abc"},
        {"type": "reference", "reference_ids": [1, 2]},
    )
    places = [(a["url_citation"]["start_index"], a["url_citation"]["end_index"], a["reference_ids"])
              for a in found["annotations"]]  # fmt: skip
    assert places == [(10, 10, [9]), (12, 15, [1, 2])]
    assert found["content"] == "äöabc"
    later = unfolded(unfolding, {"type": "reference"})
    assert later["annotations"][0]["url_citation"]["start_index"] == 15


@pytest.mark.parametrize(
    "chunk",
    [7, None, [], {}, {"type": "new"}, {"type": "text", "text": 7}, {"type": "thinking"},
     {"type": "thinking", "thinking": [7, {"text": 7}]}],
)  # fmt: skip
def test_chunks_of_no_known_form_crash_nothing(chunk: Any) -> None:  # noqa: ANN401 # any JSON
    """They say nothing that we could tell."""
    said = unfolded(Unfolding(), chunk, {"type": "text", "text": "x"})
    assert said["content"] == "x"


def test_references_of_a_stream_have_numbers_by_choice() -> None:
    """OpenAI's accumulator tells entries by their index; whole answers have none."""
    states: dict[int, Unfolding] = {}
    chunks = [{"type": "reference", "reference_ids": [1]}]
    for index, number in ((0, 0), (1, 0), (0, 1)):
        raw = event({"index": index, "delta": {"content": chunks}})
        found = orjson.loads(as_openai(raw, "delta", states, "P"))
        assert found["choices"][0]["delta"]["annotations"][0]["index"] == number
    whole = as_openai(event({"message": {"content": chunks}}), "message", {}, "P")
    assert "index" not in orjson.loads(whole)["choices"][0]["message"]["annotations"][0]


@pytest.mark.parametrize(
    "choice",
    [7, None, {}, {"delta": 7}, {"delta": {"content": None, "tool_calls": 7}},
     {"index": "x", "delta": {"tool_calls": [7, {"function": 7}]}}],
)  # fmt: skip
def test_choices_of_no_known_form_are_passed_on(choice: Any) -> None:  # noqa: ANN401 # any JSON
    """Whoever reads them knows what to do."""
    assert orjson.loads(as_openai(event(choice), "delta", {}, "P"))["id"] == "1"
    assert as_openai(b'{"choices":7}', "delta", {}, "P") == b'{"choices":7}'


def test_what_cannot_be_read_is_the_providers_error() -> None:
    """Not ours."""
    with pytest.raises(UpstreamError, match="cannot be read"):
        as_openai(b'{"x":1e999}', "delta", {}, "P")


def test_choices_are_bounded() -> None:
    """No stream makes us remember more than anybody asks for."""
    states: dict[int, Unfolding] = {}
    for index in range(MAX_CHOICES):
        as_openai(event({"index": index, "delta": {}}), "delta", states, "P")
    with pytest.raises(UpstreamError, match="more choices"):
        as_openai(event({"index": MAX_CHOICES, "delta": {}}), "delta", states, "P")
