"""What is said in a streamed chat, and what is not yet."""

import orjson
import pytest

from conduit.v1.chat_chunk_json import chat_completion_chunk_from_json
from conduit_providers.chat_heads import are_silent, says_nothing

SILENT = [
    {},
    {"choices": []},
    {"choices": [{"index": 0}]},
    {"choices": [{"index": 0, "delta": {}}]},
    {"choices": [{"index": 0, "delta": {"role": "assistant"}, "finish_reason": None}]},
    {"choices": [{"index": 0, "delta": {"role": "assistant", "content": ""}}]},
    {"choices": [{"index": 0, "delta": {"content": None, "tool_calls": []}}]},
    {"choices": [{"index": 0, "delta": {"reasoning_content": ""}}], "usage": {"prompt_tokens": 3}},
]
CALL = {"index": 0, "id": "c", "type": "function", "function": {"name": "f", "arguments": ""}}
SAID = [
    {"choices": [{"index": 0, "delta": {"content": " "}}]},
    {"choices": [{"index": 0, "delta": {"role": "assistant", "tool_calls": [CALL]}}]},
    {"choices": [{"index": 0, "delta": {"reasoning_content": "so"}}]},
    {"choices": [{"index": 0, "delta": {"refusal": "no"}}]},
    {"choices": [{"index": 0, "delta": {"unheard_of": 1}}]},
    {"choices": [{"index": 0, "delta": {}, "finish_reason": "stop"}]},
    {"choices": [{"index": 0, "delta": {}}, {"index": 1, "delta": {"content": "x"}}]},
]


@pytest.mark.parametrize(
    ("events", "silent"), [(e, True) for e in SILENT] + [(e, False) for e in SAID]
)
def test_words_calls_and_reasons_to_stop_are_said(
    events: dict[str, object], *, silent: bool
) -> None:
    """In both forms of a chunk, whoever speaks."""
    data = b"data: %b\n\n" % orjson.dumps(events)
    assert are_silent(data) is silent
    assert are_silent(data * 2) is silent
    assert says_nothing(chat_completion_chunk_from_json(events)) is silent


@pytest.mark.parametrize("data", [b"data: [1]\n\n", b"data: {\n\n", b'data: {"choices":7}\n\n'])
def test_what_is_none_of_a_chat_is_handed_on(data: bytes) -> None:
    """It waits for nothing."""
    assert not are_silent(data)
