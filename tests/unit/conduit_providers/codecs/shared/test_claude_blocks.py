"""Blocks of Claude's turns, from one API to the other."""

from typing import Any

import pytest

from conduit_providers.codecs.shared.claude_blocks import as_converse, as_messages

Json = dict[str, Any]
PAIRS: list[tuple[Json, Json]] = [
    ({"type": "text", "text": "a"}, {"text": "a"}),
    (
        {"type": "tool_use", "id": "t", "name": "f", "input": {"a": 1}},
        {"toolUse": {"toolUseId": "t", "name": "f", "input": {"a": 1}}},
    ),
]


@pytest.mark.parametrize(("messages", "converse"), PAIRS)
def test_words_and_calls_are_of_both_forms(messages: Json, converse: Json) -> None:
    """Forth and back."""
    assert as_converse(messages) == converse
    assert as_messages(converse) == messages


@pytest.mark.parametrize(
    "block",
    [
        None,
        {},
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
        {"type": "text"},
        {"toolUse": {"toolUseId": "t"}},
        {"toolUse": {"toolUseId": "t", "name": "f", "input": {}, "type": "server_tool_use"}},
        {"toolUse": 5},
        {"text": 5},
    ],
)
def test_what_one_api_alone_has_is_no_block_of_the_other(block: Json | None) -> None:
    """Tools of a provider's own, and nonsense."""
    assert as_converse(block) is None
    assert as_messages(block) is None
