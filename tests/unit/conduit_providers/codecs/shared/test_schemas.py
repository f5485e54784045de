"""Schemas as Claude's structured outputs take them."""

from conduit_providers.codecs.shared.schemas import fitted_schema


def test_limits_go_into_the_description() -> None:
    """As pydantic writes them for `ge`, `le`, `max_length`."""
    untaken: set[str] = set()
    schema = {
        "type": "object",
        "properties": {
            "age": {"type": "integer", "minimum": 0, "maximum": 150, "description": "In years."},
            "tags": {"type": "array", "items": {"type": "string", "maxLength": 9}, "maxItems": 3},
            "at": {"type": "string", "format": "iban"},
        },
    }
    assert fitted_schema(schema, untaken) == {
        "type": "object",
        "additionalProperties": False,
        "properties": {
            "age": {"type": "integer", "description": "In years. (minimum: 0, maximum: 150)"},
            "tags": {
                "type": "array",
                "items": {"type": "string", "description": "maxLength: 9"},
                "description": "maxItems: 3",
            },
            "at": {"type": "string", "description": "format: iban"},
        },
    }
    assert untaken == {"minimum", "maximum", "maxLength", "maxItems", "format"}
    assert schema["properties"]["age"]["minimum"] == 0  # type: ignore[index] # the caller's own


def test_what_is_known_stays() -> None:
    """Also where members of the caller's own are named as limits are."""
    untaken: set[str] = set()
    schema = {
        "type": "object",
        "additionalProperties": False,
        "$defs": {"D": {"type": "string", "format": "date"}},
        "properties": {"minimum": {"anyOf": [{"$ref": "#/$defs/D"}, {"type": "null"}]}},
        "required": ["minimum"],
    }
    assert fitted_schema(schema, untaken) == schema
    assert not untaken


def test_schemas_are_found_wherever_they_stand() -> None:
    """In alternatives, definitions, lists of items; `minItems` may say 0 or 1."""
    untaken: set[str] = set()
    limited = {"type": "string", "minLength": 2}
    schema = {
        "anyOf": [limited, {"type": "array", "prefixItems": [limited], "minItems": 1}],
        "definitions": {"x": {"items": {"not": limited}, "minItems": 2}},
        "properties": "none",
    }
    fitted = fitted_schema(schema, untaken)
    assert "minLength" not in str(fitted).replace("minLength:", "")
    assert fitted["anyOf"][1]["minItems"] == 1
    assert fitted["definitions"]["x"]["description"] == "minItems: 2"
    assert untaken == {"minLength", "minItems"}


def test_a_schema_that_is_none_is_left_to_the_provider() -> None:
    """Such as `true`, or what a caller got wrong."""
    assert fitted_schema([1], set()) == [1]
    assert fitted_schema({"items": True}, set()) == {"items": True}
