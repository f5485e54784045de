"""A schema with the name and the description that stand beside it in OpenAI's form.

Where a dialect has the schema alone, they go into it: models read them.
"""

from typing import Any

import orjson

from conduit.v1.chat_pb2 import JsonSchemaFormat


def named_schema(asked: JsonSchemaFormat, schema: Any = None) -> Any:  # noqa: ANN401 # any JSON
    """Return the schema of a format, or another one made of it, with its name and description.

    What the schema itself says of them counts. A mere reference takes nothing beside it.
    """
    if schema is None:
        schema = orjson.loads(asked.schema_json or b'{"type": "object"}')
    if not isinstance(schema, dict) or "$ref" in schema:
        return schema
    named = {"title": asked.name, "description": asked.description}
    return {name: text for name, text in named.items() if text} | schema
