"""JSON schemas of answers and of strict tools, as Claude's structured outputs take them.

https://platform.claude.com/docs/en/build-with-claude/structured-outputs: objects are closed, and
limits of numbers, texts and lists are not known. Such a limit is left to the model's reading: it
goes into the description, as Anthropic's own SDKs have it.
"""

from typing import Any

import orjson

from conduit_providers.operations.chat import ChatCall

Json = dict[str, Any]

_UNTAKEN = (
    "minimum",
    "maximum",
    "exclusiveMinimum",
    "exclusiveMaximum",
    "multipleOf",
    "minLength",
    "maxLength",
    "maxItems",
    "uniqueItems",
    "minContains",
    "maxContains",
    "minProperties",
    "maxProperties",
)
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)
# Lists may be told to have something in them, no more.
_MOST_MIN_ITEMS = 1
# Where schemas stand within a schema: as members of a member, in a list, or alone.
_NAMED = ("properties", "$defs", "definitions", "patternProperties")
_LISTED = ("anyOf", "allOf", "oneOf", "prefixItems")
_ALONE = ("items", "not", "contains", "if", "then", "else")


def answer_schema(call: ChatCall, provider: str) -> Any:  # noqa: ANN401 # any JSON
    """Return the schema that a call wants its answer by; note in the call what is not known."""
    asked = call.typed.response_format.json_schema
    untaken: set[str] = set()
    schema = fitted_schema(orjson.loads(asked.schema_json or b'{"type": "object"}'), untaken)
    for keyword in sorted(untaken):
        call.drop(f"response_format.json_schema.schema.{keyword}", provider)
    return schema


def strict_schema(schema: Json, call: ChatCall, provider: str) -> Any:  # noqa: ANN401 # any JSON
    """Return the schema of arguments that must keep to it; note in the call what is not known.

    https://platform.claude.com/docs/en/agents-and-tools/tool-use/strict-tool-use
    """
    untaken: set[str] = set()
    fitted = fitted_schema(schema, untaken)
    for keyword in sorted(untaken):
        call.drop(f"tools.function.parameters.{keyword}", provider)
    return fitted


def fitted_schema(schema: Any, untaken: set[str]) -> Any:  # noqa: ANN401 # any JSON
    """Return a schema with nothing but what is known; add what is not to `untaken`."""
    if not isinstance(schema, dict):
        return schema
    fitted: Json = dict(schema)
    for name in _NAMED:
        if isinstance(fitted.get(name), dict):
            inside = fitted[name].items()
            fitted[name] = {key: fitted_schema(value, untaken) for key, value in inside}
    for name in _LISTED:
        if isinstance(fitted.get(name), list):
            fitted[name] = [fitted_schema(value, untaken) for value in fitted[name]]
    for name in _ALONE:
        if name in fitted:
            fitted[name] = fitted_schema(fitted[name], untaken)
    if fitted.get("type") == "object" or "properties" in fitted:
        fitted.setdefault("additionalProperties", False)
    _describe(fitted, [name for name in fitted if _is_untaken(name, fitted[name])], untaken)
    return fitted


def _is_untaken(name: str, value: object) -> bool:
    if name == "format":
        return value not in _FORMATS
    if name == "minItems":
        return value not in range(_MOST_MIN_ITEMS + 1)
    return name in _UNTAKEN


def _describe(schema: Json, names: list[str], untaken: set[str]) -> None:
    if not names:
        return
    limits = ", ".join(f"{name}: {schema.pop(name)}" for name in names)
    untaken.update(names)
    said = schema.get("description")
    schema["description"] = f"{said} ({limits})" if isinstance(said, str) and said else limits
