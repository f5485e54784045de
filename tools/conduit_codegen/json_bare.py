"""Writes the reading of bare messages: their JSON is the value of the one field that is set."""

from .contract import Contract, Field, Kind, Message
from .json_values import READERS, Scope, nested, scalar

JSON_TYPES = {Kind.STRING: "str", Kind.BOOL: "bool", Kind.DOUBLE: "float", Kind.INT64: "int"}
TYPE_NAMES = {
    "str": "a string",
    "bool": "a boolean",
    "float": "a number",
    "int": "a whole number",
    "list": "a list",
    "dict": "an object",
}


def json_types(contract: Contract, message: Message) -> list[str]:
    """Return the JSON types, as Python's, that the fields of a bare message have."""
    return [_json_type(contract, field) for field in message.fields]


def _json_type(contract: Contract, field: Field) -> str:
    if field.repeated:
        return "list"
    if field.is_message:
        return "list" if contract.message_of(field).is_bare else "dict"
    return JSON_TYPES[field.kind]


def read_bare(scope: Scope) -> None:
    """Add the reading of `value` into a bare message."""
    if scope.message.fields[0].repeated:
        _list(scope)
        return
    types = json_types(scope.contract, scope.message)
    for index, (field, json_type) in enumerate(zip(scope.message.fields, types, strict=True)):
        with scope.body.block(f"{'elif' if index else 'if'} isinstance(value, {json_type}):"):
            if field.is_message:
                target = f"message.{field.name}"
                at = "path" if json_type == "list" else 'f"{path}"'
                scope.body.line(nested(scope, field, target, "value", at))
            elif field.kind is Kind.INT64:
                scope.body.line(f"message.{field.name} = {scalar(scope, field, 'value', 'path')}")
            else:
                scope.body.line(f"message.{field.name} = value")
    with scope.body.block("else:"):
        expected = " or ".join(TYPE_NAMES[name] for name in types)
        scope.body.line(f'runtime.reject(path, "{expected}", value)')


def _list(scope: Scope) -> None:
    field = scope.message.fields[0]
    if field.kind is Kind.DOUBLE:
        scope.body.line(f"message.{field.name}.extend(runtime.doubles(value, path))")
    else:
        read = f"runtime.{READERS[field.kind]}"
        scope.body.line(f"message.{field.name}.extend(runtime.listed({read}, value, path))")
