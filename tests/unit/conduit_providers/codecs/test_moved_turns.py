"""Conversations that another provider began, at Claude's own API and at Bedrock."""

from typing import Any

import orjson
import pytest

from conduit.v1.provider_pb2 import Provider
from conduit_kernel.errors import ConduitError, InvalidRequest
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs import codec_named
from conduit_providers.operations.chat import ChatCall, chat_request

CATALOG = load_catalog()
BOTH = pytest.mark.parametrize("provider", ["Anthropic", "Bedrock"])
Json = dict[str, Any]


def sent(
    provider: str, *messages: Json, model: str = "claude-sonnet-4-5", **members: object
) -> tuple[Json, set[str]]:
    """Return the body that a provider gets, and what was dropped."""
    endpoint = CATALOG.find(provider).endpoints["chat"]
    instance = Provider(name="P", provider_type=provider)
    if provider == "Bedrock":
        instance.settings["region"] = "us-east-1"
    target = CATALOG.target(instance)
    call = ChatCall(
        chat_request(json=orjson.dumps({"model": "a", "messages": messages, **members})),
        alias="a",
        model=model,
        provider="P",
    )
    request = codec_named(endpoint.codec).to_upstream(call, endpoint, target)
    return orjson.loads(request.body), set(call.dropped)


def round_of(call_id: str) -> list[Json]:
    """Return a turn with a call, and its result."""
    function = {"name": "run", "arguments": "{}"}
    call = {"id": call_id, "type": "function", "function": function}
    return [
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": call_id, "content": "ok"},
    ]


def ids_in(body: object) -> list[str]:
    """Return the ids of calls and results, in order."""
    if isinstance(body, list):
        return [found for each in body for found in ids_in(each)]
    if not isinstance(body, dict):
        return []
    is_call = body.get("type") == "tool_use"
    own = body.get("id") if is_call else body.get("toolUseId") or body.get("tool_use_id")
    return [own] if isinstance(own, str) else [x for each in body.values() for x in ids_in(each)]


@BOTH
@pytest.mark.parametrize("call_ids", [["functions.Bash:0", "a.b"], ["call_0", "call_0"]])
def test_ids_are_fitted_and_each_calls_own(provider: str, call_ids: list[str]) -> None:
    """Kimi's ids, and histories whose rounds all have the same."""
    user = {"role": "user", "content": "hi"}
    rounds = [message for call_id in call_ids for message in round_of(call_id)]
    body, _ = sent(provider, user, *rounds)
    calls_and_results = ids_in(body["messages"])
    assert calls_and_results[::2] == calls_and_results[1::2]
    assert len(set(calls_and_results)) == len(call_ids)
    assert all(each.replace("_", "").replace("-", "").isalnum() for each in calls_and_results)


@BOTH
@pytest.mark.parametrize("blank", [" ", "\n\n\t", ""])
def test_turns_of_white_space_are_left_out(provider: str, blank: str) -> None:
    """Both refuse texts without a word."""
    user = {"role": "user", "content": "hi"}
    body, _ = sent(provider, user, {"role": "assistant", "content": blank}, user)
    assert [turn["role"] for turn in body["messages"]] == ["user"]
    assert len(body["messages"][0]["content"]) == 2


def test_an_answer_that_was_begun_does_not_end_in_white_space() -> None:
    """Claude refuses to go on with such."""
    user = {"role": "user", "content": "hi"}
    begun = {"role": "assistant", "content": "{ "}
    assert sent("Anthropic", user, begun)[0]["messages"][-1]["content"] == "{"
    # In the middle it may.
    assert sent("Anthropic", user, begun, user)[0]["messages"][1]["content"] == "{ "


def test_textual_files_go_as_text() -> None:
    """Claude takes files in base64 as PDFs alone."""
    file = {"filename": "notes.md", "file_data": "data:text/markdown;base64,IyBOb3Rlcw=="}
    turn = {"role": "user", "content": [{"type": "file", "file": file}]}
    block = sent("Anthropic", turn)[0]["messages"][0]["content"][0]
    assert block["source"] == {"type": "text", "media_type": "text/plain", "data": "# Notes"}
    file["file_data"] = "data:application/x-yaml;base64,YTogMQ=="
    (_, document) = sent("Bedrock", turn)[0]["messages"][0]["content"]
    assert document["document"]["format"] in {"md", "txt"}


def test_a_document_alone_gets_a_word_beside_it() -> None:
    """Converse demands one; documents in other turns have their own."""
    file = {"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBERi0="}}
    turns = sent("Bedrock", {"role": "user", "content": [file]})[0]["messages"]
    assert [list(block) for block in turns[0]["content"]] == [["text"], ["document"]]
    said = [file, {"type": "text", "text": "sum up"}]
    turns = sent("Bedrock", {"role": "user", "content": said})[0]["messages"]
    assert [list(block) for block in turns[0]["content"]] == [["document"], ["text"]]


def test_cache_marks_reach_the_models_that_cache() -> None:
    """Others refuse the whole request for them, and so they are dropped and reported."""
    part = {"type": "text", "text": "long", "cache_control": {"type": "ephemeral"}}
    turn = {"role": "user", "content": [part]}
    for model in ("us.anthropic.claude-sonnet-4-5-v1:0", "amazon.nova-lite-v1:0"):
        body, dropped = sent("Bedrock", turn, model=model)
        assert "cachePoint" in str(body)
        assert not dropped
    body, dropped = sent("Bedrock", turn, model="meta.llama4-scout-v1:0")
    assert "cachePoint" not in str(body)
    assert dropped == {"messages.cache_control"}


@pytest.mark.parametrize("provider", ["Anthropic", "Bedrock", "Gemini", "Cohere", "Ollama"])
def test_a_message_without_a_role_is_the_callers_mistake(provider: str) -> None:
    """And named; a function's turn is something that a model cannot do."""
    with pytest.raises(InvalidRequest) as refused:
        sent(provider, {"content": "x"})
    assert refused.value.metadata["field"] == "messages.role"
    with pytest.raises(ConduitError, match="functions"):
        sent(provider, {"role": "function", "name": "f", "content": "x"})


@BOTH
def test_names_that_other_models_made_up_are_fitted(provider: str) -> None:
    """Otherwise the conversation would be refused from then on."""
    turn, result = round_of("call_0")
    turn["tool_calls"][0]["function"]["name"] = "browser.navigate<|channel|>"
    body, _ = sent(provider, {"role": "user", "content": "x"}, turn, result)
    assert b"browser_navigate__channel__" in orjson.dumps(body)
    assert b"browser.navigate" not in orjson.dumps(body)


@BOTH
def test_thoughts_are_not_asked_for_behind_calls_without_any(provider: str) -> None:
    """Models with a budget refuse that: the model that called did not think, or another's did."""
    user = {"role": "user", "content": "x"}
    body, dropped = sent(provider, user, *round_of("call_0"), reasoning_effort="high")
    assert b'"thinking"' not in orjson.dumps(body)
    assert "reasoning_effort" in dropped
    body, dropped = sent(provider, user, *round_of("call_0"), user, reasoning_effort="high")
    assert "reasoning_effort" in dropped
    answered = {"role": "assistant", "content": "Done."}
    body, dropped = sent(
        provider, user, *round_of("call_0"), answered, user, reasoning_effort="high"
    )
    assert b'"budget_tokens"' in orjson.dumps(body)
    assert dropped == set()


@BOTH
@pytest.mark.parametrize("said", [None, "So"])
def test_turns_do_not_end_in_a_thought(provider: str, said: str | None) -> None:
    """An answer that was cut off while the model thought has none behind it."""
    details = [
        {"type": "reasoning.text", "text": "Hm", "signature": "s", "format": "anthropic-claude-v1"}
    ]
    turn = {"role": "assistant", "content": said, "reasoning_details": details}
    user = {"role": "user", "content": "x"}
    body, dropped = sent(provider, user, turn, user)
    assert [each["role"] for each in body["messages"]] == (
        ["user", "assistant", "user"] if said else ["user"]
    )
    assert dropped == (set() if said else {"messages.reasoning_details"})
