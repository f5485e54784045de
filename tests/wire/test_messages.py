"""Every recorded chat, answered to a caller who speaks Anthropic's Messages.

What each dialect's provider said comes through: words, thoughts, calls, the reason to stop and the
counts; and handed back as the next turn, it is to its provider what it gave.
"""

from typing import Any

import orjson
import pytest
from tests.support.message_replays import (
    ASKED,
    answer_in,
    answered_chats,
    message_call,
)
from tests.support.replays import Replay
from tests.support.sdk_oracle import words
from tests.support.turns_of_dialects import given_in, turn_sent

from conduit_providers.codecs import codec_named
from conduit_providers.inbound.message_dialect import message_codec

Json = dict[str, Any]
CHATS = answered_chats()
STOPS = {
    "stop": {"end_turn", "stop_sequence", "pause_turn", "refusal", "compaction", "tool_use"},
    "length": {"max_tokens", "model_context_window_exceeded"},
    "tool_calls": {"tool_use"},
    "content_filter": {"refusal"},
}


def first_choice(replay: Replay) -> tuple[list[Json], str]:
    """Return the pieces of the first choice of a chat's answer, and where they say it."""
    expected = replay.expected
    if "answer" in expected:
        found, part = expected["answer"]["choices"], "message"
    else:
        found, part = [c for event in expected["events"] for c in event["choices"]], "delta"
    return [each for each in found if not each.get("index")], part


@pytest.mark.parametrize("replay", CHATS, ids=lambda each: each.name)
def test_answer_says_the_same_as_the_chat(replay: Replay) -> None:
    """Words, thoughts, calls and why it stopped, in events that the SDK knows."""
    choices, part = first_choice(replay)
    text, thought, finish = words(choices, part)
    refused = "".join((each.get(part) or {}).get("refusal") or "" for each in choices)
    message = answer_in(replay)
    blocks = message["content"]
    assert "".join(b["text"] for b in blocks if b["type"] == "text") == text + refused
    assert "".join(b["thinking"] for b in blocks if b["type"] == "thinking") == thought
    named = "".join(b["name"] for b in blocks if b["type"] == "tool_use")
    assert all(b["id"] for b in blocks if b["type"] == "tool_use")
    assert named == "".join(
        (call.get("function") or {}).get("name") or ""
        for each in choices
        for call in (each.get(part) or {}).get("tool_calls") or ()
    )
    assert message["stop_reason"] in STOPS[finish or "stop"]


@pytest.mark.parametrize("replay", CHATS, ids=lambda each: each.name)
def test_counts_are_the_providers(replay: Replay) -> None:
    """Those of its cache stand beside the others; what it did not count is marked as estimated."""
    usage = answer_in(replay)["usage"]
    counted = replay.expected.get("usage")
    if counted is None:
        assert usage["is_estimate"]
        return
    read = sum(n for name, n in counted.items() if _is_read(name) and isinstance(n, int))
    cached = usage["cache_read_input_tokens"] + usage["cache_creation_input_tokens"]
    assert usage["input_tokens"] + cached == read
    assert "is_estimate" not in usage or replay.fresh_call().stream


def _is_read(name: str) -> bool:
    is_input = name.endswith("input_tokens") or name.startswith("cache_write")
    return is_input and "output" not in name


STREAMED = [each for each in CHATS if each.fresh_call().stream]


@pytest.mark.parametrize("replay", STREAMED, ids=lambda each: each.name)
def test_stream_is_the_same_however_it_is_cut(replay: Replay) -> None:
    """In pieces of seven bytes, the same message comes out."""
    whole, cut = answer_in(replay), answer_in(replay, cut=7)
    for each in (whole, cut):
        each.pop("usage")
    assert cut == whole


PROMPTED = "replicate_chat"
# Why some turns do not go back as they came.
UNLIKE = {
    "Bedrock/chat/reasoning_gpt_oss": "its thoughts are unsigned",
    "Bedrock/chat/reasoning_nova": "its thoughts are unsigned",
    "Bedrock/chat/reasoning_nova_with_limit": "its thoughts are unsigned",
    "Bedrock/chat/structured_output_by_tool": "the call of a tool was the answer",
    "Bedrock/chat/stream_structured_output_by_tool": "the call of a tool was the answer",
    "Mistral/chat/stream_tools_without_index": "the ids of its calls are not Mistral's own",
}
HANDED_BACK = [
    each for each in CHATS if each.endpoint.codec != PROMPTED and each.name not in UNLIKE
]


@pytest.mark.parametrize("replay", HANDED_BACK, ids=lambda each: each.name)
def test_answer_handed_back_is_what_was_given(replay: Replay) -> None:
    """A client of Messages sends its blocks back, and the provider gets its own turn."""
    message = answer_in(replay)
    calls_made = [each for each in message["content"] if each["type"] == "tool_use"]
    results = [{"type": "tool_result", "tool_use_id": each["id"]} for each in calls_made]
    turns = [
        *ASKED["messages"],
        {"role": "assistant", "content": message["content"]},
        {"role": "user", "content": results or "And?"},
    ]
    call = message_call(replay, {**ASKED, "messages": turns})
    codec = message_codec(codec_named(replay.endpoint.codec))
    sent = orjson.loads(codec.to_upstream(call, replay.endpoint, replay.target).body)
    given = next(iter(given_in(replay)), None)
    if given:
        assert turn_sent(replay, sent) == given


# Ten answers of ten providers, whole and streamed, with words, thoughts and calls.
TURNS = [
    *("OpenAI/chat/tools", "Gemini/chat/stream_tools", "Anthropic/chat/tools"),
    *("Cohere/chat/tools", "Mistral/chat/tools", "DeepSeek/chat/stream_tools"),
    *("Ollama/chat/tools", "Groq/chat/reasoning", "OpenRouter/chat/stream_reasoning"),
    "Bedrock/chat/tools",
]
ENDS = {each.endpoint.codec: each for each in HANDED_BACK if each.name.endswith("/chat/plain")}


@pytest.mark.parametrize("end", ENDS.values(), ids=lambda each: each.endpoint.codec)
def test_conversation_that_changes_provider_at_each_turn_loses_nothing(end: Replay) -> None:
    """Whoever comes last gets all words, the names and arguments of all calls, and all results."""
    named = {each.name: each for each in CHATS}
    turns: list[Json] = []
    texts: list[str] = []
    for number, name in enumerate(TURNS):
        content = answer_in(named[name])["content"]
        asked = f"question {number}"
        turns += [{"role": "user", "content": asked}, {"role": "assistant", "content": content}]
        texts += [asked, *(block["text"] for block in content if block["type"] == "text")]
        uses = [block for block in content if block["type"] == "tool_use"]
        results = [
            {"type": "tool_result", "tool_use_id": use["id"], "content": f"result {number} {i}"}
            for i, use in enumerate(uses)
        ]
        texts += [each["content"] for each in results]
        texts += [use["name"] for use in uses]
        texts += [value for use in uses for value in use["input"].values() if _is_text(value)]
        if results:
            turns.append({"role": "user", "content": results})
            turns.append({"role": "assistant", "content": "Good."})
    turns.append({"role": "user", "content": "And?"})
    call = message_call(end, {**ASKED, "messages": turns})
    codec = message_codec(codec_named(end.endpoint.codec))
    sent = orjson.loads(codec.to_upstream(call, end.endpoint, end.target).body)
    said = "\n".join(texts_in(sent))
    assert [text for text in texts if text.strip() not in said] == []


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value)


def texts_in(held: object) -> list[str]:
    """Return all texts in a body, those in arguments that are JSON texts as they read."""
    if isinstance(held, str):
        read = orjson.loads(held) if held.startswith("{") and held.endswith("}") else None
        return [held, *texts_in(read)] if isinstance(read, dict) else [held]
    if isinstance(held, dict):
        return [text for each in held.values() for text in texts_in(each)]
    return [text for each in held for text in texts_in(each)] if isinstance(held, list) else []
