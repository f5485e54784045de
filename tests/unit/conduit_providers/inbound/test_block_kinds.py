"""Every kind of block that Anthropic's newest SDK knows, sent to a provider of another dialect."""

from typing import Any, get_args, get_type_hints

import pytest
from anthropic.types import ContentBlockParam
from anthropic.types.beta import BetaContentBlockParam

from conduit.v1.message_json import message_creation_from_json
from conduit_kernel.errors import UnsupportedCapability
from conduit_providers.inbound.dropped import Dropped
from conduit_providers.inbound.message_parts import Parts
from conduit_providers.inbound.message_turns import Turns

Json = dict[str, Any]
PICTURE: Json = {"type": "url", "url": "https://a/b.png"}
# Of each kind, by who says it, what it has beside its type.
SAID: dict[str, dict[str, Json]] = {
    "user": {
        "text": {"text": "a"},
        "image": {"source": PICTURE},
        "document": {"source": {"type": "content", "content": "words"}},
        "search_result": {"source": "s", "title": "t", "content": []},
        "tool_result": {"tool_use_id": "t", "content": "r"},
    },
    "assistant": {
        "tool_use": {"id": "t", "name": "f", "input": {}},
        "thinking": {"thinking": "hm", "signature": "EqQB"},
        "redacted_thinking": {"data": "EmwK"},
        "compaction": {"content": "so far"},
    },
}
# What no other model is shown, and need not be told of.
LEFT_OUT: dict[str, dict[str, Json]] = {
    "assistant": {"fallback": {"from": {"model": "a"}, "to": {"model": "b"}}},
}
TOLD: dict[str, dict[str, Json]] = {
    "assistant": {
        "server_tool_use": {"id": "s", "name": "web_search", "input": {}},
        "mcp_tool_use": {"id": "m", "name": "f", "input": {}, "server_name": "x"},
        "mcp_tool_listing": {"mcp_server_name": "x", "tools": []},
        **{
            f"{tool}_tool_result": {"tool_use_id": "s", "content": []}
            for tool in (
                "advisor",
                "bash_code_execution",
                "code_execution",
                "mcp",
                "text_editor_code_execution",
                "tool_search",
                "web_fetch",
                "web_search",
            )
        },
    },
    "system": {
        "tool_addition": {"tool": {"type": "tool_reference", "name": "f"}},
        "tool_removal": {"tool": {"type": "tool_reference", "name": "f"}},
    },
}
ANTHROPICS_ALONE: dict[str, dict[str, Json]] = {"user": {"container_upload": {"file_id": "f"}}}


def turns_of(role: str, kind: str, members: Json, dropped: Dropped) -> list[Json]:
    """Return what becomes of a turn with one block."""
    turn = {"role": role, "content": [{"type": kind, **members}]}
    request = message_creation_from_json({"messages": [turn]})
    parts = Parts(dropped, takes_marks=False)
    return Turns(dropped, parts, knows_failures=False).of(request.messages)


def each_of(table: dict[str, dict[str, Json]]) -> list[tuple[str, str, Json]]:
    """Return the rows of a table."""
    return [(role, *row) for role, rows in table.items() for row in rows.items()]


def test_each_kind_of_the_sdk_is_known() -> None:
    """One that comes with another version has to be decided upon."""
    known = {
        kind
        for union in (ContentBlockParam, BetaContentBlockParam)
        for member in get_args(union)
        # The last member of the beta's is the union of the answers' blocks.
        if isinstance(member, type)
        for kind in get_args(get_type_hints(member)["type"])
    }
    tables = (SAID, LEFT_OUT, TOLD, ANTHROPICS_ALONE)
    assert known == {kind for table in tables for _, kind, _ in each_of(table)}


@pytest.mark.parametrize(("role", "kind", "members"), each_of(SAID))
def test_what_was_said_is_said(role: str, kind: str, members: Json) -> None:
    """Without a word, as nothing is lost."""
    dropped = Dropped()
    assert len(turns_of(role, kind, members, dropped)) == 1
    assert dropped.names == ()


@pytest.mark.parametrize(("role", "kind", "members"), each_of(LEFT_OUT))
def test_what_nobody_is_shown_is_left_out(role: str, kind: str, members: Json) -> None:
    """A turn of nothing else is none."""
    dropped = Dropped()
    assert turns_of(role, kind, members, dropped) == []
    assert dropped.names == ()


@pytest.mark.parametrize(("role", "kind", "members"), each_of(TOLD))
def test_what_other_providers_have_no_word_for_is_told(role: str, kind: str, members: Json) -> None:
    """And the conversation goes on without."""
    dropped = Dropped()
    assert turns_of(role, kind, members, dropped) == []
    assert dropped.names == (f"messages.content.{kind}",)


@pytest.mark.parametrize(("role", "kind", "members"), each_of(ANTHROPICS_ALONE))
def test_what_lies_at_anthropic_goes_to_anthropic_alone(
    role: str, kind: str, members: Json
) -> None:
    """Another candidate is asked: without it the request would be another one."""
    with pytest.raises(UnsupportedCapability):
        turns_of(role, kind, members, Dropped())
