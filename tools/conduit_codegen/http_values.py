"""Writes the reading of fields from texts: parameters and headers."""

from .contract import DURATION, INTEGERS, TIMESTAMP, ContractError, Field, Kind
from .json_values import READERS, Scope, enum_value

SCALARS = (Kind.STRING, Kind.BOOL, Kind.DOUBLE, Kind.ENUM, *INTEGERS)
FILLERS = {TIMESTAMP: "http.fill_timestamp", DURATION: "http.fill_duration"}


def assign(scope: Scope, field: Field, value: str, name: str) -> None:
    """Add the reading of a field of `message` from a text; `name` is the name in errors."""
    target = f"message.{field.name}"
    if field.type_name in FILLERS:
        scope.body.line(f"{FILLERS[field.type_name]}({target}, {value}, {name})")
    else:
        _set(scope, field, target, scalar_text(scope, field, value, name))


def _set(scope: Scope, field: Field, target: str, value: str) -> None:
    scope.body.line(f"{target}.append({value})" if field.repeated else f"{target} = {value}")


def scalar_text(scope: Scope, field: Field, value: str, name: str) -> str:
    """Return the expression that reads a text; `name` is the name in errors."""
    if field.kind not in SCALARS or field.map_key is not None:
        problem = f"{scope.message.full_name}.{field.name}: only a JSON body can carry its type"
        raise ContractError(problem)
    if field.kind is Kind.STRING:
        return value
    if field.kind is Kind.BOOL:
        return f"http.boolean({value}, {name})"
    if field.kind is Kind.ENUM:
        return enum_value(scope, field, value, name, module="json")
    read = "nano_dollars" if field.json.money else READERS[field.kind]
    return f"json.{read}({value}, {name})"
