"""Bodies for Anthropic's Messages: what a model takes, and what a caller says in its own words."""

from typing import Any

import orjson
import pytest

from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.calls import Call
from conduit_providers.codecs.anthropic.options import ChatModel, ChatOptions
from conduit_providers.codecs.anthropic.request import (
    JSON_OBJECT_INSTRUCTION,
    MIN_BUDGET,
    MessagesBody,
)
from conduit_providers.operations.chat import chat_request

Json = dict[str, Any]
BUDGET = ChatModel(thinking="budget", takes_sampling=True)
SCHEMA: Json = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
TOOL: Json = {"type": "function", "function": {"name": "f"}}


def built(model: ChatModel | None = None, **members: object) -> tuple[Json, list[str]]:
    """Return a body without its conversation, and what was dropped."""
    turn = {"role": "user", "content": "x"}
    raw = orjson.dumps({"model": "a", "messages": [turn], **members})
    call = Call(chat_request(json=raw), alias="a", model="claude")
    body = MessagesBody(call, ChatOptions(), model or ChatModel(), "P").build()
    return {k: v for k, v in body.items() if k not in {"model", "messages"}}, call.dropped


def test_a_limit_is_always_sent() -> None:
    """The API demands one; the newer name counts."""
    assert built()[0] == {"max_tokens": ChatOptions().default_max_tokens}
    assert built(max_tokens=5)[0]["max_tokens"] == 5
    assert built(max_tokens=5, max_completion_tokens=7) == ({"max_tokens": 7}, ["max_tokens"])


@pytest.mark.parametrize(
    ("model", "effort", "thinking", "dropped"),
    [
        (ChatModel(), "high", {"type": "adaptive", "display": "summarized"}, []),
        (ChatModel(), "none", {"type": "disabled"}, []),
        (ChatModel(least_thinking="between_tools"), "none", {"type": "between_tools"}, []),
        (ChatModel(least_thinking="low"), "none", None, ["reasoning_effort"]),
        (BUDGET, "medium", {"type": "enabled", "budget_tokens": 5000}, []),
        (BUDGET, "minimal", {"type": "enabled", "budget_tokens": MIN_BUDGET}, []),
        (BUDGET, "unheard of", {"type": "enabled", "budget_tokens": 5000}, []),
    ],
)
def test_an_effort_is_said_as_the_model_takes_it(
    model: ChatModel, effort: str, thinking: Json | None, dropped: list[str]
) -> None:
    """As an effort, or as a share of the limit."""
    body, told = built(model, reasoning_effort=effort, max_tokens=10_000)
    assert (body.get("thinking"), told) == (thinking, dropped)


def test_a_budget_is_less_than_the_limit_or_there_is_none() -> None:
    """The API refuses others."""
    body, told = built(BUDGET, reasoning_effort="low", max_tokens=MIN_BUDGET + 1)
    assert (body["thinking"]["budget_tokens"], told) == (MIN_BUDGET, [])
    body, told = built(BUDGET, reasoning_effort="low", max_tokens=MIN_BUDGET)
    assert ("thinking" in body, told) == (False, ["reasoning_effort"])


@pytest.mark.parametrize(
    ("model", "effort", "said"),
    [
        (ChatModel(), "minimal", "low"),
        (ChatModel(), "xhigh", "xhigh"),
        (ChatModel(knows_xhigh=False), "xhigh", "max"),
    ],
)
def test_efforts_have_the_models_names(model: ChatModel, effort: str, said: str) -> None:
    """The least has no equal; the one above `high` had another name."""
    assert built(model, reasoning_effort=effort)[0]["output_config"] == {"effort": said}


def test_what_a_caller_says_in_anthropics_words_stays() -> None:
    """And goes before what OpenAI's words say."""
    thinking = {"type": "enabled", "budget_tokens": 2000}
    config = {"effort": "low", "new": 1}
    members = {"thinking": thinking, "output_config": config, "response_format": SCHEMA}
    body, told = built(BUDGET, reasoning_effort="high", **members)
    assert body["thinking"] == thinking
    assert body["output_config"]["effort"] == "low"
    assert body["output_config"]["new"] == 1
    assert body["output_config"]["format"]["type"] == "json_schema"
    assert told == []


@pytest.mark.parametrize(
    ("model", "asked", "thinking", "effort"),
    [
        (ChatModel(), "enabled", {"type": "adaptive", "display": "omitted"}, None),
        (BUDGET, "adaptive", {"type": "enabled", "budget_tokens": 5000}, None),
        (ChatModel(least_thinking="between_tools"), "disabled", {"type": "between_tools"}, None),
        (ChatModel(least_thinking="low"), "disabled", None, "low"),
    ],
)
def test_what_a_model_does_not_take_of_anthropics_words_is_said_as_it_does(
    model: ChatModel, asked: str, thinking: Json | None, effort: str | None
) -> None:
    """A caller knows an alias alone; it is told."""
    members = {"type": asked, "budget_tokens": 2000, "display": "omitted"}
    body, told = built(model, thinking=members, max_tokens=10_000)
    assert (body.get("thinking"), told) == (thinking, ["thinking"])
    assert body.get("output_config", {}).get("effort") == effort


@pytest.mark.parametrize("members", [{"response_format": SCHEMA}, {"reasoning_effort": "high"}])
def test_an_output_config_that_is_none_is_the_callers_error(members: Json) -> None:
    """Where something must be put into it; null is as good as nothing."""
    values: list[object] = ["x", 7, [], True]
    for value in values:
        with pytest.raises(InvalidRequest, match="output_config must be an object"):
            built(output_config=value, **members)
    assert built(output_config=None, **members)[0]["output_config"]


def test_forced_tools_and_thoughts_do_not_go_together() -> None:
    """And some models cannot be forced."""
    body, told = built(tools=[TOOL], tool_choice="required", reasoning_effort="high")
    assert (body["tool_choice"], told) == ({"type": "any"}, ["reasoning_effort"])
    named = {"type": "function", "function": {"name": "f"}}
    body, told = built(ChatModel(takes_forced_tools=False), tools=[TOOL], tool_choice=named)
    assert (body["tool_choice"], told) == ({"type": "auto"}, ["tool_choice"])


@pytest.mark.parametrize(
    ("model", "members", "sent", "dropped"),
    [
        (BUDGET, {"temperature": 1.7}, {"temperature": 1.0}, ["temperature"]),
        (BUDGET, {"temperature": 0.2, "top_p": 0.5}, {"temperature": 0.2}, ["top_p"]),
        (BUDGET, {"top_p": 0.5, "top_k": 4}, {"top_p": 0.5, "top_k": 4}, []),
        (ChatModel(), {"temperature": 1, "top_p": 1}, {}, []),
        (ChatModel(), {"temperature": 0.5, "top_k": 4}, {}, ["temperature", "top_k"]),
        (BUDGET, {"temperature": 0.5, "reasoning_effort": "low"}, {}, ["temperature"]),
    ],
)
def test_sampling_is_sent_to_models_that_take_it(
    model: ChatModel, members: Json, sent: Json, dropped: list[str]
) -> None:
    """Not both at once, and not while they think; what happens anyway is no loss."""
    body, told = built(model, **members)
    assert {k: body[k] for k in ("temperature", "top_p", "top_k") if k in body} == sent
    assert sorted(told) == sorted(dropped)


def test_json_without_a_schema_is_an_instruction() -> None:
    """Behind those of the caller."""
    form = {"type": "json_object"}
    assert built(response_format=form)[0]["system"] == JSON_OBJECT_INSTRUCTION
    turns = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "x"}]
    system = built(messages=turns, response_format=form)[0]["system"]
    assert [block["text"] for block in system] == ["Be brief.", JSON_OBJECT_INSTRUCTION]


def test_limits_of_a_schema_are_told_and_described() -> None:
    """The API knows none; tests of `fitted_schema` show which."""
    form = {"type": "object", "properties": {"a": {"type": "integer", "minimum": 0}}}
    asked = {"type": "json_schema", "json_schema": {"name": "a", "schema": form}}
    body, told = built(response_format=asked)
    schema = body["output_config"]["format"]["schema"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["a"] == {"type": "integer", "description": "minimum: 0"}
    assert told == ["response_format.json_schema.schema.minimum"]


@pytest.mark.parametrize("budget", [ChatOptions().default_max_tokens, 20_000])
def test_a_limit_of_ours_is_above_the_callers_budget(budget: int) -> None:
    """The API demands it; a limit of the caller's own is left to it."""
    thinking = {"type": "enabled", "budget_tokens": budget}
    assert built(thinking=thinking)[0]["max_tokens"] > budget
    assert built(thinking=thinking, max_tokens=5)[0]["max_tokens"] == 5
    values: list[object] = ["x", None, {"budget_tokens": "many"}, {"budget_tokens": 5}]
    for value in values:
        assert built(thinking=value)[0]["max_tokens"] == ChatOptions().default_max_tokens


@pytest.mark.parametrize(
    ("members", "dropped"),
    [
        ({"n": 2}, ["n"]),
        ({"n": 1, "logprobs": False, "store": False, "seed": 0}, []),
        ({"logit_bias": {"1": 2}, "metadata": {"a": "b"}}, ["logit_bias", "metadata"]),
        ({"stop": ["\n", "a"]}, ["stop"]),
        ({"new_thing": 1, "nothing": None}, ["new_thing"]),
        ({"service_tier": "flex"}, ["service_tier"]),
    ],
)
def test_what_has_no_word_is_told(members: Json, dropped: list[str]) -> None:
    """Unless it asks for what happens anyway."""
    assert built(**members)[1] == dropped


def test_other_answers_than_text_are_refused() -> None:
    """Nobody would hear them."""
    with pytest.raises(UnsupportedCapability):
        built(modalities=["text", "audio"])
