"""Schemas of arguments, made ones of an object with its members at its top."""

from typing import Any

import orjson
import pytest

from conduit_providers.codecs.shared.object_schemas import object_schema

Json = dict[str, Any]


def of(*required: str, **members: object) -> Json:
    """Return the schema of an object."""
    return {"type": "object", "properties": members, "required": [*required]}


A, B = {"type": "string"}, {"type": "number"}


@pytest.mark.parametrize("word", ["anyOf", "oneOf"])
def test_of_choices_all_members_are_known_and_those_of_each_required(word: str) -> None:
    """A union that is told apart by a member keeps that member's values."""
    made, is_wider = object_schema(
        {word: [of("kind", "a", kind={"const": 1}, a=A), of("kind", kind={"const": 2}, b=B)]}
    )
    kinds = {"anyOf": [{"const": 1}, {"const": 2}]}
    assert made == of("kind", kind=kinds, a=A, b=B)
    assert is_wider


def test_what_holds_together_is_required_together() -> None:
    """Beside what the schema itself requires."""
    made, _ = object_schema({**of("a", a=A), "allOf": [of("b", b=B), {"if": {}, "then": {}}]})
    assert made == of("a", "b", a=A, b=B)


def test_a_reference_at_the_top_is_followed() -> None:
    """Pydantic's root models have one, and so do the branches of its unions."""
    definitions = {"A": of("a", a=A), "B": {"oneOf": [{"$ref": "#/$defs/A"}, of(b=B)]}}
    made, is_wider = object_schema({"$ref": "#/$defs/A", "$defs": definitions})
    assert (made, is_wider) == ({**of("a", a=A), "$defs": definitions}, False)
    made, is_wider = object_schema({"$ref": "#/$defs/B", "$defs": definitions})
    assert made["properties"] == {"a": A, "b": B}
    assert "required" not in made
    assert is_wider


@pytest.mark.parametrize(
    "schema", [{}, {"properties": {}}, {"type": ["object", "null"]}, {"type": "string"}]
)
def test_a_schema_says_that_it_is_of_an_object(schema: Json) -> None:
    """Arguments are one; what was there stays."""
    assert object_schema(schema) == ({**schema, "type": "object"}, False)


def test_what_is_right_stays() -> None:
    """Choices further down, too."""
    right = of("a", a={"anyOf": [A, B]})
    assert object_schema(right) == (right, False)


@pytest.mark.parametrize(
    "schema",
    [
        {"$ref": "#/$defs/A", "$defs": {"A": {"$ref": "#/$defs/A"}}},
        {
            "anyOf": [{"$ref": "#/$defs/A"}] * 9,
            "$defs": {"A": {"anyOf": [{"$ref": "#/$defs/A"}] * 9}},
        },
        {"anyOf": [{"$ref": "#"}, {"$ref": 7}, 7], "properties": 7, "required": 7},
        {"oneOf": {"$ref": "#/oneOf"}},
        {"$ref": "#/nowhere/0"},
    ],
)
def test_what_refers_to_itself_or_to_nothing_ends(schema: Json) -> None:
    """However often; what comes of it is no larger than what was sent, by much."""
    made, _ = object_schema(schema)
    assert made["type"] == "object"
    assert len(orjson.dumps(made)) < 1000
