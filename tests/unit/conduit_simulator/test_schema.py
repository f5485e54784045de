"""Values by a JSON schema, held against an implementation of JSON Schema that is not ours."""

from typing import Any

import jsonschema  # type: ignore[import-untyped] # what reads OpenAPI in tests brings it
import orjson
import pytest

from conduit_simulator.errors import ApiError
from conduit_simulator.schema import MAX_VALUES, value_for

Json = dict[str, Any]
PERSON: Json = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 18}},
    "required": ["name", "age"],
}
TREE: Json = {
    "$defs": {
        "node": {
            "type": "object",
            "properties": {
                "next": {"anyOf": [{"$ref": "#/$defs/node"}, {"type": "null"}]},
                "leaves": {"type": "array", "items": {"$ref": "#/$defs/node"}},
            },
            "required": ["next", "leaves"],
        }
    },
    "$ref": "#/$defs/node",
}


def value(schema: Json | None, text: str = "hello") -> Any:  # noqa: ANN401 # any JSON
    """Return the value for a schema."""
    return orjson.loads(value_for(schema, text))


@pytest.mark.parametrize(
    "schema",
    [
        {},
        PERSON,
        TREE,
        {"type": ["string", "null"]},
        {"enum": ["b", "a"]},
        {"const": None},
        {"oneOf": [{"type": "boolean"}, {"type": "integer"}]},
        {"allOf": [PERSON, {"properties": {"id": {"format": "email"}}, "required": ["id"]}]},
        {"type": "object", "required": ["unnamed"]},
        {"type": "array", "minItems": 3, "items": {"type": "integer"}},
        {"type": "array", "minItems": 0},
        {"type": "string", "minLength": 9},
        {"type": "string", "maxLength": 2},
        {"type": "string", "format": "uuid"},
    ],
)
def test_a_value_fits_its_schema(schema: Json) -> None:
    """Also one that contains itself, which ends somewhere."""
    jsonschema.validate(value(schema), schema, format_checker=jsonschema.FormatChecker())


@pytest.mark.parametrize("kind", ["number", "integer"])
@pytest.mark.parametrize(
    "bounds",
    [
        {},
        {"minimum": 3},
        {"minimum": 0.25, "maximum": 3.5},
        {"maximum": 5},
        {"maximum": -0.5},
        {"exclusiveMinimum": 3},
        {"exclusiveMaximum": 1},
        {"exclusiveMaximum": -7},
        {"minimum": 3, "exclusiveMinimum": 3},
        {"exclusiveMinimum": 0, "exclusiveMaximum": 1.5},
        {"multipleOf": 5},
        {"multipleOf": 5, "minimum": 6},
        {"multipleOf": 5, "maximum": -1},
        {"multipleOf": 3, "exclusiveMinimum": 9},
    ],
)
def test_numbers_keep_to_their_bounds(kind: str, bounds: Json) -> None:
    """Those with a fraction, too: 0.5 at most is not rounded up to 1."""
    schema = {"type": kind, **bounds}
    jsonschema.validate(value(schema), schema)


def test_numbers_need_not_be_whole() -> None:
    """A confidence between two fractions is one."""
    schema = {"type": "number", "minimum": 0.1, "maximum": 0.9}
    assert value(schema) == 0.1
    assert 0.1 < value(schema | {"exclusiveMinimum": 0.1}) < 0.9


def test_free_strings_hold_the_text() -> None:
    """So that a caller sees what was asked."""
    assert value(PERSON, "Ada") == {"name": "Ada", "age": 18}
    assert value(None, "Ada") == "Ada"


@pytest.mark.parametrize(
    "schema",
    [
        {"type": []},
        {"type": 7},
        {"enum": {"a": 1}},
        {"anyOf": {"type": "string"}},
        {"properties": ["a"]},
        {"required": "a"},
        {"allOf": [{"properties": 7}]},
        {"$ref": 7},
        {"type": "number", "multipleOf": 0},
        {"type": "number", "minimum": "low"},
        {"type": "string", "minLength": -1},
        {"type": "string", "minLength": 10**12},
        {"type": "array", "minItems": 10**9},
    ],
)
def test_what_is_no_schema_or_asks_for_too_much_is_refused(schema: Json) -> None:
    """By a 400 as OpenAI's, and not by a crash or all of the memory."""
    with pytest.raises(ApiError, match="Invalid schema") as refused:
        value(schema)
    assert refused.value.status == 400


def test_lists_within_lists_do_not_multiply_without_end() -> None:
    """Each may be of a size that is nothing special."""
    deep: Json = {"type": "string"}
    for _ in range(5):
        deep = {"type": "array", "minItems": 100, "items": deep}
    with pytest.raises(ApiError, match="too many values"):
        value(deep)
    flat = {"type": "array", "minItems": MAX_VALUES - 1, "items": {"type": "boolean"}}
    assert len(value(flat)) == MAX_VALUES - 1


@pytest.mark.parametrize("place", ["#", "#/nowhere", "#/$defs/a~1b~0c"])
def test_references_lead_into_the_schema_or_to_anything(place: str) -> None:
    """One that leads nowhere admits every value, and one to itself ends."""
    schema = {"$ref": place, "$defs": {"a/b~c": {"const": 7}}}
    assert value(schema) == (7 if "~" in place else "hello")
