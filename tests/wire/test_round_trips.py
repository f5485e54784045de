"""An answer that is handed back as the next turn is, to its provider, what it gave.

Each recorded answer of every dialect is read, dumped as SDKs dump it, and sent on; the turn that
goes out is held against the blocks that came in.
"""

from collections.abc import Iterator
from typing import Any

import orjson
import pytest
from tests.support.operations import form_of
from tests.support.replays import Replay, replays
from tests.support.turns_of_dialects import given_in, turn_sent

from conduit_providers.calls import Call
from conduit_providers.codecs import codec_named

Json = dict[str, Any]
CHATS = [
    replay
    for replay in replays()
    if replay.operation == "chat"
    # Whose models have no turns, but a prompt.
    and replay.endpoint.codec != "replicate_chat"
    and not {"answer", "events"}.isdisjoint(replay.expected)
    and "error" not in replay.expected
]
# Why some turns do not go back as they came.
UNLIKE = {
    # Bedrock refuses unsigned thoughts, its own models' included: aws-samples/bedrock-chat#851,
    # can1357/oh-my-pi#9086.
    "Bedrock/chat/reasoning_gpt_oss": "its thoughts are unsigned",
    "Bedrock/chat/reasoning_nova": "its thoughts are unsigned",
    "Bedrock/chat/reasoning_nova_with_limit": "its thoughts are unsigned",
    # A call that is sent back demands a result, which no caller of a JSON answer has.
    "Bedrock/chat/structured_output_by_tool": "the call of a tool was the answer",
    "Bedrock/chat/stream_structured_output_by_tool": "the call of a tool was the answer",
    # Ids that nobody can send.
    "Mistral/chat/stream_tools_without_index": "the ids of its calls are not Mistral's own",
}
# What is our word for something in the blocks, or beside them, and of no use to the provider.
OURS = {"messages.annotations"}


def messages_of(replay: Replay) -> Iterator[Json]:
    """Yield the messages that a caller gets."""
    if "answer" in replay.expected:
        for choice in replay.expected["answer"]["choices"]:
            yield choice["message"]
        return
    joined: dict[int, Json] = {}
    for event in replay.expected["events"]:
        for choice in event["choices"]:
            message = joined.setdefault(choice["index"], {"role": "assistant", "content": None})
            add(message, choice["delta"])
    yield from joined.values()


def add(message: Json, delta: Json) -> None:
    """Add a piece as SDKs do: texts are joined, lists are strung together, calls by their index."""
    for name, value in delta.items():
        if name == "tool_calls":
            add_calls(message.setdefault(name, []), value)
        elif isinstance(value, list):
            message[name] = message.get(name, []) + value
        elif isinstance(value, dict):
            add(message.setdefault(name, {}), value)
        elif isinstance(value, str) and name != "role":
            message[name] = (message.get(name) or "") + value


def add_calls(calls: list[Json], pieces: list[Json]) -> None:
    """Add pieces of calls."""
    for piece in pieces:
        place = piece.get("index", len(calls))
        if place == len(calls):
            calls.append({"id": "", "type": "function", "function": {"name": "", "arguments": ""}})
        call = calls[place]
        call |= {name: piece[name] for name in piece.keys() - {"index", "function"}}
        function = piece.get("function") or {}
        call["function"]["name"] += function.get("name") or ""
        call["function"]["arguments"] += function.get("arguments") or ""


def next_call(replay: Replay, message: Json) -> Call[Any]:
    """Return the call of the next turn, with the answer as OpenAI's SDK dumps it."""
    call = replay.fresh_call()
    dumped = {"refusal": None, "audio": None, "function_call": None, "tool_calls": None} | message
    results = [
        {"role": "tool", "tool_call_id": each["id"], "content": "done"}
        for each in message.get("tool_calls") or ()
    ]
    request = replay.asked.request
    after = results or [{"role": "user", "content": "And?"}]
    messages = [*request["messages"], dumped, *after]
    call.request = form_of("chat", orjson.dumps({**request, "messages": messages}))
    return call


@pytest.mark.parametrize(
    "replay", [each for each in CHATS if each.name not in UNLIKE], ids=lambda each: each.name
)
def test_answer_handed_back_is_what_was_given(replay: Replay) -> None:
    """Block for block and in order; nothing of it is dropped."""
    given = given_in(replay)
    messages = list(messages_of(replay))
    assert len(given) == len(messages)
    codec = codec_named(replay.endpoint.codec)
    for blocks, message in zip(given, messages, strict=True):
        call, first = next_call(replay, message), replay.fresh_call()
        codec.to_upstream(first, replay.endpoint, replay.target)
        sent = codec.to_upstream(call, replay.endpoint, replay.target)
        if blocks:
            assert turn_sent(replay, orjson.loads(sent.body)) == blocks
        assert set(call.dropped) - set(first.dropped) <= OURS | refused(replay)


def refused(replay: Replay) -> set[str]:
    """Return the members of messages that the catalog says a provider refuses."""
    return {f"messages.{name}" for name in replay.endpoint.drop_in_messages}


def test_each_turn_that_is_sent_otherwise_is_recorded() -> None:
    """No case is excused that is gone."""
    assert UNLIKE.keys() <= {replay.name for replay in CHATS}
