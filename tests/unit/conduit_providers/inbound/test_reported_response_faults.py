"""What users of other gateways reported of `/v1/responses`, tried here.

Each test names a public report; that what it reports does not happen is what is tested.
"""

from typing import Any

import orjson
import pytest
from tests.support.message_replays import answered_chats
from tests.support.replays import Replay
from tests.support.response_replays import accumulated, calls_in, events_in, response_call

from conduit_providers.codecs import codec_named
from conduit_providers.inbound.response_dialect import response_codec

Json = dict[str, Any]
CHATS = {each.name: each for each in answered_chats()}
STREAM, DEEPSEEK = CHATS["OpenAI/chat/stream"], CHATS["DeepSeek/chat/stream"]
ANTHROPIC = CHATS["Anthropic/chat/plain"]
PATCH: Json = {"type": "custom", "name": "apply_patch", "format": {"type": "text"}}


def streamed(*deltas: Json, finish: str = "stop", **asked: Any) -> list[Json]:  # noqa: ANN401 # JSON
    """Return the events of a stream of a chat with these deltas."""
    choices: list[Json] = [{"index": 0, "delta": d, "finish_reason": None} for d in deltas]
    choices.append({"index": 0, "delta": {}, "finish_reason": finish})
    head: Json = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "m"}
    body = b"".join(b"data: %b\n\n" % orjson.dumps({**head, "choices": [c]}) for c in choices)
    call = response_call(STREAM, {"input": "hi", **asked})
    decoder = response_codec(codec_named("openai_chat")).decoder(call, STREAM.endpoint)
    return events_in(decoder, body + b"data: [DONE]\n\n")


def sent(*items: Json, kind: Replay = STREAM, **asked: Any) -> Json:  # noqa: ANN401 # JSON
    """Return what a provider is sent for a request."""
    call = response_call(kind, {"input": list(items), **asked})
    codec = response_codec(codec_named(kind.endpoint.codec))
    body: Json = orjson.loads(codec.to_upstream(call, kind.endpoint, kind.target).body)
    return body


def piece(place: int, call_id: str = "", name: str = "", arguments: str = "") -> Json:
    """Return a delta with a piece of a call."""
    function = {"name": name, "arguments": arguments}
    call = {"index": place, "id": call_id, "type": "function", "function": function}
    return {"role": "assistant", "tool_calls": [call]}


def made(call_id: str, name: str = "f") -> Json:
    """Return an item with a call."""
    return {"type": "function_call", "call_id": call_id, "name": name, "arguments": "{}"}


def came(call_id: str) -> Json:
    """Return an item with what came of it."""
    return {"type": "function_call_output", "call_id": call_id, "output": "ok"}


def test_each_item_has_a_place_of_its_own() -> None:
    """Thoughts and calls at one place made Codex drop the calls: decolua/9router#2611."""
    events = streamed(
        {"role": "assistant", "reasoning_content": "hm"},
        {"content": "So"},
        piece(0, "c1", "f", "{}"),
        piece(1, "c2", "g", "{}"),
        finish="tool_calls",
    )
    added = [e["output_index"] for e in events if e["type"] == "response.output_item.added"]
    assert added == [0, 1, 2, 3]
    accumulated(events)


def test_thoughts_begin_before_they_are_told() -> None:
    """Strict clients discard what has not begun: Wei-Shaw/sub2api#2926."""
    events = streamed({"role": "assistant", "reasoning_content": "hm"}, {"content": "So"})
    kinds = [event["type"] for event in events]
    item = kinds.index("response.output_item.added")
    part = kinds.index("response.content_part.added")
    assert item < part < kinds.index("response.reasoning_text.delta")


def test_calls_end_as_items() -> None:
    """Clients wait for that before they run a tool: anomalyco/opencode#40171."""
    events = streamed(piece(0, "c1", "f", '{"a":1}'), finish="tool_calls")
    kinds = [event["type"] for event in events]
    assert "response.function_call_arguments.done" in kinds
    assert "response.output_item.done" in kinds
    assert calls_in(accumulated(events))[0]["arguments"] == '{"a":1}'


def test_parallel_calls_are_one_turn() -> None:
    """Turns of one call each were refused upstream: Wei-Shaw/sub2api#2926."""
    body = sent({"role": "user", "content": "q"}, made("1"), made("2"), came("1"), came("2"))
    assert [each["role"] for each in body["messages"]] == ["user", "assistant", "tool", "tool"]


def test_the_thought_behind_a_call_goes_back_with_it() -> None:
    """DeepSeek refuses the turn without: Wei-Shaw/sub2api#2926."""
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}
    body = sent({"role": "user", "content": "q"}, thought, made("1"), came("1"), kind=DEEPSEEK)
    assert body["messages"][1]["reasoning_content"] == "hm"
    assert body["messages"][1]["tool_calls"][0]["id"] == "1"


def test_free_form_tools_are_functions() -> None:
    """DeepSeek and others know no other type: BerriAI/litellm#27276."""
    body = sent({"role": "user", "content": "q"}, tools=[PATCH])
    assert [tool["type"] for tool in body["tools"]] == ["function"]


def test_free_form_calls_come_back_as_such() -> None:
    """Codex runs no function of that name: nianzs/sub2api#60."""
    written = orjson.dumps({"input": "*** Begin Patch"}).decode()
    events = streamed(
        piece(0, "c1", "apply_patch", written[:9]), piece(0, arguments=written[9:]), tools=[PATCH]
    )
    (call,) = calls_in(accumulated(events))
    assert (call["type"], call["input"]) == ("custom_tool_call", "*** Begin Patch")


def test_functions_in_the_form_of_chats_keep_their_names() -> None:
    """Some clients nest them: BerriAI/litellm#27276."""
    nested = {"name": "f", "description": "d", "parameters": {"type": "object"}}
    body = sent({"role": "user", "content": "q"}, tools=[{"type": "function", "function": nested}])
    assert body["tools"] == [{"type": "function", "function": nested}]


def test_tools_of_a_namespace_reach_the_model() -> None:
    """They were dropped, and the model had none: BerriAI/litellm#35878."""
    tool = {"type": "function", "name": "f", "parameters": {"type": "object"}}
    space = {"type": "namespace", "name": "mcp", "description": "d", "tools": [tool]}
    body = sent({"role": "user", "content": "q"}, tools=[space])
    assert [each["function"]["name"] for each in body["tools"]] == ["mcp__f"]
    events = streamed(piece(0, "c1", "mcp__f", "{}"), tools=[space])
    (call,) = calls_in(accumulated(events))
    assert (call["namespace"], call["name"]) == ("mcp", "f")


def test_items_of_tools_that_others_lack_do_not_end_the_turn() -> None:
    """The next request of the same conversation was refused: Wei-Shaw/sub2api#2926."""
    search = {"type": "web_search_call", "id": "ws_1", "status": "completed"}
    body = sent({"role": "user", "content": "q"}, search, made("1"), came("1"))
    assert [each["role"] for each in body["messages"]] == ["user", "assistant", "tool"]


@pytest.mark.parametrize("kind", [ANTHROPIC, STREAM], ids=["Anthropic", "OpenAI"])
def test_a_user_who_speaks_before_a_result_keeps_the_turn_whole(kind: Replay) -> None:
    """Providers refuse calls whose results do not follow: BerriAI/litellm#28978."""
    body = sent(made("c1"), {"role": "user", "content": "wait"}, came("c1"), kind=kind)
    roles = [each["role"] for each in body["messages"]]
    assert roles in (["assistant", "tool", "user"], ["assistant", "user"])


def test_calls_that_begin_without_places_have_some() -> None:
    """Places were counted anew at the end: openai/openai-agents-python#3104."""
    events = streamed(piece(0, "c1", "f", "{}"), {"content": "x"}, piece(1, "c2", "g", "{}"))
    places = [e["output_index"] for e in events if e["type"] == "response.output_item.done"]
    assert places == [0, 1, 2]
