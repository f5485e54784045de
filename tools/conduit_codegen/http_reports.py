"""Writes the functions that write a message as HTTP headers."""

from .contract import ContractError, Field, Kind, Message
from .json_values import Scope
from .naming import module, snake

PAIRS = "list[tuple[bytes, bytes]]"


def header_writer(message: Message) -> str:
    """Return the name of the function that writes a message as headers."""
    return f"_headers_of_{snake(message.name)}"


def write_header_writer(scope: Scope) -> None:
    """Add the function: it writes numbers, texts that are not empty, and optional fields set."""
    message = scope.message
    argument = f"message: {module(message.file)}.{message.name}"
    with scope.body.block(f"def {header_writer(message)}({argument}) -> {PAIRS}:"):
        scope.body.line(f'"""Return the headers that say a `{message.name}`."""')
        scope.body.line("headers = []")
        for field in message.fields:
            _header(scope, field)
        scope.body.line("return headers")
    scope.body.gap()


def _header(scope: Scope, field: Field) -> None:
    if field.has_presence:
        condition, value = f'message.HasField("{field.name}")', f"message.{field.name}"
    elif field.kind is Kind.STRING or field.repeated:
        value = "values" if field.repeated else "value"
        condition = f"{value} := message.{field.name}"
    else:
        condition, value = "", f"message.{field.name}"
    line = f'headers.append((b"{field.json.header}", {_text(scope, field, value)}))'
    if condition:
        with scope.body.block(f"if {condition}:"):
            scope.body.line(line)
    else:
        scope.body.line(line)


def _text(scope: Scope, field: Field, value: str) -> str:
    """Return the expression of a header's value."""
    if field.kind is Kind.STRING:
        return f'http.safe(", ".join({value}))' if field.repeated else f"http.safe({value})"
    if field.repeated or field.kind in {Kind.BYTES, Kind.ENUM, Kind.MESSAGE}:
        problem = f"{scope.message.full_name}.{field.name}: no header can carry its type"
        raise ContractError(problem)
    if field.json.money:
        return f"json.dollars_text({value})"
    if field.kind is Kind.BOOL:
        return f'b"true" if {value} else b"false"'
    # A thousandth is the finest that anybody reads in a header.
    return f'b"%.3f" % {value}' if field.kind is Kind.DOUBLE else f'b"%d" % {value}'
