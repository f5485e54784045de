"""What users of other gateways reported of Messages, tried here."""

from typing import Any

import orjson
import pytest
from tests.support.message_replays import (
    ASKED,
    accumulated,
    answered_chats,
    events_in,
    message_call,
)
from tests.support.replays import Replay, data_in

from conduit_providers.codecs import codec_named
from conduit_providers.inbound.message_dialect import message_codec

Json = dict[str, Any]
CHATS = {each.name: each for each in answered_chats()}
OPENAI = CHATS["OpenAI/chat/stream"]


def streamed(*deltas: Json, finish: str = "stop", kind: Replay = OPENAI) -> Json:
    """Return the message of a stream of OpenAI's dialect, whose events are in Anthropic's order."""
    head = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    choices: list[Json] = [{"index": 0, "delta": delta, "finish_reason": None} for delta in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": finish})
    lines = [b"data: %b\n\n" % orjson.dumps({**head, "choices": [each]}) for each in choices]
    codec = message_codec(codec_named("openai_chat"))
    decoder = codec.decoder(message_call(kind, ASKED), kind.endpoint)
    return accumulated(events_in(decoder, b"".join(lines) + b"data: [DONE]\n\n", cut=97))


def call(name: str, arguments: str, index: int = 0) -> Json:
    """Return the piece that begins a call."""
    function = {"name": name, "arguments": arguments}
    return {"index": index, "id": f"call_{index}", "type": "function", "function": function}


def sent(asked: Json, kind: Replay = OPENAI) -> Json:
    """Return the body that goes to a provider for a request."""
    call_of = message_call(kind, asked)
    codec = message_codec(codec_named(kind.endpoint.codec))
    body: Json = orjson.loads(codec.to_upstream(call_of, kind.endpoint, kind.target).body)
    return body


def test_texts_beside_empty_lists_of_calls_are_texts() -> None:
    """Some servers send `tool_calls: []` with each piece: BerriAI/litellm#29286."""
    message = streamed(*({"content": word, "tool_calls": []} for word in ("Hel", "lo")))
    assert [(b["type"], b["text"]) for b in message["content"]] == [("text", "Hello")]


def test_thoughts_are_never_in_a_block_of_text() -> None:
    """Also behind an empty text: BerriAI/litellm#33224, #32357."""
    message = streamed(
        {"role": "assistant", "content": ""},
        {"content": "", "reasoning_content": "hm"},
        {"content": "So"},
    )
    assert [block["type"] for block in message["content"]] == ["thinking", "text"]


def test_the_piece_that_begins_a_call_has_arguments_already() -> None:
    """They are told, though a block ends with it: BerriAI/litellm#25321, #25561."""
    message = streamed({"content": "Now"}, {"tool_calls": [call("Read", '{"file_path":"a"}')]})
    assert message["content"][1]["input"] == {"file_path": "a"}


def test_calls_are_the_reason_to_stop_whatever_the_provider_says() -> None:
    """And no empty text stands before them: BerriAI/litellm#34692."""
    message = streamed({"content": ""}, {"tool_calls": [call("Read", "{}")]}, finish="stop")
    assert [block["type"] for block in message["content"]] == ["tool_use"]
    assert message["stop_reason"] == "tool_use"


def test_what_was_read_is_told_at_once() -> None:
    """Where the provider counts at the end: BerriAI/litellm#24176."""
    codec = message_codec(codec_named("openai_chat"))
    decoder = codec.decoder(message_call(OPENAI, ASKED), OPENAI.endpoint)
    events = decoder.feed(OPENAI.response.body[:300])
    (start, *_) = data_in(events.sse)
    assert start["message"]["usage"]["input_tokens"] > 0
    assert start["message"]["usage"]["is_estimate"] is True


def test_thinking_without_a_budget_is_no_effort() -> None:
    """The model's own is: experientiallabs/experiential#905."""
    assert "reasoning_effort" not in sent({**ASKED, "thinking": {"type": "enabled"}})


def test_a_tool_of_anthropics_own_does_not_refuse_the_turn() -> None:
    """Nor does a choice stay that has no tool left: experientiallabs/experiential#905."""
    tool = {"type": "web_search_20250305", "name": "web_search"}
    body = sent({**ASKED, "tools": [tool], "tool_choice": {"type": "any"}})
    assert {"tools", "tool_choice"}.isdisjoint(body)


def test_signatures_of_geminis_calls_come_back() -> None:
    """Gemini refuses calls without: 8monkey-ai/hebo-gateway#171, anthropics/claude-code#87311."""
    google = CHATS["Gemini/chat/tools"]
    extra = {"extra_content": {"google": {"thought_signature": "Eu0CAb4="}}}
    message = streamed({"tool_calls": [call("Read", "{}") | extra]})
    turns = [
        *ASKED["messages"],
        {"role": "assistant", "content": message["content"]},
        {"role": "user", "content": [{"type": "tool_result", "tool_use_id": "call_0"}]},
    ]
    body = sent({**ASKED, "messages": turns}, google)
    assert "Eu0CAb4=" in str(body["contents"][1])


def test_results_of_calls_at_once_are_one_turn_of_anthropics() -> None:
    """Apart they teach the model to call one by one: zavora-ai/adk-rust#279."""
    claude = next(each for name, each in CHATS.items() if "VertexAI" in name and "claude" in name)
    uses = [{"type": "tool_use", "id": f"toolu_{i}", "name": "f", "input": {}} for i in (1, 2)]
    results = [{"type": "tool_result", "tool_use_id": f"toolu_{i}"} for i in (1, 2)]
    turns = [
        *ASKED["messages"],
        {"role": "assistant", "content": uses},
        {"role": "user", "content": results},
    ]
    body = sent({**ASKED, "messages": turns}, claude)
    assert [block["type"] for block in body["messages"][2]["content"]] == ["tool_result"] * 2


INTERLEAVED: list[Json] = [
    {"type": "thinking", "thinking": "one", "signature": "EqQB1"},
    {"type": "text", "text": "First."},
    {"type": "thinking", "thinking": "two", "signature": "EqQB2"},
    {"type": "tool_use", "id": "toolu_1", "name": "f", "input": {"a": 1}},
    {"type": "thinking", "thinking": "three", "signature": "EqQB3"},
    {"type": "tool_use", "id": "toolu_2", "name": "f", "input": {}},
]
IN_TURN = {
    "role": "user",
    "content": [{"type": "tool_result", "tool_use_id": f"toolu_{i}"} for i in (1, 2)],
}


def interleaved() -> Json:
    """Return a request behind a turn in which Claude thought between words and calls."""
    turn = {"role": "assistant", "content": INTERLEAVED}
    return {**ASKED, "messages": [*ASKED["messages"], turn, IN_TURN]}


def test_thoughts_keep_their_places_at_claude_on_vertex() -> None:
    """They cannot be modified, which another order is: maximhq/bifrost#6342."""
    claude = next(each for name, each in CHATS.items() if "VertexAI" in name and "claude" in name)
    assert sent(interleaved(), claude)["messages"][1]["content"] == INTERLEAVED


def test_thoughts_keep_their_places_at_claude_on_bedrock() -> None:
    """In Converse's words."""
    blocks = sent(interleaved(), CHATS["Bedrock/chat/plain"])["messages"][1]["content"]
    assert [next(iter(block)) for block in blocks] == [
        *("reasoningContent", "text", "reasoningContent", "toolUse"),
        *("reasoningContent", "toolUse"),
    ]
    assert [b["toolUse"]["toolUseId"] for b in blocks if "toolUse" in b] == ["toolu_1", "toolu_2"]


def test_others_get_words_calls_and_no_blocks() -> None:
    """Who takes no thoughts of Claude's gets the turn as ever."""
    turn = sent(interleaved())["messages"][1]
    assert turn["content"] == "First."
    assert [each["id"] for each in turn["tool_calls"]] == ["toolu_1", "toolu_2"]
    assert "reasoning_details" not in turn


@pytest.mark.parametrize("arguments", ["", "{}", " ", "null"])
def test_calls_without_arguments_are_empty_objects(arguments: str) -> None:
    """Whole and streamed; clients read the input of a call as JSON: AntSeed/antseed#15."""
    message = streamed({"tool_calls": [call("now", arguments)]})
    assert message["content"][0]["input"] == {}
