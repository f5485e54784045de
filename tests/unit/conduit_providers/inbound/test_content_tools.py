"""Google's tools, as a chat has them."""

import pytest

from conduit_kernel.errors import InvalidRequest
from conduit_providers.inbound.content_tools import choice_of, json_schema, tools_of
from conduit_providers.inbound.dropped import Dropped


def test_functions_are_tools() -> None:
    """In both spellings; a schema of JSON stays; long names are cut, and known."""
    schema = {"type": "object"}
    declared = [
        {"name": "f", "description": "d", "parameters_json_schema": schema},
        {"name": "n" * 70, "behavior": "NON_BLOCKING"},
    ]
    dropped = Dropped()
    found, names = tools_of([{"function_declarations": declared}, {"codeExecution": {}}], dropped)
    first, second = (each["function"] for each in found)
    assert first == {"name": "f", "description": "d", "parameters": schema}
    assert names.given(second["name"]) == "n" * 70
    assert dropped.names == ("tools.functionDeclarations.behavior", "tools.codeExecution")
    assert tools_of(None, dropped)[0] == []
    with pytest.raises(InvalidRequest):
        tools_of(["f"], dropped)


def test_schemas_keep_what_json_knows() -> None:
    """Within lists, choices and members; what is none stays as it is."""
    given = {"type": "ARRAY", "items": {"anyOf": [{"type": "STRING"}, {"enum": ["a"]}]}}
    assert json_schema(given) == {
        "type": "array",
        "items": {"anyOf": [{"type": "string"}, {"enum": ["a"]}]},
    }
    assert json_schema("x") == "x"


def test_several_allowed_functions_are_told() -> None:
    """A chat can name one."""
    dropped = Dropped()
    calling = {"mode": "ANY", "allowedFunctionNames": ["a", "b"]}
    assert choice_of({"functionCallingConfig": calling}, dropped) == {"tool_choice": "required"}
    assert dropped.names == ("toolConfig.functionCallingConfig.allowedFunctionNames",)
    assert choice_of(None, dropped) == choice_of({}, dropped) == {}
