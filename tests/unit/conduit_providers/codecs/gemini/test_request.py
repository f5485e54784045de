"""Bodies for Gemini's generateContent."""

from typing import Any

import orjson
import pytest

from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.calls import Call
from conduit_providers.codecs.gemini.options import ChatModel, ChatOptions
from conduit_providers.codecs.gemini.request import MAX_BUDGET, ContentBody
from conduit_providers.model_rows import ModelRow
from conduit_providers.operations.chat import chat_request
from conduit_providers.spec import Endpoint

Json = dict[str, Any]
TOOL: Json = {"type": "function", "function": {"name": "f"}}
BUDGET, NONE = ChatModel(thinking="budget"), ChatModel(thinking="none")


def built(
    model: ChatModel | None = None, *, takes_store: bool = False, **members: object
) -> tuple[Json, list[str]]:
    """Return a body without its conversation, and what was dropped."""
    turn = {"role": "user", "content": "x"}
    raw = orjson.dumps({"model": "a", "messages": [turn], **members})
    call = Call(chat_request(json=raw), alias="a", model="m")
    options, rows = ChatOptions(takes_store), (ModelRow(facts=model or ChatModel()),)
    endpoint = Endpoint("gemini_chat", "/", options=options, models=rows)
    body = ContentBody(call, endpoint, "P").build()
    del body["contents"]
    return body, call.dropped


def config(members: Json) -> Json:
    """Return the configuration of a call."""
    found: Json = built(**members)[0].get("generationConfig", {})
    return found


@pytest.mark.parametrize(
    ("model", "effort", "thinking", "dropped"),
    [
        (ChatModel(), "minimal", {"includeThoughts": True, "thinkingLevel": "LOW"}, []),
        (ChatModel(), "xhigh", {"includeThoughts": True, "thinkingLevel": "HIGH"}, []),
        (ChatModel(least_level="MINIMAL"), "none", {"thinkingLevel": "MINIMAL"},
         ["reasoning_effort"]),
        (BUDGET, "low", {"includeThoughts": True, "thinkingBudget": 1024}, []),
        (BUDGET, "xhigh", {"includeThoughts": True, "thinkingBudget": MAX_BUDGET}, []),
        (BUDGET, "none", {"thinkingBudget": 0}, []),
        (ChatModel(thinking="budget", can_stop_thinking=False), "none", None,
         ["reasoning_effort"]),
        (NONE, "high", None, ["reasoning_effort"]),
    ],
)  # fmt: skip
def test_an_effort_is_said_as_the_model_takes_it(
    model: ChatModel, effort: str, thinking: Json | None, dropped: list[str]
) -> None:
    """As a level, as a budget, or not at all."""
    body, told = built(model, reasoning_effort=effort)
    assert (body.get("generationConfig", {}).get("thinkingConfig"), told) == (thinking, dropped)


def test_googles_own_parameters_are_passed_on_in_either_spelling() -> None:
    """Wherever a caller puts them; they go before what OpenAI's words say."""
    assert built(
        safety_settings=[{"a": 1}],
        topK=4,
        generation_config={"max_output_tokens": 5, "newThing": 1},
        tool_config={"retrieval_config": {"b": 1}},
        max_tokens=9,
    ) == (
        {
            "safetySettings": [{"a": 1}],
            "toolConfig": {"retrievalConfig": {"b": 1}},
            "generationConfig": {"topK": 4, "maxOutputTokens": 5, "newThing": 1},
        },
        [],
    )
    thinking = {"thinkingBudget": 7}
    google = {"thinking_config": thinking, "tools": [{"googleSearch": {}}], "odd": 1}
    body, dropped = built(reasoning_effort="high", extra_body={"google": google})
    assert body["generationConfig"] == {"thinkingConfig": thinking}
    assert body["tools"] == [{"googleSearch": {}}]
    assert dropped == ["extra_body.google.odd"]


@pytest.mark.parametrize(
    "members",
    [{"extra_body": 7}, {"extra_body": {"google": []}}, {"generationConfig": 7},
     {"toolConfig": "x"}, {"web_search_options": 7}],
)  # fmt: skip
def test_tables_that_are_none_are_told_and_not_sent(members: Json) -> None:
    """They crash nothing, with a tool or without."""
    choices: list[Json] = [{}, {"tools": [TOOL], "tool_choice": "required"}]
    for more in choices:
        body, dropped = built(**members, **more)
        assert "generationConfig" not in body
        assert len(dropped) == (0 if "web_search_options" in members else 1)


def test_openais_search_is_googles() -> None:
    """Its options have no word here."""
    body, dropped = built(web_search_options={"search_context_size": "low"}, tools=[TOOL])
    assert body["tools"] == [{"googleSearch": {}}, {"functionDeclarations": [{"name": "f"}]}]
    assert dropped == ["web_search_options.search_context_size"]


def test_pieces_of_arguments_are_not_asked_for() -> None:
    """They would be no JSON."""
    calling = {"mode": "ANY", "streamFunctionCallArguments": True}
    body, dropped = built(toolConfig={"functionCallingConfig": calling}, tools=[TOOL])
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "ANY"}}
    assert dropped == ["streamFunctionCallArguments"]


def test_the_choice_is_said_where_there_are_functions() -> None:
    """The caller's own words go before it."""
    body, _ = built(tools=[TOOL], tool_choice="required")
    assert body["toolConfig"] == {"functionCallingConfig": {"mode": "ANY"}}
    own = {"functionCallingConfig": {"mode": "NONE"}}
    body, _ = built(tools=[TOOL], tool_choice="required", toolConfig=own)
    assert body["toolConfig"] == own
    body, _ = built(tools=[{"googleSearch": {}}], tool_choice="required")
    assert "toolConfig" not in body


@pytest.mark.parametrize(
    ("members", "found"),
    [
        ({"max_tokens": 5, "max_completion_tokens": 7}, {"maxOutputTokens": 7}),
        ({"temperature": 0, "top_p": 0.5, "seed": 0}, {"temperature": 0.0, "topP": 0.5, "seed": 0}),
        ({"n": 2, "stop": "a"}, {"candidateCount": 2, "stopSequences": ["a"]}),
        ({"n": 1, "stop": []}, {}),
        ({"logprobs": True, "top_logprobs": 3}, {"responseLogprobs": True, "logprobs": 3}),
        ({"response_format": {"type": "json_object"}}, {"responseMimeType": "application/json"}),
        ({"response_format": {"type": "json_schema",
                              "json_schema": {"name": "a", "schema": {"type": "object"}}}},
         {"responseMimeType": "application/json",
          "responseJsonSchema": {"title": "a", "type": "object"}}),
        ({"modalities": ["text", "image"]}, {"responseModalities": ["TEXT", "IMAGE"]}),
        ({"modalities": ["text"]}, {}),
    ],
)  # fmt: skip
def test_parameters_have_googles_names(members: Json, found: Json) -> None:
    """What happens anyway is not said."""
    assert config(members) == found


@pytest.mark.parametrize(
    ("members", "sent", "dropped"),
    [
        ({"service_tier": "flex"}, {"serviceTier": "flex"}, []),
        ({"service_tier": "auto"}, {}, []),
        ({"service_tier": "gold"}, {}, ["service_tier"]),
        ({"store": True}, {}, ["store"]),
        ({"store": False}, {}, []),
        ({"takes_store": True, "store": False}, {"store": False}, []),
        ({"user": "u", "logit_bias": {"1": 1}, "parallel_tool_calls": False, "new": 1}, {},
         ["logit_bias", "user", "parallel_tool_calls", "new"]),
    ],
)  # fmt: skip
def test_what_has_no_word_is_told(members: Any, sent: Json, dropped: list[str]) -> None:  # noqa: ANN401 # JSON
    """The rest is sent."""
    assert built(**members) == (sent, dropped)


def test_sound_is_refused() -> None:
    """Chats answer in text and pictures."""
    with pytest.raises(UnsupportedCapability):
        built(modalities=["text", "audio"])
