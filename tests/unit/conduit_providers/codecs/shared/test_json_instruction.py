"""A JSON format in words."""

import pytest

from conduit.v1.chat_json import response_format_from_json
from conduit.v1.chat_pb2 import ResponseFormat
from conduit_providers.codecs.shared.json_instruction import BY_SCHEMA, OBJECT, json_instruction


def test_a_schema_is_said_with_its_name() -> None:
    """The model reads them."""
    form = {"type": "json_schema", "json_schema": {"name": "n", "schema": {"type": "object"}}}
    said = json_instruction(response_format_from_json(form))
    assert said == BY_SCHEMA + '{"title":"n","type":"object"}'


@pytest.mark.parametrize(
    "form", [{"type": "json_object"}, {"type": "json_schema", "json_schema": {"name": "n"}}]
)
def test_any_object_is_asked_for_without_a_schema(form: dict[str, object]) -> None:
    """With the words that are used where there is no such parameter at all."""
    assert json_instruction(response_format_from_json(form)) == OBJECT


def test_text_needs_no_words() -> None:
    """Nor does a request that says nothing of its format."""
    assert json_instruction(ResponseFormat()) == ""
    assert json_instruction(response_format_from_json({"type": "text"})) == ""
