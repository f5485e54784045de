"""Requests to OpenAI's Responses as chats."""

from typing import Any

import orjson
import pytest

from conduit_kernel.errors import InvalidRequest, UnsupportedCapability
from conduit_providers.inbound.chat_terms import ANY_TERMS, ChatTerms
from conduit_providers.inbound.response_form import response_request
from conduit_providers.inbound.response_to_chat import TranslatedResponse

Json = dict[str, Any]
PLAIN = ChatTerms(is_openai=True, takes_marks=False, takes_effort=False)


def translated(terms: ChatTerms = ANY_TERMS, **members: object) -> TranslatedResponse:
    """Return the chat of a request with some more members."""
    return response_request(json=orjson.dumps({"model": "m", "input": "hi", **members})).chat(terms)


def chat(terms: ChatTerms = ANY_TERMS, **members: object) -> Json:
    """Return its JSON."""
    found: Json = orjson.loads(translated(terms, **members).chat.json)
    return found


def test_plain() -> None:
    """A string is what the user says."""
    assert chat() == {"model": "m", "messages": [{"role": "user", "content": "hi"}]}


def test_instructions_come_first() -> None:
    """Blank ones say nothing."""
    found = chat(instructions="be brief")["messages"]
    assert found[0] == {"role": "system", "content": "be brief"}
    assert len(chat(instructions=" ")["messages"]) == 1


def test_what_both_say_has_the_same_values() -> None:
    """Limits, sampling, streaming, whom it is for, the tier."""
    found = chat(
        max_output_tokens=9,
        temperature=0.5,
        top_p=0.9,
        stream=True,
        user="u",
        service_tier="flex",
        include=["message.output_text.logprobs", "reasoning.encrypted_content"],
        top_logprobs=3,
        reasoning={"effort": "low", "summary": "auto"},
        text={"verbosity": "low"},
    )
    del found["messages"]
    assert found == {
        "model": "m",
        "max_tokens": 9,
        "temperature": 0.5,
        "top_p": 0.9,
        "stream": True,
        "user": "u",
        "service_tier": "flex",
        "logprobs": True,
        "top_logprobs": 3,
        "reasoning_effort": "low",
        "verbosity": "low",
    }


def test_json_schemas() -> None:
    """Their members stand one level deeper in a chat."""
    schema = {"name": "n", "schema": {"type": "object"}, "strict": True, "description": "d"}
    found = chat(text={"format": {"type": "json_schema", **schema}})
    assert found["response_format"] == {"type": "json_schema", "json_schema": schema}
    assert chat(text={"format": {"type": "json_object"}})["response_format"] == {
        "type": "json_object"
    }
    assert "response_format" not in chat(text={"format": {"type": "text"}})


@pytest.mark.parametrize("text", [[], "x", {"format": {"type": "xml"}}, {"format": 1}])
def test_formats_that_are_none_are_refused(text: object) -> None:
    """With the member's name."""
    with pytest.raises(InvalidRequest) as refused:
        translated(text=text)
    assert str(refused.value.metadata["field"]).startswith("text")


@pytest.mark.parametrize(
    ("members", "dropped"),
    [
        ({"truncation": "auto"}, ("truncation",)),
        ({"truncation": "disabled"}, ()),
        ({"store": True}, ("store",)),
        ({"store": False}, ()),
        ({"include": ["file_search_call.results"]}, ("include.file_search_call.results",)),
        ({"include": ["reasoning.encrypted_content"]}, ()),
        ({"top_logprobs": 3}, ("top_logprobs",)),
        ({"user": "u" * 65}, ("user",)),
        ({"max_tool_calls": 3}, ("max_tool_calls",)),
        ({"reasoning": {"generate_summary": "auto"}}, ("reasoning.generate_summary",)),
        ({"prompt_cache_key": "k", "client_metadata": {"a": "b"}, "metadata": {"n": "1"}}, ()),
        ({"safety_identifier": None, "max_tool_calls": None, "previous_response_id": None}, ()),
    ],
)
def test_what_a_chat_cannot_say_is_told(members: Json, dropped: tuple[str, ...]) -> None:
    """But for what asks for nothing, and hints for a provider's machinery."""
    assert translated(**members).dropped == dropped


def test_models_that_do_not_reason_are_not_told_how_hard() -> None:
    """They would refuse it."""
    found = translated(PLAIN, reasoning={"effort": "high"})
    assert found.dropped == ("reasoning.effort",)
    assert b"reasoning_effort" not in found.chat.json


@pytest.mark.parametrize(
    "members",
    [
        {"previous_response_id": "resp_1"},
        {"conversation": "conv_1"},
        {"conversation": {"id": "conv_1"}},
        {"prompt": {"id": "pmpt_1"}},
    ],
)
def test_what_only_its_provider_keeps_is_refused(members: Json) -> None:
    """The way out is named."""
    with pytest.raises(UnsupportedCapability) as refused:
        translated(**members)
    assert refused.value.metadata["capability"] == "stored_responses"
    assert "`store` false" in str(refused.value)
