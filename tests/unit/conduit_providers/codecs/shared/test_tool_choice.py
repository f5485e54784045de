"""The tools that a caller allows."""

import orjson
import pytest

from conduit.v1.chat_tool_pb2 import ToolChoice
from conduit_kernel.errors import InvalidRequest
from conduit_providers.codecs.shared.tool_choice import allowed_names


def allowing(tools: object) -> ToolChoice:
    """Return a choice."""
    choice = ToolChoice()
    choice.allowed_tools.tools_json = orjson.dumps(tools)
    return choice


@pytest.mark.parametrize(
    ("tools", "names"),
    [
        ([], []),
        ([{"type": "function", "function": {"name": "a"}}], ["a"]),
        ([{"type": "function", "name": "a"}, {"type": "web_search"}], ["a", "web_search"]),
        ([{"function": 7, "name": "a"}, {"function": {}}, {}], ["a", "", ""]),
        ([{"name": 7}], ["7"]),
    ],
)
def test_tools_go_by_their_names_or_by_their_types(tools: object, names: list[str]) -> None:
    """In both of OpenAI's spellings."""
    assert allowed_names(allowing(tools)) == names


def test_no_tools_are_none() -> None:
    """As where the member is left out."""
    assert allowed_names(ToolChoice()) == []


@pytest.mark.parametrize("tools", [7, None, {"name": "a"}, ["a"], [[]], [None], [{}, 7]])
def test_what_is_no_list_of_tools_is_refused(tools: object) -> None:
    """With its place."""
    with pytest.raises(InvalidRequest, match="must be a list of tools") as refused:
        allowed_names(allowing(tools))
    assert refused.value.metadata["field"] == "tool_choice.allowed_tools.tools"
