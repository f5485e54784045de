"""Schemas that are strict at OpenAI."""

from typing import Any

import pytest

from conduit_providers.inbound.strict_schema import is_strict

Json = dict[str, Any]
CLOSED: Json = {
    "type": "object",
    "properties": {"a": {"type": "string"}},
    "required": ["a"],
    "additionalProperties": False,
}
OPEN: Json = {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["a"]}
OPTIONAL: Json = {**CLOSED, "required": []}


def within(piece: Json) -> list[Json]:
    """Return closed schemas with a piece in each place for schemas."""
    return [
        {**CLOSED, "properties": {"a": piece}},
        {**CLOSED, "properties": {"a": {"type": "array", "items": piece}}},
        {**CLOSED, "properties": {"a": {"anyOf": [{"type": "null"}, piece]}}},
        {**CLOSED, "$defs": {"b": piece}},
    ]


@pytest.mark.parametrize("schema", [CLOSED, *within(CLOSED), {"type": "string"}, None, 5])
def test_closed_objects_that_want_all_members_are_strict(schema: object) -> None:
    """Wherever they stand; what is no object has none."""
    assert is_strict(schema)


@pytest.mark.parametrize(
    "schema",
    [
        OPEN,
        OPTIONAL,
        *within(OPEN),
        *within(OPTIONAL),
        {**OPTIONAL, "type": ["object", "null"]},
        {"properties": {"a": {}}},
        {"type": "object"},
        {**CLOSED, "required": "a"},
        {**CLOSED, "properties": 5},
    ],
)
def test_others_are_not(schema: object) -> None:
    """OpenAI refuses them as strict, with a 400."""
    assert not is_strict(schema)
