"""Bodies for Bedrock's Converse: what each maker's models take."""

from typing import Any

import orjson
import pytest

from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.calls import Call
from conduit_providers.codecs.anthropic.request import JSON_OBJECT_INSTRUCTION
from conduit_providers.codecs.bedrock.options import ChatModel
from conduit_providers.codecs.bedrock.request import ConverseBody
from conduit_providers.model_rows import ModelRow
from conduit_providers.operations.chat import chat_request
from conduit_providers.spec import Endpoint
from conduit_providers.target import Target

Json = dict[str, Any]
TARGET = Target("P", "Bedrock", "https://bedrock.example")
TOOL: Json = {"type": "function", "function": {"name": "f"}}
SCHEMA: Json = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
CLAUDE = ChatModel(thinking="effort", takes_schemas=True)


def built(
    model: ChatModel | None = None, *, name: str = "claude", **members: object
) -> tuple[Json, list[str]]:
    """Return a body without its conversation, and what was dropped."""
    turn = {"role": "user", "content": "x"}
    raw = orjson.dumps({"model": "a", "messages": [turn], **members})
    call = Call(chat_request(json=raw), alias="a", model=name)
    rows = (ModelRow(facts=model or ChatModel()),)
    body = ConverseBody(call, Endpoint("bedrock_chat", "/", models=rows), TARGET).build()
    del body["messages"]
    return body, call.dropped


def test_a_plain_chat_is_a_conversation_alone() -> None:
    """Every member of it is optional."""
    assert built() == ({}, [])
    assert built(outputConfig=None, additionalModelRequestFields=None) == ({}, [])


@pytest.mark.parametrize(
    ("model", "effort", "fields", "dropped"),
    [
        (CLAUDE, "high", {"thinking": {"type": "adaptive", "display": "summarized"}}, []),
        (CLAUDE, "none", {"thinking": {"type": "disabled"}}, []),
        (ChatModel(thinking="reasoning_effort"), "xhigh", {"reasoning_effort": "high"}, []),
        (ChatModel(thinking="reasoning_effort"), "none", {}, ["reasoning_effort"]),
        (ChatModel(thinking="reasoningConfig"), "none", {"reasoningConfig": {"type": "disabled"}},
         []),
        (ChatModel(thinking="reasoningConfig"), "high",
         {"reasoningConfig": {"type": "enabled", "maxReasoningEffort": "medium"}}, []),
        (ChatModel(thinking="budget"), "low",
         {"thinking": {"type": "enabled", "budget_tokens": 1600}}, []),
        (ChatModel(), "high", {}, ["reasoning_effort"]),
        (ChatModel(), "none", {}, []),
    ],
)  # fmt: skip
def test_an_effort_is_said_as_the_model_takes_it(
    model: ChatModel, effort: str, fields: Json, dropped: list[str]
) -> None:
    """Nova refuses a limit at its highest level, so that is not the one it gets."""
    body, told = built(model, reasoning_effort=effort, max_tokens=8000)
    assert (body.get("additionalModelRequestFields", {}), told) == (fields, dropped)


@pytest.mark.parametrize("name", ["additionalModelRequestFields", "outputConfig"])
def test_a_table_that_is_none_is_the_callers_error(name: str) -> None:
    """Whatever must be put into it."""
    values: list[object] = ["x", 7, [], True]
    for value in values:
        members: Json = {name: value, "response_format": SCHEMA}
        with pytest.raises(InvalidRequest, match=f"{name} must be an object"):
            built(CLAUDE, reasoning_effort="high", **members)


def test_what_a_caller_says_in_the_models_words_stays() -> None:
    """And goes before what OpenAI's words say."""
    thinking = {"type": "enabled", "budget_tokens": 2000}
    fields = {"thinking": thinking, "new": 1}
    config = {"effort": "low", "textFormat": {"type": "text"}}
    body, told = built(
        CLAUDE,
        reasoning_effort="high",
        additionalModelRequestFields=fields,
        outputConfig=config,
        response_format=SCHEMA,
    )
    assert (body["additionalModelRequestFields"], body["outputConfig"]) == (fields, config)
    assert told == []


@pytest.mark.parametrize(
    ("path", "fields"),
    [(("top_k",), {"top_k": 4}), (("inferenceConfig", "topK"), {"inferenceConfig": {"topK": 4}})],
)
def test_top_k_goes_where_the_maker_has_it(path: tuple[str, ...], fields: Json) -> None:
    """Unless something that is no table is in its way."""
    model = ChatModel(top_k=path)
    assert built(model, name="nova", top_k=4)[0]["additionalModelRequestFields"] == fields
    if len(path) > 1:
        in_the_way = {"inferenceConfig": "x"}
        with pytest.raises(InvalidRequest, match="inferenceConfig must be an object"):
            built(model, name="nova", top_k=4, additionalModelRequestFields=in_the_way)


@pytest.mark.parametrize(
    ("name", "members", "inference", "dropped"),
    [
        (
            "claude",
            {"temperature": 1.5, "top_p": 0.5},
            {"temperature": 1.0},
            ["temperature", "top_p"],
        ),
        ("nova", {"temperature": 0.5, "top_p": 0.5}, {"temperature": 0.5, "topP": 0.5}, []),
        ("claude", {"temperature": 0.5, "thinking": {"type": "enabled"}}, {}, ["temperature"]),
        ("nova", {"reasoningConfig": {"maxReasoningEffort": "high"}, "top_p": 0.5}, {}, ["top_p"]),
        ("nova", {"reasoningConfig": 7, "top_p": 0.5}, {"topP": 0.5}, []),
        ("nova", {"max_tokens": 5, "max_completion_tokens": 7}, {"maxTokens": 7}, ["max_tokens"]),
        ("nova", {"stop": [" ", "a"]}, {"stopSequences": ["a"]}, ["stop"]),
    ],
)
def test_limits_and_sampling(name: str, members: Json, inference: Json, dropped: list[str]) -> None:
    """Claude takes no two kinds of sampling at once, and nobody any while they think hard."""
    body, told = built(name=name, **members)
    assert (body.get("inferenceConfig", {}), told) == (inference, dropped)


def test_a_schema_is_text_where_the_model_knows_schemas() -> None:
    """Where it knows none, it is the input of a tool that must be called."""
    body, _ = built(CLAUDE, response_format=SCHEMA)
    described = body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]
    assert orjson.loads(described["schema"]) == {"type": "object", "additionalProperties": False}
    assert described["name"] == "a"
    body, _ = built(response_format=SCHEMA)
    assert body["toolConfig"]["tools"][0]["toolSpec"]["name"] == "a"
    assert body["toolConfig"]["toolChoice"] == {"any": {}}


def test_json_without_a_schema_is_an_instruction() -> None:
    """There is no mode for it."""
    body, _ = built(response_format={"type": "json_object"})
    assert body["system"] == [{"text": JSON_OBJECT_INSTRUCTION}]


def test_models_that_cannot_be_forced_are_left_the_choice() -> None:
    """And it is told."""
    model = ChatModel(takes_forced_tools=False)
    body, told = built(model, tools=[TOOL], tool_choice="required")
    assert (body["toolConfig"]["toolChoice"], told) == ({"auto": {}}, ["tool_choice"])


@pytest.mark.parametrize(
    ("members", "sent", "dropped"),
    [
        ({"metadata": {"a": "b c"}}, {"requestMetadata": {"a": "b c"}}, []),
        ({"metadata": {"a": "ü"}}, {}, ["metadata"]),
        ({"metadata": {"a": "x" * 257}}, {}, ["metadata"]),
        ({"metadata": {"a": "b"}, "requestMetadata": {"c": "d"}}, {"requestMetadata": {"c": "d"}},
         []),
        ({"service_tier": "flex"}, {"serviceTier": {"type": "flex"}}, []),
        ({"service_tier": "auto"}, {}, []),
        ({"service_tier": "gold"}, {}, ["service_tier"]),
        ({"seed": 7, "user": "u", "n": 2, "logprobs": False}, {}, ["seed", "user", "n"]),
        ({"parallel_tool_calls": False, "new": 1}, {}, ["parallel_tool_calls", "new"]),
        ({"guardrailConfig": {"a": 1}}, {"guardrailConfig": {"a": 1}}, []),
    ],
)  # fmt: skip
def test_what_has_no_word_is_told(members: Json, sent: Json, dropped: list[str]) -> None:
    """What is the API's own, or may stand in its log, is sent."""
    assert built(**members) == (sent, dropped)


def test_other_answers_than_text_are_refused() -> None:
    """Nobody would hear them."""
    with pytest.raises(UnsupportedCapability):
        built(modalities=["audio"])
