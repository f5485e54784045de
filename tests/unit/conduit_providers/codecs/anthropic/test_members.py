"""Members of Anthropic's answers that stand beside OpenAI's form."""

from typing import Any

import msgspec
import orjson
import pytest

from conduit.v1.chat_pb2 import ChatUsage
from conduit_providers.codecs.anthropic.answer import Counts, Delta, Event, Message
from conduit_providers.codecs.anthropic.members import answer_json, choice_json, with_details
from conduit_providers.codecs.anthropic.stream import AnthropicChatDecoder
from conduit_providers.operations.chat import ChatCall, chat_request

Json = dict[str, Any]


def read(kind: type[Any], **members: object) -> Any:  # noqa: ANN401 # of the kind
    """Read a part of an answer."""
    return msgspec.json.decode(orjson.dumps(members), type=kind)


def test_members_of_an_answer_are_handed_out_as_they_are() -> None:
    """Null is no member."""
    edits = {"applied_edits": [{"type": "clear_tool_uses_20250919", "cleared_tool_uses": 3}]}
    message = read(Message, container={"id": "c"}, context_management=edits, diagnostics=None)
    told = {"container": {"id": "c"}, "context_management": edits}
    assert orjson.loads(answer_json(message)) == told
    assert answer_json(read(Message, container=None)) == answer_json(None) == b""


def test_what_a_stream_says_last_counts() -> None:
    """The SDK: a later list of transformations replaces the first."""
    first = read(Message, input_transformations=[], diagnostics={"cache_miss_reason": None})
    event = read(Event, type="message_delta", input_transformations=[{"type": "x"}])
    told = orjson.loads(answer_json(read(Delta, container={"id": "c"}), event, first))
    assert told == {
        "diagnostics": {"cache_miss_reason": None},
        "input_transformations": [{"type": "x"}],
        "container": {"id": "c"},
    }


def test_the_end_says_how_to_ask_again() -> None:
    """By the credit that a refusal gives, and by the sequence that stopped it."""
    details = {"type": "refusal", "category": "bio", "fallback_credit_token": "t"}
    found = read(Delta, stop_reason="refusal", stop_details=details, stop_sequence=None)
    assert orjson.loads(choice_json(found)) == {"stop_details": details}
    assert choice_json(read(Delta, stop_sequence="END")) == b'{"stop_sequence":"END"}'
    assert choice_json(read(Delta, stop_reason="end_turn")) == b""


def test_uses_of_own_tools_are_told_if_there_were_any() -> None:
    """Those that were not used say nothing, and nonsense is of no use."""
    used = read(Counts, server_tool_use={"web_search_requests": 2, "x": 0})
    assert orjson.loads(with_details(ChatUsage(), used).unknown_json) == {
        "server_tool_use": {"web_search_requests": 2, "x": 0}
    }
    for silent in ({"server_tool_use": {"x": 0}}, {"server_tool_use": 7}, {}):
        assert with_details(ChatUsage(), read(Counts, **silent)).unknown_json == b""
    assert with_details(ChatUsage(), None).unknown_json == b""
    odd = msgspec.json.decode(b'{"server_tool_use":{"a":1e999}}', type=Counts)
    assert with_details(ChatUsage(), odd).unknown_json == b""


def test_what_a_price_is_made_of_is_told() -> None:
    """The requests that the provider made of one, and where."""
    told = {"iterations": [{"type": "message", "input_tokens": 4}], "inference_geo": "us"}
    found = with_details(ChatUsage(), read(Counts, **told, fallback_credit=None)).unknown_json
    assert orjson.loads(found) == told


@pytest.mark.parametrize("end", [b"", b'data: {"type":"message_stop"}\n\n'])
def test_nonsense_in_the_counts_does_not_break_a_good_end(end: bytes) -> None:
    """Neither with the last event nor without it."""
    call = ChatCall(chat_request(json=b"{}"), "a", "m", provider="P", include_usage=True)
    decoder = AnthropicChatDecoder(call)
    last = b'{"stop_reason":"end_turn"},"usage":{"output_tokens":3,"server_tool_use":{"a":1e999}}'
    decoder.feed(b'data: {"type":"message_start","message":{}}\n\n')
    found = [decoder.feed(b'data: {"type":"message_delta","delta":%b}\n\n' % last + end)]
    found += [] if decoder.done else [decoder.close()]
    counted = [each.usage for events in found if events for each in events.chunks]
    assert counted[-1].completion_tokens == 3
