"""Bodies for Cohere's Chat."""

from typing import Any

import orjson
import pytest

from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.calls import Call
from conduit_providers.codecs.cohere.options import ChatOptions
from conduit_providers.codecs.cohere.request import NO_ARGUMENTS, ChatBody
from conduit_providers.operations.chat import chat_request
from conduit_providers.spec import Endpoint

Json = dict[str, Any]
ENDPOINT = Endpoint("cohere_chat", "/v2/chat", options=ChatOptions())
CUSTOM: Json = {"type": "custom", "custom": {"name": "shell"}}


def function(name: str, **members: object) -> Json:
    """Return a tool."""
    return {"type": "function", "function": {"name": name, **members}}


def built(**members: object) -> tuple[Json, list[str]]:
    """Return a body without its conversation, and what was dropped."""
    turn = {"role": "user", "content": "x"}
    raw = orjson.dumps({"model": "a", "messages": [turn], **members})
    call = Call(chat_request(json=raw), alias="a", model="command")
    body = ChatBody(call, ENDPOINT, "P").build()
    return {k: v for k, v in body.items() if k not in {"model", "messages", "stream"}}, call.dropped


TOOLS = [function("f"), function("g", description="d", parameters={"type": "object", "x": 1})]


@pytest.mark.parametrize(
    ("choice", "names", "word"),
    [
        (None, ["f", "g"], None),
        ("auto", ["f", "g"], None),
        ("none", ["f", "g"], "NONE"),
        ("required", ["f", "g"], "REQUIRED"),
        (function("g"), ["g"], "REQUIRED"),
        (function("h"), [], None),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "auto", "tools": [function("f")]}},
         ["f"], None),
        ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [function("f")]}},
         ["f"], "REQUIRED"),
    ],
)  # fmt: skip
def test_the_choice_is_said_with_what_the_api_has(
    choice: object, names: list[str], word: str | None
) -> None:
    """What it has no word for is done by leaving tools out."""
    members = {} if choice is None else {"tool_choice": choice}
    body, dropped = built(tools=TOOLS, **members)
    assert [tool["function"]["name"] for tool in body.get("tools", ())] == names
    assert (body.get("tool_choice"), dropped) == (word, [])


def test_tools_say_what_they_take() -> None:
    """An empty object, where they say nothing."""
    body, _ = built(tools=TOOLS)
    first, second = (tool["function"] for tool in body["tools"])
    assert first == {"name": "f", "parameters": NO_ARGUMENTS}
    assert second == {"name": "g", "description": "d", "parameters": {"type": "object", "x": 1}}


@pytest.mark.parametrize(
    ("tools", "strict", "dropped"),
    [
        ([function("f", strict=True), function("g", strict=True)], True, []),
        ([function("f", strict=True), function("g")], None, ["tools.function.strict"]),
        ([function("f")], None, []),
    ],
)
def test_strictness_is_for_all_tools_or_for_none(
    tools: list[Json], dropped: list[str], *, strict: bool | None
) -> None:
    """What is lost is told."""
    body, told = built(tools=tools)
    assert (body.get("strict_tools"), told) == (strict, dropped)


def test_free_form_tools_are_refused() -> None:
    """Offered or chosen."""
    for members in ({"tools": [CUSTOM]}, {"tools": TOOLS, "tool_choice": CUSTOM}):
        with pytest.raises(UnsupportedCapability, match="free-form"):
            built(**members)


@pytest.mark.parametrize(
    ("members", "sent", "dropped"),
    [
        ({"top_p": 0}, {"p": 0.01}, ["top_p"]),
        ({"top_p": 1}, {"p": 0.99}, ["top_p"]),
        ({"top_p": 0.5}, {"p": 0.5}, []),
        ({"temperature": 0, "seed": 7}, {"temperature": 0.0, "seed": 7}, []),
        ({"frequency_penalty": 1.5, "presence_penalty": -1}, {"frequency_penalty": 1.0},
         ["frequency_penalty", "presence_penalty"]),
        ({"top_k": 4}, {"k": 4}, []),
        ({"top_k": 4, "k": 5}, {"k": 5}, []),
        ({"max_tokens": 5, "max_completion_tokens": 7}, {"max_tokens": 7}, ["max_tokens"]),
        ({"stop": "a"}, {"stop_sequences": ["a"]}, []),
        ({"logprobs": True, "top_logprobs": 3}, {"logprobs": True}, ["top_logprobs"]),
        ({"safety_mode": "OFF", "citation_options": {"mode": "FAST"}},
         {"safety_mode": "OFF", "citation_options": {"mode": "FAST"}}, []),
        ({"n": 2, "user": "u", "new": 1, "none": None}, {}, ["user", "n", "new"]),
        ({"response_format": {"type": "json_object"}},
         {"response_format": {"type": "json_object"}}, []),
        ({"response_format": {"type": "json_schema",
                              "json_schema": {"name": "a", "schema": {"type": "array"}}}},
         {"response_format": {"type": "json_object",
                              "json_schema": {"title": "a", "type": "array"}}}, []),
    ],
)  # fmt: skip
def test_parameters_have_coheres_names_and_bounds(
    members: Json, sent: Json, dropped: list[str]
) -> None:
    """What the API has no word for is told."""
    assert built(**members) == (sent, dropped)


@pytest.mark.parametrize(
    ("members", "thinking"),
    [
        ({"reasoning_effort": "none"}, {"type": "disabled"}),
        ({"reasoning_effort": "high"}, {"type": "enabled"}),
        ({"reasoning_effort": "low"},
         {"type": "enabled", "token_budget": int(ChatOptions().output_tokens * 0.2)}),
        ({"reasoning_effort": "minimal", "max_tokens": 3}, {"type": "enabled", "token_budget": 1}),
        ({"reasoning_effort": "high", "thinking": {"type": "disabled"}}, {"type": "disabled"}),
        ({"reasoning_effort": "high", "thinking": 7}, 7),
    ],
)  # fmt: skip
def test_an_effort_is_a_share_of_the_limit(members: Json, thinking: object) -> None:
    """What the caller says in Cohere's own words stays, also what makes no sense."""
    assert built(**members)[0]["thinking"] == thinking


def test_other_answers_than_text_are_refused() -> None:
    """Nobody would hear them."""
    with pytest.raises(UnsupportedCapability):
        built(modalities=["audio"])
