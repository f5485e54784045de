"""Requests to Anthropic's Messages as chats."""

from typing import Any

import orjson
import pytest

from conduit_kernel.errors import InvalidRequest
from conduit_providers.inbound.chat_terms import ChatTerms
from conduit_providers.inbound.message_form import message_request
from conduit_providers.inbound.message_to_chat import TranslatedRequest

Json = dict[str, Any]
OPENAI = ChatTerms(is_openai=True, takes_marks=False, takes_effort=True)
PLAIN = ChatTerms(is_openai=True, takes_marks=False, takes_effort=False)
OTHER = ChatTerms(is_openai=False, takes_marks=True, takes_effort=True)
ASKED: Json = {"model": "m", "max_tokens": 1000, "messages": [{"role": "user", "content": "hi"}]}


def translated(terms: ChatTerms = OPENAI, **members: Any) -> TranslatedRequest:  # noqa: ANN401 # JSON
    """Return the chat of a request with some more members."""
    return message_request(json=orjson.dumps({**ASKED, **members})).chat(terms)


def chat(terms: ChatTerms = OPENAI, **members: Any) -> Json:  # noqa: ANN401 # JSON
    """Return its JSON."""
    found: Json = orjson.loads(translated(terms, **members).chat.json)
    return found


def test_plain() -> None:
    """The limit has the name that all dialects know."""
    assert chat() == {
        "model": "m",
        "messages": [{"role": "user", "content": "hi"}],
        "max_tokens": 1000,
    }


def test_what_both_say_has_the_same_values() -> None:
    """Sampling, stops, streaming, the tier."""
    found = chat(
        OTHER,
        temperature=0.5,
        top_p=0.9,
        top_k=4,
        stop_sequences=["a", "b"],
        stream=True,
        service_tier="standard_only",
        metadata={"user_id": "u"},
    )
    assert found == ASKED | {
        "temperature": 0.5,
        "top_p": 0.9,
        "top_k": 4,
        "stop": ["a", "b"],
        "stream": True,
        "service_tier": "default",
        "user": "u",
    }


@pytest.mark.parametrize(
    ("budget", "effort"), [(100, "low"), (500, "medium"), (800, "high"), (999, "xhigh")]
)
def test_a_budget_of_thoughts_is_an_effort(budget: int, effort: str) -> None:
    """By its share of the limit."""
    thinking = {"type": "enabled", "budget_tokens": budget}
    assert chat(thinking=thinking)["reasoning_effort"] == effort


def test_an_effort_goes_before_a_budget() -> None:
    """Newer clients name it, and leave the rest to the model."""
    config = {"effort": "max"}
    asked: Json = {"thinking": {"type": "adaptive"}, "output_config": config}
    assert chat(OPENAI, **asked)["reasoning_effort"] == "xhigh"
    assert "reasoning_effort" not in chat(thinking={"type": "adaptive"})
    assert "reasoning_effort" not in chat(thinking={"type": "disabled"})


def test_a_model_that_knows_no_effort_is_not_told() -> None:
    """OpenAI refuses it for models that do not reason; the caller is told instead."""
    found = translated(PLAIN, thinking={"type": "enabled", "budget_tokens": 500})
    assert b"reasoning_effort" not in found.chat.json
    assert found.dropped == ("thinking",)


def test_a_schema_is_the_form_of_the_answer() -> None:
    """`output_config.format` has the schema that OpenAI has under a name; so had its beta."""
    schema = {"type": "object", "properties": {}, "additionalProperties": False}
    form = {"type": "json_schema", "schema": schema}
    for members in ({"output_config": {"format": form}}, {"output_format": form}):
        found = translated(**members)
        assert found.dropped == ()
        assert orjson.loads(found.chat.json)["response_format"] == {
            "type": "json_schema",
            "json_schema": {"name": "answer", "schema": schema, "strict": True},
        }


def test_a_schema_that_openai_refuses_is_shown_to_the_model_alone() -> None:
    """Members may be missing at Anthropic; elsewhere the schema is as strict as it was."""
    schema = {"type": "object", "properties": {"a": {}}, "additionalProperties": False}
    config = {"format": {"type": "json_schema", "schema": schema}}
    found = translated(output_config=config)
    asked = orjson.loads(found.chat.json)["response_format"]["json_schema"]
    assert asked == {"name": "answer", "schema": schema}
    assert found.dropped == ("output_config.format",)
    other = translated(OTHER, output_config=config)
    assert orjson.loads(other.chat.json)["response_format"]["json_schema"]["strict"] is True
    assert other.dropped == ()


def test_more_stops_than_are_taken_are_told() -> None:
    """The first ones stay: OpenAI takes four, Anthropic any number."""
    found = translated(OPENAI._replace(most_stops=4), stop_sequences=list("abcde"))
    assert orjson.loads(found.chat.json)["stop"] == list("abcd")
    assert found.dropped == ("stop_sequences",)
    assert chat(stop_sequences=list("abcde"))["stop"] == list("abcde")


def test_how_thoughts_are_shown_is_told() -> None:
    """Other providers show them or not, as they are."""
    assert translated(thinking={"type": "adaptive", "display": "omitted"}).dropped == (
        "thinking.display",
    )


def test_what_cannot_be_said_is_told() -> None:
    """By Anthropic's names; what asks for nothing is not worth telling."""
    found = translated(
        top_k=3,
        context_management={"edits": []},
        mcp_servers=[],
        container="c",
        metadata={"user_id": "u" * 65},
        output_config={"task_budget": {"total": 1}},
    )
    assert set(found.dropped) == {
        "top_k",
        "context_management",
        "container",
        "metadata.user_id",
        "output_config.task_budget",
    }


def test_types_are_checked() -> None:
    """The error names the member, as it does for chats."""
    with pytest.raises(InvalidRequest) as refused:
        translated(messages=[{"role": "user", "content": 5}])
    assert refused.value.metadata["field"] == "messages[0].content"


def test_marks_beyond_the_fourth_are_told() -> None:
    """The last of them are kept, wherever they stand: instructions, words, results."""

    def text(name: str) -> Json:
        return {"type": "text", "text": name, "cache_control": {"type": "ephemeral"}}

    result = {**text("e"), "type": "tool_result", "tool_use_id": "t", "content": "e"}
    del result["text"]
    members: Json = {
        "system": [text("a")],
        "messages": [
            {"role": "user", "content": [text("b"), text("c")]},
            {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f"}]},
            {"role": "user", "content": [result, text("d")]},
        ],
    }
    made = translated(OTHER, **members)
    system, words, _, answered, last = orjson.loads(made.chat.json)["messages"]
    assert "cache_control" not in str(system)
    marked = [*words["content"], answered, *last["content"]]
    assert ["cache_control" in each for each in marked] == [True] * 4
    assert made.dropped == ("cache_control",)
    members["system"] = "a"
    assert translated(OTHER, **members).dropped == ()
