"""Answers as messages, whichever name thoughts have in them."""

import pytest

from conduit.v1.json_runtime import JsonError
from conduit_providers.codecs.openai.typed import read_chunk, read_completion


@pytest.mark.parametrize(
    ("said", "thought"),
    [
        ({"reasoning": "hm"}, "hm"),
        ({"reasoning_content": "hm"}, "hm"),
        ({"reasoning": "short", "reasoning_content": "long"}, "long"),
        ({"reasoning": "hm", "reasoning_content": ""}, "hm"),
        ({"content": "x"}, ""),
    ],
)
def test_thoughts_have_one_name(said: dict[str, str], thought: str) -> None:
    """In whole answers and in pieces of one."""
    whole = read_completion({"choices": [{"index": 0, "message": dict(said)}]})
    assert whole.choices[0].message.reasoning_content == thought
    piece = read_chunk({"choices": [{"index": 0, "delta": dict(said)}]})
    assert piece.choices[0].delta.reasoning_content == thought


def test_what_is_no_thought_stays_what_it_is() -> None:
    """OpenRouter's `reasoning` may be null."""
    whole = read_completion({"choices": [{"message": {"reasoning": {"a": 1}}}]})
    assert whole.choices[0].message.unknown_json == b'{"reasoning":{"a":1}}'


@pytest.mark.parametrize(
    "value", [7, None, [], {"choices": 7}, {"choices": [7]}, {"choices": [{"message": 7}]}]
)
def test_what_does_not_fit_is_told_by_the_contracts_reader(value: object) -> None:
    """Looking for thoughts crashes on nothing."""
    with pytest.raises(JsonError):
        read_completion(value)
