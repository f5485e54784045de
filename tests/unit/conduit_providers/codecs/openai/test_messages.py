"""Messages that came from another provider, or back from an SDK, at providers that are strict."""

from typing import Any

import orjson
import pytest

from conduit.v1.provider_pb2 import Provider
from conduit_providers.catalog import load_catalog
from conduit_providers.codecs import codec_named
from conduit_providers.codecs.openai.messages import with_answers
from conduit_providers.operations.chat import ChatCall, chat_request

CATALOG = load_catalog()
PNG = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
TOOL = {"type": "function", "function": {"name": "run", "parameters": {"type": "object"}}}


def made(call_id: str = "abcdefghi", **more: object) -> dict[str, Any]:
    """Return a turn with a tool call."""
    function = {"name": "run", "arguments": "{}"}
    call = {"id": call_id, "type": "function", "function": function, **more}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def result(content: object) -> dict[str, Any]:
    """Return a tool's result."""
    return {"role": "tool", "tool_call_id": "abcdefghi", "content": content}


def user(content: object) -> dict[str, Any]:
    """Return a turn of the user."""
    return {"role": "user", "content": content}


def sent(
    provider: str, *messages: object, model: str = "m", **more: object
) -> tuple[dict[str, Any], list[str]]:
    """Return the body that a provider gets, and what was dropped."""
    spec = CATALOG.find(provider)
    endpoint = spec.endpoints["chat"]
    target = CATALOG.target(Provider(name="P", provider_type=provider, base_url="http://h"))
    json = orjson.dumps({"model": "a", "messages": messages, **more})
    call = ChatCall(chat_request(json=json), alias="a", model=model, provider="P")
    request = codec_named(endpoint.codec).to_upstream(call, endpoint, target)
    return orjson.loads(request.body), call.dropped


@pytest.mark.parametrize("provider", ["OpenAI", "AzureOpenAI", "DeepSeek", "Groq", "Mistral"])
def test_foreign_members_of_turns_and_calls_are_left_out(provider: str) -> None:
    """Gemini's `extra_content` on a call, LiteLLM's members on a turn."""
    turn = made(extra_content={"google": {"thought_signature": "s"}})
    turn |= {"thinking_blocks": [], "provider_specific_fields": {"a": 1}}
    body, dropped = sent(provider, user("hi"), turn, result("ok"), tools=[TOOL])
    said = body["messages"][1]
    assert not {"thinking_blocks", "provider_specific_fields"} & said.keys()
    assert "extra_content" not in said["tool_calls"][0]
    assert "messages.tool_calls.extra_content" in dropped
    assert "messages.provider_specific_fields" in dropped
    assert "messages.thinking_blocks" not in dropped


@pytest.mark.parametrize("provider", ["Groq", "Fireworks", "Mistral"])
def test_an_answer_comes_back_as_openais_sdk_dumps_it(provider: str) -> None:
    """Members that say nothing are as if they were not there, and nothing is lost by it."""
    echo: dict[str, object] = {
        "role": "assistant",
        "content": "hello",
        "refusal": None,
        "annotations": [],
    }
    echo |= {"annotations": [], "audio": None, "function_call": None, "tool_calls": None}
    body, dropped = sent(provider, user("hi"), echo, user("go on"))
    kept = body["messages"][1].keys() - {"tool_calls"}
    assert kept == {"role", "content"}
    assert not dropped


def test_pictures_of_tools_follow_their_results_in_a_turn_of_the_user() -> None:
    """OpenAI takes them from the user alone."""
    shot = result([{"type": "text", "text": "shot"}, PNG])
    body, _ = sent("OpenAI", user("hi"), made(), shot, result([PNG]), user("now?"), tools=[TOOL])
    roles = [message["role"] for message in body["messages"]]
    assert roles == ["user", "assistant", "tool", "tool", "user", "user"]
    assert body["messages"][2]["content"] == [{"type": "text", "text": "shot"}]
    assert isinstance(body["messages"][3]["content"], str)
    assert body["messages"][4]["content"] == [PNG, PNG]


def test_at_mistral_the_assistant_stands_between_a_tool_and_the_user() -> None:
    """Also before pictures that are put there."""
    body, _ = sent("Mistral", user("hi"), made(), result([PNG]), user("stop"), tools=[TOOL])
    roles = [message["role"] for message in body["messages"]]
    assert roles == ["user", "assistant", "tool", "assistant", "user", "user"]
    assert with_answers([result("a")], "OK.") == [result("a")]
    assert with_answers([1, "x", None], "OK.") == [1, "x", None]


def test_at_perplexity_what_one_says_in_a_row_is_one_turn() -> None:
    """Texts by themselves, and beside pictures; instructions stay apart."""
    system = {"role": "system", "content": "be brief"}
    body, _ = sent("Perplexity", system, user("a"), user("b"), user([PNG]), made(), user("c"))
    first, second, *_ = body["messages"]
    assert first == system
    assert second["content"] == [{"type": "text", "text": "a\n\nb"}, PNG]
    assert [message["role"] for message in body["messages"][2:]] == ["assistant", "user"]


def test_at_deepseek_calls_without_thoughts_get_empty_ones() -> None:
    """Those of another provider have none; thoughts that are there stay."""
    own = made() | {"reasoning_content": "hm"}
    body, dropped = sent("DeepSeek", user("hi"), made(), result("1"), own, result("2"))
    assert body["messages"][1]["reasoning_content"] == ""
    assert body["messages"][3]["reasoning_content"] == "hm"
    assert not dropped


@pytest.mark.parametrize("provider", ["OpenAI", "DeepSeek", "OpenAICompatible", "Groq"])
def test_an_empty_list_of_tools_is_none(provider: str) -> None:
    """Assistants always send tools, if only an empty list; so they do a choice."""
    body, dropped = sent(provider, user("hi"), tools=[], tool_choice="auto")
    assert not {"tools", "tool_choice"} & body.keys()
    assert not dropped


@pytest.mark.parametrize("provider", ["OpenAICompatible", "vLLM", "DeepSeek"])
def test_developers_are_the_system_where_nobody_knows_them(provider: str) -> None:
    """Templates of open models have no such role."""
    body, _ = sent(provider, {"role": "developer", "content": "x"}, user("hi"))
    assert body["messages"][0]["role"] == "system"


@pytest.mark.parametrize("model", ["o4-mini", "gpt-5", "gpt-5-mini-2025-08-07", "gpt-5.4"])
def test_models_that_reason_take_the_newer_name_of_the_limit(model: str) -> None:
    """Cline, aider and older SDKs send the older one; it is renamed, which loses nothing."""
    body, dropped = sent("OpenAI", user("hi"), model=model, max_tokens=9)
    assert body["max_completion_tokens"] == 9
    assert "max_tokens" not in body
    assert not dropped


def test_models_that_sample_by_themselves_get_no_temperature() -> None:
    """What asks for no more than the default is no loss; other models get it as it is."""
    body, dropped = sent("OpenAI", user("hi"), model="gpt-5-mini", temperature=0.7, top_p=1)
    assert not {"temperature", "top_p"} & body.keys()
    assert dropped == ["temperature"]
    for model in ("gpt-4o", "gpt-5.4"):
        body, dropped = sent("OpenAI", user("hi"), model=model, temperature=0.7)
        assert body["temperature"] == 0.7
        assert not dropped


def test_what_is_no_conversation_is_left_to_the_provider() -> None:
    """Nothing here fails on it."""
    nonsense: list[object] = [1, None, [], user("a"), "x", user({"b": 1}), user(None), user("c")]
    body, _ = sent("Perplexity", *nonsense)
    assert body["messages"] == nonsense


@pytest.mark.parametrize("provider", ["OpenAI", "Perplexity"])
def test_a_hundred_thousand_pictures_and_turns_take_no_long_time(provider: str) -> None:
    """All work is in proportion to the request; the suite's timeout would tell otherwise."""
    many = 100_000
    body, _ = sent(provider, *[user("a")] * many, made(), result([PNG] * many))
    assert len(orjson.dumps(body)) > many
