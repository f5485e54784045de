"""Values that fit a JSON schema."""

from math import ceil, floor
from typing import Annotated, Any, cast

import msgspec
import orjson

from conduit_simulator.errors import bad_request

# Schemas may refer to themselves.
MAX_DEPTH = 12
# Of one answer, and of one text: a schema may ask for any number.
MAX_VALUES = 10_000
MAX_LENGTH = 10_000
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


_Count = Annotated[int, msgspec.Meta(ge=0, le=MAX_LENGTH)]
_Bound = Annotated[float, msgspec.Meta(ge=-1e15, le=1e15)]


class _Keywords(msgspec.Struct, rename="camel"):
    """The keywords that are obeyed."""

    const: Any = msgspec.UNSET
    enum: list[Any] = []
    any_of: list[Any] = []
    one_of: list[Any] = []
    all_of: list[Any] = []
    ref: str | None = msgspec.field(default=None, name="$ref")
    type: str | Annotated[list[str], msgspec.Meta(min_length=1)] | None = None
    properties: dict[str, Any] = {}
    required: list[str] = []
    items: Any = msgspec.field(default_factory=dict[str, Any])
    min_items: _Count | None = None
    format: str = ""
    min_length: _Count = 0
    max_length: Annotated[int, msgspec.Meta(ge=0)] | None = None
    minimum: _Bound | None = None
    maximum: _Bound | None = None
    exclusive_minimum: _Bound | None = None
    exclusive_maximum: _Bound | None = None
    multiple_of: Annotated[float, msgspec.Meta(ge=1e-9, le=1e15)] | None = None


def value_for(schema: Schema | None, text: str) -> bytes:
    """Return, as JSON, a value that the schema admits; its free strings hold `text`.

    ApiError 400 if it is no schema, or asks for too much.
    """
    return orjson.dumps(_Shaper(schema or {}, text).value(schema or {}, 0))


def _read(schema: Schema) -> _Keywords:
    try:
        return msgspec.convert(schema, _Keywords)
    except msgspec.ValidationError as error:
        raise bad_request(f"Invalid schema: {error}", "response_format") from error


class _Shaper:
    def __init__(self, root: Schema, text: str) -> None:
        self._root = root
        self._text = text
        self._left = MAX_VALUES

    def value(self, schema: object, depth: int) -> Json:
        """Return a value for a schema at some depth of the value."""
        self._left -= 1
        if self._left < 0:
            raise bad_request("Invalid schema: it asks for too many values", "response_format")
        if not isinstance(schema, dict) or depth > MAX_DEPTH:
            return None
        words = _read(self._resolved(schema))
        if words.const is not msgspec.UNSET:
            return cast(Json, words.const)
        if words.enum:
            return cast(Json, words.enum[0])
        if options := words.any_of or words.one_of:
            return self.value(_plainest(options, depth), depth + 1)
        return self._typed(words, depth)

    def _resolved(self, schema: Schema) -> Schema:
        for _ in range(MAX_DEPTH):
            words = _read(schema)
            parts = list(words.all_of)
            if words.ref is not None:
                parts.append(self._looked_up(words.ref))
            if not parts:
                break
            schema = {k: v for k, v in schema.items() if k not in {"$ref", "allOf"}}
            for part in parts:
                schema = _merged(schema, part if isinstance(part, dict) else {})
        return schema

    def _looked_up(self, reference: str) -> Schema:
        found: object = self._root
        for name in reference.removeprefix("#").strip("/").split("/"):
            if name and isinstance(found, dict):
                found = found.get(name.replace("~1", "/").replace("~0", "~"))
        return found if isinstance(found, dict) else {}

    def _typed(self, words: _Keywords, depth: int) -> Json:
        match _type_of(words, depth):
            case "object":
                return self._object(words, depth)
            case "array":
                # Deep down, as few as the schema allows: it may contain itself.
                least = words.min_items
                least = int(depth <= MAX_DEPTH // 2) if least is None else least
                return [self.value(words.items, depth + 1) for _ in range(least)]
            case "string":
                return self._string(words)
            case "integer" | "number" as kind:
                return _number(words, whole=kind == "integer")
            case "boolean":
                return True
            case _:
                return None

    def _object(self, words: _Keywords, depth: int) -> Json:
        # Deep down only what must be there.
        wanted = words.properties if depth <= MAX_DEPTH // 2 else {}
        names = dict.fromkeys([*wanted, *words.required])
        return {name: self.value(words.properties.get(name, {}), depth + 1) for name in names}

    def _string(self, words: _Keywords) -> str:
        if words.format in _FORMATS:
            return _FORMATS[words.format]
        return self._text.ljust(words.min_length, ".")[: words.max_length]


def _merged(one: Schema, other: Schema) -> Schema:
    first, second = _read(one), _read(other)
    properties = {**second.properties, **first.properties}
    required = [*second.required, *first.required]
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


def _type_of(words: _Keywords, depth: int) -> str:
    kind = words.type
    if isinstance(kind, list):
        return "null" if depth > MAX_DEPTH // 2 and "null" in kind else kind[0]
    if kind is None:
        return "object" if words.properties else "string"
    return kind


def _number(words: _Keywords, *, whole: bool) -> int | float:
    low, is_above = _bound(words.minimum, words.exclusive_minimum, 1)
    high, is_below = _bound(words.maximum, words.exclusive_maximum, -1)
    step = words.multiple_of or (1 if whole else None)
    if step is not None:
        value = step * _steps(low, high, step, is_above=is_above, is_below=is_below)
    elif low is not None:
        # As near to it as need be.
        value = (low + min(low + 1, low + 1 if high is None else high)) / 2 if is_above else low
    else:
        value = 1.0 if high is None or high > 1 else high - is_below
    return int(value) if whole else value


def _bound(plain: float | None, exclusive: float | None, side: int) -> tuple[float | None, bool]:
    """Return the tighter one of two bounds, and whether it is not to be reached itself."""
    if exclusive is not None and (plain is None or (exclusive - plain) * side >= 0):
        return exclusive, True
    return plain, False


def _steps(
    low: float | None, high: float | None, step: float, *, is_above: bool, is_below: bool
) -> int:
    """Return how many steps away from zero a number between two bounds is."""
    if low is not None:
        least = ceil(low / step)
        return least + (is_above and least * step <= low)
    if high is not None:
        most = floor(high / step)
        return min(1, most - (is_below and most * step >= high))
    return 1
