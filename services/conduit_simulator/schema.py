"""Values that fit a JSON schema."""

from typing import Any, cast

import orjson

# Schemas may refer to themselves.
MAX_DEPTH = 12
_FORMATS = {
    "date": "2026-01-31",
    "date-time": "2026-01-31T12:00:00Z",
    "time": "12:00:00Z",
    "duration": "PT1H",
    "email": "someone@example.com",
    "hostname": "example.com",
    "ipv4": "192.0.2.1",
    "ipv6": "2001:db8::1",
    "uri": "https://example.com/",
    "uuid": "00000000-0000-4000-8000-000000000000",
}

Schema = dict[str, Any]
Json = dict[str, "Json"] | list["Json"] | str | int | float | bool | None


def value_for(schema: Schema | None, text: str) -> bytes:
    """Return, as JSON, a value that the schema admits; its free strings hold `text`."""
    return orjson.dumps(_Shaper(schema or {}, text).value(schema or {}, 0))


class _Shaper:
    def __init__(self, root: Schema, text: str) -> None:
        self._root = root
        self._text = text

    def value(self, schema: object, depth: int) -> Json:
        """Return a value for a schema at some depth of the value."""
        if not isinstance(schema, dict) or depth > MAX_DEPTH:
            return None
        schema = self._resolved(schema)
        if "const" in schema:
            return cast(Json, schema["const"])
        if choices := schema.get("enum"):
            return cast(Json, choices[0])
        for union in ("anyOf", "oneOf"):
            if options := schema.get(union):
                return self.value(_plainest(options, depth), depth + 1)
        return self._typed(schema, depth)

    def _resolved(self, schema: Schema) -> Schema:
        for _ in range(MAX_DEPTH):
            merged = {k: v for k, v in schema.items() if k not in {"$ref", "allOf"}}
            parts = list(schema.get("allOf", ()))
            if "$ref" in schema:
                parts.append(self._looked_up(str(schema["$ref"])))
            if not parts:
                break
            for part in parts:
                merged = _merged(merged, part if isinstance(part, dict) else {})
            schema = merged
        return schema

    def _looked_up(self, reference: str) -> Schema:
        found: object = self._root
        for name in reference.removeprefix("#").strip("/").split("/"):
            if name and isinstance(found, dict):
                found = found.get(name.replace("~1", "/").replace("~0", "~"))
        return found if isinstance(found, dict) else {}

    def _typed(self, schema: Schema, depth: int) -> Json:
        match _type_of(schema, depth):
            case "object":
                return self._object(schema, depth)
            case "array":
                items = schema.get("items", {})
                # Deep down, as few as the schema allows: it may contain itself.
                least = schema.get("minItems", 0 if depth > MAX_DEPTH // 2 else 1)
                return [self.value(items, depth + 1) for _ in range(least)]
            case "string":
                return self._string(schema)
            case "integer" | "number" as kind:
                return _number(schema, whole=kind == "integer")
            case "boolean":
                return True
            case _:
                return None

    def _object(self, schema: Schema, depth: int) -> Json:
        properties: dict[str, object] = schema.get("properties", {})
        required = schema.get("required", [])
        # Deep down only what must be there.
        wanted = [n for n in properties if depth <= MAX_DEPTH // 2 or n in required]
        return {name: self.value(properties[name], depth + 1) for name in wanted}

    def _string(self, schema: Schema) -> str:
        if schema.get("format") in _FORMATS:
            return _FORMATS[schema["format"]]
        text = self._text.ljust(schema.get("minLength", 0), ".")
        return text[: schema.get("maxLength", len(text))]


def _merged(one: Schema, other: Schema) -> Schema:
    properties = {**other.get("properties", {}), **one.get("properties", {})}
    required = [*other.get("required", []), *one.get("required", [])]
    return {**other, **one} | (
        {"properties": properties, "required": required} if properties else {}
    )


def _plainest(options: list[object], depth: int) -> object:
    """Choose the first option; deep down `null` where that will do."""
    if depth > MAX_DEPTH // 2:
        for option in options:
            if isinstance(option, dict) and option.get("type") == "null":
                return option
    return options[0]


def _type_of(schema: Schema, depth: int) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kinds = [str(k) for k in kind]
        return "null" if depth > MAX_DEPTH // 2 and "null" in kinds else kinds[0]
    if kind is None:
        return "object" if "properties" in schema else "string"
    return str(kind)


def _number(schema: Schema, *, whole: bool) -> int | float:
    step = schema.get("multipleOf", 1)
    value: float = schema.get("minimum", 0)
    if "exclusiveMinimum" in schema:
        value = max(value, schema["exclusiveMinimum"] + (1 if whole else 0.5))
    if "minimum" not in schema and "exclusiveMinimum" not in schema:
        value = min(1, schema.get("maximum", 1))
        if "exclusiveMaximum" in schema:
            value = min(value, schema["exclusiveMaximum"] - 1)
    value = -(-value // step) * step
    return int(value) if whole else value
