"""Bodies for Ollama's chat."""

from typing import Any

import orjson
import pytest

from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.calls import Call
from conduit_providers.codecs.ollama.options import ChatModel
from conduit_providers.codecs.ollama.request import ChatBody
from conduit_providers.model_rows import ModelRow
from conduit_providers.operations.chat import chat_request
from conduit_providers.spec import Endpoint

Json = dict[str, Any]


def function(name: str, **members: object) -> Json:
    """Return a tool."""
    return {"type": "function", "function": {"name": name, **members}}


TOOLS = [function("f"), function("g", description="d", parameters={"type": "object", "x": 1})]
CUSTOM: Json = {"type": "custom", "custom": {"name": "shell"}}


def built(model: ChatModel | None = None, **members: object) -> tuple[Json, list[str]]:
    """Return a body without its conversation, and what was dropped."""
    turn = {"role": "user", "content": "x"}
    raw = orjson.dumps({"model": "a", "messages": [turn], **members})
    call = Call(chat_request(json=raw), alias="a", model="m")
    rows = (ModelRow(facts=model or ChatModel()),)
    body = ChatBody(call, Endpoint("ollama_chat", "/", models=rows), "P").build()
    return {k: v for k, v in body.items() if k not in {"model", "messages", "stream"}}, call.dropped


@pytest.mark.parametrize(
    ("members", "options", "dropped"),
    [
        ({"max_tokens": 5, "max_completion_tokens": 7}, {"num_predict": 7}, ["max_tokens"]),
        ({"temperature": 0, "seed": 0}, {"seed": 0, "temperature": 0.0}, []),
        ({"stop": ["a", "b"]}, {"stop": ["a", "b"]}, []),
        ({"num_ctx": 4096, "top_k": 4}, {"num_ctx": 4096, "top_k": 4}, []),
        ({"max_tokens": 5, "options": {"num_predict": 9, "new": 1}}, {"new": 1, "num_predict": 9},
         []),
        ({"options": 7}, {}, ["options"]),
    ],
)  # fmt: skip
def test_parameters_are_options(members: Json, options: Json, dropped: list[str]) -> None:
    """What a caller says in Ollama's own words goes before OpenAI's."""
    body, told = built(**members)
    assert (body.get("options", {}), told) == (options, dropped)


@pytest.mark.parametrize(
    ("model", "effort", "think", "dropped"),
    [
        (ChatModel(), "none", False, []),
        (ChatModel(), "minimal", "low", []),
        (ChatModel(), "xhigh", "max", []),
        (ChatModel(), "unheard of", None, ["reasoning_effort"]),
        (ChatModel(always_thinks=True), "none", "low", ["reasoning_effort"]),
        (ChatModel(always_thinks=True), "max", "high", []),
    ],
)
def test_an_effort_is_said_as_the_model_takes_it(
    model: ChatModel, effort: str, think: object, dropped: list[str]
) -> None:
    """As near as it gets."""
    body, told = built(model, reasoning_effort=effort)
    assert (body.get("think"), told) == (think, dropped)
    assert built(model, reasoning_effort=effort, think=True)[0]["think"] is True


@pytest.mark.parametrize(
    ("form", "sent"),
    [
        ({"type": "json_object"}, "json"),
        ({"type": "json_schema", "json_schema": {"name": "a"}}, "json"),
        (
            {"type": "json_schema", "json_schema": {"name": "a", "schema": {"x": 1}}},
            {"title": "a", "x": 1},
        ),
        ({"type": "text"}, None),
    ],
)
def test_a_form_is_json_or_a_schema(form: Json, sent: object) -> None:
    """The caller's own word for it goes before."""
    assert built(response_format=form)[0].get("format") == sent
    assert built(response_format=form, format="xml")[0]["format"] == "xml"


@pytest.mark.parametrize(
    ("choice", "names", "dropped"),
    [
        (None, ["f", "g"], []),
        ("auto", ["f", "g"], []),
        ("none", [], []),
        ("required", ["f", "g"], ["tool_choice"]),
        (function("g"), ["g"], ["tool_choice"]),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [function("f")]}},
         ["f"], []),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [function("f")]}},
         ["f"], ["tool_choice"]),
    ],
)  # fmt: skip
def test_calls_cannot_be_forced_but_tools_kept_away(
    choice: object, names: list[str], dropped: list[str]
) -> None:
    """What is lost is told."""
    members: Json = {} if choice is None else {"tool_choice": choice}
    body, told = built(tools=TOOLS, **members)
    assert [tool["function"]["name"] for tool in body.get("tools", ())] == names
    assert told == dropped


def test_tools_say_what_they_take() -> None:
    """An empty object, where they say nothing; strictness is told."""
    body, told = built(tools=[*TOOLS, function("h", strict=True)])
    first, second, _ = (tool["function"] for tool in body["tools"])
    assert first == {"name": "f", "parameters": {"type": "object", "properties": {}}}
    assert second == {"name": "g", "description": "d", "parameters": {"type": "object", "x": 1}}
    assert told == ["tools.function.strict"]
    with pytest.raises(UnsupportedCapability, match="free-form"):
        built(tools=[CUSTOM])


@pytest.mark.parametrize(
    ("members", "sent", "dropped"),
    [
        ({"logprobs": True, "top_logprobs": 3}, {"logprobs": True, "top_logprobs": 3}, []),
        ({"logprobs": False, "top_logprobs": 3}, {}, []),
        ({"keep_alive": "5m", "truncate": False}, {"keep_alive": "5m", "truncate": False}, []),
        ({"n": 2, "user": "u", "store": True, "new": 1, "none": None}, {},
         ["user", "store", "n", "new"]),
        ({"parallel_tool_calls": False}, {}, ["parallel_tool_calls"]),
    ],
)  # fmt: skip
def test_what_has_no_word_is_told(members: Json, sent: Json, dropped: list[str]) -> None:
    """The rest is sent."""
    assert built(**members) == (sent, dropped)


def test_other_answers_than_text_are_refused() -> None:
    """Nobody would hear them."""
    with pytest.raises(UnsupportedCapability):
        built(modalities=["audio"])
