"""An answer that is handed back as the next turn is, to its provider, what it gave.

Each recorded answer of every dialect is read, dumped as SDKs dump it, and sent on; the turn that
goes out is held against the blocks that came in.
"""

from typing import Any

import orjson
import pytest
from openai._models import construct_type
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletionChunk
from tests.support.operations import form_of
from tests.support.replays import CATALOG, Replay, replays
from tests.support.turns_of_dialects import given_in, turn_sent

from conduit_providers.calls import Call
from conduit_providers.codecs import codec_named

Json = dict[str, Any]
PROMPTED = "replicate_chat"
CHATS = [
    replay
    for replay in replays()
    if replay.operation == "chat"
    # Whose models have no turns, but a prompt.
    and replay.endpoint.codec != PROMPTED
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
    # Told while they come, and no items of the answer.
    "PerplexityAgent/chat/stream_reasoning": "it takes no thoughts back",
    "PerplexityAgent/chat/stream_search": "it takes no thoughts back",
    # Ids that nobody can send.
    "Mistral/chat/stream_tools_without_index": "the ids of its calls are not Mistral's own",
}
# What is our word for something in the blocks, or beside them, and of no use to the provider.
OURS = {"messages.annotations"}


def messages_of(replay: Replay) -> list[Json]:
    """Return the messages that a caller gets, those of a stream as OpenAI's SDK dumps them."""
    if "answer" in replay.expected:
        return [choice["message"] for choice in replay.expected["answer"]["choices"]]
    state = ChatCompletionStreamState()
    for event in replay.expected["events"]:
        chunk = construct_type(type_=ChatCompletionChunk, value=event)
        assert isinstance(chunk, ChatCompletionChunk)
        state.handle_chunk(chunk)
    whole: Any = state.current_completion_snapshot.to_dict(mode="json")
    return [choice["message"] for choice in whole["choices"]]


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
    messages = messages_of(replay)
    assert len(given) == len(messages)
    codec = codec_named(replay.endpoint.codec)
    for blocks, message in zip(given, messages, strict=True):
        call, first = next_call(replay, message), replay.fresh_call()
        codec.to_upstream(first, replay.endpoint, replay.target)
        sent = codec.to_upstream(call, replay.endpoint, replay.target)
        if blocks:
            assert turn_sent(replay, orjson.loads(sent.body)) == blocks
        assert set(call.dropped) - set(first.dropped) <= OURS | refused(replay)


def test_every_dialect_that_has_turns_is_held_to_it() -> None:
    """Whole and streamed, and with blocks to be handed back; Replicate's models have prompts."""
    held = {
        (each.endpoint.codec, each.fresh_call().stream) for each in CHATS if any(given_in(each))
    }
    codecs = {spec.endpoints["chat"].codec for spec in CATALOG.specs if "chat" in spec.endpoints}
    assert held == {
        (each, is_stream) for each in codecs - {PROMPTED} for is_stream in (True, False)
    }


def refused(replay: Replay) -> set[str]:
    """Return the members of messages that the catalog says a provider refuses."""
    return {f"messages.{name}" for name in replay.endpoint.drop_in_messages}


def test_each_turn_that_is_sent_otherwise_is_recorded() -> None:
    """No case is excused that is gone."""
    assert UNLIKE.keys() <= {replay.name for replay in CHATS}
