"""What the simulator's models say."""

from typing import Any

import orjson
import pytest

from conduit_simulator.behaviour import Behaviour, behaviour_of
from conduit_simulator.replies import Reply, reply_to
from conduit_simulator.requests import read_chat

TOOLS = [
    {"type": "function", "function": {"name": name, "parameters": {"type": "object"}}}
    for name in ("first", "second")
]
ASKED = [{"role": "user", "content": "one two three"}]


def reply(name: str = "echo", messages: list[Any] = ASKED, **members: Any) -> Reply:  # noqa: ANN401 # JSON
    """Return what a model says."""
    request = read_chat(orjson.dumps({"model": name, "messages": messages, **members}))
    behaviour = behaviour_of(name)
    assert isinstance(behaviour, Behaviour)
    return reply_to(request, behaviour, "7")


def test_an_echo_counts_what_it_read_and_wrote() -> None:
    """For every choice."""
    said = reply(n=2)
    assert said.tokens == ("one", " two", " three")
    assert (said.finish_reason, said.choices) == ("stop", 2)
    assert (said.usage.prompt, said.usage.completion, said.usage.reasoning) == (3, 6, 0)


@pytest.mark.parametrize(
    ("members", "tokens", "reason"),
    [
        ({"max_tokens": 2}, ("one", " two"), "length"),
        ({"max_tokens": 3}, ("one", " two", " three"), "stop"),
        ({"stop": "two"}, ("one", " "), "stop"),
        ({"stop": ["three", "two", ""]}, ("one", " "), "stop"),
        ({"stop": "four"}, ("one", " two", " three"), "stop"),
    ],
)
def test_an_answer_ends_where_it_is_told_to(
    members: dict[str, Any], tokens: tuple[str, ...], reason: str
) -> None:
    """At the first of the sequences, or at the limit."""
    said = reply(**members)
    assert (said.tokens, said.finish_reason) == (tokens, reason)


def test_thoughts_are_counted_and_not_said() -> None:
    """They are part of what was written."""
    said = reply("think")
    assert said.reasoning
    assert said.usage.completion == len(said.tokens) + len(said.reasoning)
    assert said.usage.as_json()["completion_tokens_details"] == {
        "reasoning_tokens": len(said.reasoning),
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    }


@pytest.mark.parametrize(
    ("name", "members", "called"),
    [
        ("echo", {}, []),
        ("tool", {}, ["first"]),
        ("tools", {}, ["first", "second"]),
        ("tools", {"parallel_tool_calls": False}, ["first"]),
        ("echo", {"tool_choice": "required"}, ["first"]),
        ("tools", {"tool_choice": "none"}, []),
        ("echo", {"tool_choice": {"type": "function", "function": {"name": "second"}}}, ["second"]),
        ("echo", {"tool_choice": {"type": "function", "function": {"name": "third"}}}, []),
        ("tool", {"tools": []}, []),
        ("tool", {"tools": [{"type": "custom"}]}, []),
    ],
)
def test_tools_are_called_as_the_choice_says(
    name: str, members: dict[str, Any], called: list[str]
) -> None:
    """And by the habit, where the choice is left to the model."""
    said = reply(name, **{"tools": TOOLS, **members})
    assert [call.name for call in said.calls] == called
    assert said.finish_reason == ("tool_calls" if called else "stop")
    assert bool(said.tokens) is not bool(called)


def test_a_tools_answer_ends_the_calls_unless_they_are_required() -> None:
    """So that a loop of calls ends."""
    answered = [*ASKED, {"role": "tool", "content": "done"}]
    assert reply("tool", answered, tools=TOOLS).tokens == ("done",)
    assert reply("tool", answered, tools=TOOLS, tool_choice="required").calls


def test_ids_of_calls_differ() -> None:
    """Within an answer, and from those of the next."""
    assert [call.id for call in reply("tools", tools=TOOLS).calls] == ["call_70", "call_71"]


@pytest.mark.parametrize(
    ("form", "value"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, {"echo": "one two three"}),
        ({"type": "json_schema", "json_schema": {"name": "a", "schema": {"const": 7}}}, 7),
    ],
)
def test_an_answer_has_the_form_that_is_asked_for(form: dict[str, object], value: object) -> None:
    """Words without one."""
    said = "".join(reply(response_format=form).tokens)
    assert said == "one two three" if value is None else orjson.loads(said) == value


def test_counting_takes_no_notice_of_what_was_said() -> None:
    """One number in each token."""
    assert reply("stream-3x0ms").tokens == ("1", " 2", " 3")
