"""The name and the description of a format, where a dialect has the schema alone."""

import orjson
import pytest

from conduit.v1.chat_pb2 import JsonSchemaFormat
from conduit_providers.codecs.shared.named_schema import named_schema


@pytest.mark.parametrize(
    ("schema", "found"),
    [
        (
            {"type": "object"},
            {"title": "weather", "description": "In short", "type": "object"},
        ),
        ({"title": "W", "description": "Long"}, {"title": "W", "description": "Long"}),
        # Some refuse what stands beside a reference.
        ({"$ref": "#/$defs/a", "$defs": {"a": {}}}, {"$ref": "#/$defs/a", "$defs": {"a": {}}}),
        (True, True),
    ],
)
def test_a_schema_has_the_name_and_the_description_that_stood_beside_it(
    schema: object, found: object
) -> None:
    """Unless it has its own."""
    asked = JsonSchemaFormat(
        name="weather", description="In short", schema_json=orjson.dumps(schema)
    )
    assert named_schema(asked) == found


def test_a_format_without_a_schema_is_any_object() -> None:
    """With its name all the same; a schema that was made of another one is named likewise."""
    assert named_schema(JsonSchemaFormat(name="a")) == {"title": "a", "type": "object"}
    assert named_schema(JsonSchemaFormat(name="a"), {"x": 1}) == {"title": "a", "x": 1}
