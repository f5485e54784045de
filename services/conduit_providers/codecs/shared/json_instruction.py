"""What tells a model in words to answer with JSON, where its API has no parameter for that."""

import orjson

from conduit.v1.chat_pb2 import ResponseFormat
from conduit_providers.codecs.shared.named_schema import named_schema

OBJECT = "Answer with one valid JSON object and nothing else: no code fence, no text around it."
# Behind calls of tools, of which the answer is not one.
BY_SCHEMA = (
    "Once you need no more tools, answer with one valid JSON value and nothing else: no code "
    "fence, no text around it. It must fit this JSON schema: "
)


def json_instruction(form: ResponseFormat) -> str:
    """Return the instruction for a format; empty for one that is no JSON."""
    if form.HasField("json_schema") and form.json_schema.schema_json:
        return BY_SCHEMA + orjson.dumps(named_schema(form.json_schema)).decode()
    return OBJECT if form.HasField("json_schema") or form.HasField("json_object") else ""
