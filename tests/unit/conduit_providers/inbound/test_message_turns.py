"""Turns as chats have them."""

from typing import Any

import orjson
import pytest

from conduit.v1.message_json import message_creation_from_json
from conduit_kernel.errors import InvalidRequest
from conduit_providers.inbound.dropped import Dropped
from conduit_providers.inbound.message_parts import Parts
from conduit_providers.inbound.message_turns import Turns
from conduit_providers.inbound.sealed_thoughts import sealed

Json = dict[str, Any]


def turns(*given: Json, knows_failures: bool = True, dropped: Dropped | None = None) -> list[Json]:
    """Return the turns of a chat."""
    dropped = dropped or Dropped()
    request = message_creation_from_json({"messages": list(given)})
    made = Turns(dropped, Parts(dropped, takes_marks=True), knows_failures=knows_failures)
    found: list[Json] = orjson.loads(orjson.dumps(made.of(request.messages)))
    return found


def system(given: object) -> list[Json]:
    """Return the instructions of a chat."""
    parts = Parts(Dropped(), takes_marks=True)
    request = message_creation_from_json({"system": given})
    return Turns(Dropped(), parts, knows_failures=True).system(request.system)


def test_what_claude_code_bills_by_is_no_instruction() -> None:
    """It differs with each request, so that no cache would hold."""
    given = [
        {"type": "text", "text": "x-anthropic-billing-header: cc_version=2.1; cch=abc;"},
        {"type": "text", "text": "Be brief."},
    ]
    assert system(given) == [{"role": "system", "content": "Be brief."}]
    assert system("Be brief.") == [{"role": "system", "content": "Be brief."}]
    assert system(given[:1]) == system("") == []


def test_results_stand_in_front_of_what_the_user_says() -> None:
    """In the order of their blocks, each for its call, pictures included."""
    picture = {"type": "image", "source": {"type": "url", "url": "https://a/b.png"}}
    found = turns(
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "t1", "content": "one", "is_error": True},
                {"type": "text", "text": "and"},
                {"type": "tool_result", "tool_use_id": "t2", "content": [picture]},
            ],
        }
    )
    assert found == [
        {"role": "tool", "tool_call_id": "t1", "content": "one", "is_error": True},
        {
            "role": "tool",
            "tool_call_id": "t2",
            "content": [{"type": "image_url", "image_url": {"url": "https://a/b.png"}}],
        },
        {"role": "user", "content": "and"},
    ]


def test_a_failure_is_told_where_it_cannot_be_said() -> None:
    """OpenAI refuses members of messages that it does not know."""
    dropped = Dropped()
    block = {"type": "tool_result", "tool_use_id": "t", "content": "no", "is_error": True}
    (found,) = turns({"role": "user", "content": [block]}, knows_failures=False, dropped=dropped)
    assert "is_error" not in found
    assert dropped.names == ("messages.content.is_error",)


def test_calls_and_thoughts_stand_beside_the_words() -> None:
    """Words keep their order; what Anthropic has signed goes back signed."""
    (found,) = turns(
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": "EqQB"},
                {"type": "redacted_thinking", "data": "EmwK"},
                {"type": "text", "text": "So it is."},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": [1]}},
                {"type": "tool_use", "id": "t2", "name": "g", "input": {}},
            ],
        }
    )
    assert found["content"] == "So it is."
    assert [(c["id"], c["function"]) for c in found["tool_calls"]] == [
        ("t1", {"name": "f", "arguments": '{"a":[1]}'}),
        ("t2", {"name": "g", "arguments": "{}"}),
    ]
    assert found["reasoning_content"] == "hm"
    form = {"format": "anthropic-claude-v1"}
    assert found["reasoning_details"] == [
        {"type": "reasoning.text", "text": "hm", "signature": "EqQB", "index": 0, **form},
        {"type": "reasoning.encrypted", "data": "EmwK", "index": 1, **form},
    ]


def test_what_stands_between_thoughts_keeps_its_place() -> None:
    """For who has signed them: as a detail of its own, beside the words and calls for others."""
    content = [
        {"type": "thinking", "thinking": "hm", "signature": "EqQB"},
        {"type": "text", "text": "So "},
        {"type": "tool_use", "id": "t1", "name": "f", "input": {"a": [1]}},
        {"type": "text", "text": "it is."},
    ]
    (found,) = turns({"role": "assistant", "content": content})
    assert found["content"] == "So it is."
    assert [each["id"] for each in found["tool_calls"]] == ["t1"]
    first, *kept = found["reasoning_details"]
    assert first["signature"] == "EqQB"
    assert [orjson.loads(each["data"]) for each in kept] == content[1:]
    assert [each["index"] for each in found["reasoning_details"]] == [0, 1, 2, 3]
    (unsigned,) = turns({"role": "assistant", "content": content[1:]})
    assert "reasoning_details" not in unsigned


def test_what_was_sealed_is_opened() -> None:
    """Thoughts in their provider's own form, and what belongs to calls and to the turn."""
    extra = {"extra_content": {"google": {"thought_signature": "s"}}}
    kept = sealed({"details": [{"type": "reasoning.encrypted", "data": "d"}]})
    more = sealed({"calls": {"t1": extra}, "said": {"images": [1]}})
    (found,) = turns(
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "hm", "signature": kept},
                {"type": "redacted_thinking", "data": more},
                {"type": "tool_use", "id": "t1", "name": "f", "input": {}},
            ],
        }
    )
    assert found["reasoning_details"] == [{"type": "reasoning.encrypted", "data": "d"}]
    assert found["tool_calls"][0]["extra_content"] == extra["extra_content"]
    assert found["images"] == [1]
    assert found["content"] is None


def test_turns_of_which_nothing_is_left_are_left_out() -> None:
    """Uses of the provider's own tools are told, and no turn says nothing."""
    dropped = Dropped()
    content = [
        {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}},
        {"type": "web_search_tool_result", "tool_use_id": "s", "content": []},
    ]
    assert turns({"role": "assistant", "content": content}, dropped=dropped) == []
    assert set(dropped.names) == {
        "messages.content.server_tool_use",
        "messages.content.web_search_tool_result",
    }


@pytest.mark.parametrize("role", ["", "tool", "function", "model"])
def test_turns_of_nobody_are_refused(role: str) -> None:
    """By the member's name, and not in a provider's words about its own form."""
    with pytest.raises(InvalidRequest) as refused:
        turns({"role": role, "content": "hi"})
    assert refused.value.metadata["field"] == "messages.role"


def test_marks_of_calls_are_told() -> None:
    """A chat's calls have no place for them."""
    block = {"type": "tool_use", "id": "t", "name": "f", "input": {}}
    dropped = Dropped()
    turns(
        {"role": "assistant", "content": [{**block, "cache_control": {"type": "ephemeral"}}]},
        dropped=dropped,
    )
    assert dropped.names == ("cache_control",)


def test_instructions_on_the_way_keep_their_place() -> None:
    """Newer clients have turns of the system."""
    assert turns({"role": "system", "content": "now"}) == [{"role": "system", "content": "now"}]
