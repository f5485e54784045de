"""Writes the functions that write a message as HTTP headers.

What they return are lines as they are sent: a list of names and values, which would be joined at
once, costs every call three times as much.
"""

from .contract import ContractError, Field, Kind, Message
from .json_values import Scope
from .naming import module, snake


def header_writer(message: Message) -> str:
    """Return the name of the function that writes a message as headers."""
    return f"_lines_of_{snake(message.name)}"


def write_header_writer(scope: Scope) -> None:
    """Add the function: it writes numbers, texts that are not empty, and optional fields set."""
    message = scope.message
    argument = f"message: {module(message.file)}.{message.name}"
    with scope.body.block(f"def {header_writer(message)}({argument}) -> bytes:"):
        scope.body.line(f'"""Return the header lines that say a `{message.name}`."""')
        scope.body.line('lines = b""')
        for field in message.fields:
            _header(scope, field)
        scope.body.line("return lines")
    scope.body.gap()


def _header(scope: Scope, field: Field) -> None:
    if field.has_presence:
        condition, value = f'message.HasField("{field.name}")', f"message.{field.name}"
    elif field.kind is Kind.STRING or field.repeated:
        value = "values" if field.repeated else "value"
        condition = f"{value} := message.{field.name}"
    else:
        condition, value = "", f"message.{field.name}"
    form, value = _form(scope, field, value)
    line = f'lines += b"{field.json.header}: {form}\\r\\n" % {value}'
    if condition:
        with scope.body.block(f"if {condition}:"):
            scope.body.line(line)
    else:
        scope.body.line(line)


def _form(scope: Scope, field: Field, value: str) -> tuple[str, str]:
    """Return the format of a header's value, and the expression of what is put there."""
    if field.kind is Kind.STRING:
        return "%b", f'http.safe(", ".join({value}))' if field.repeated else f"http.safe({value})"
    if field.repeated or field.kind in {Kind.BYTES, Kind.ENUM, Kind.MESSAGE}:
        problem = f"{scope.message.full_name}.{field.name}: no header can carry its type"
        raise ContractError(problem)
    if field.json.money:
        return "%b", f"json.dollars_text({value})"
    if field.kind is Kind.BOOL:
        return "%b", f'(b"true" if {value} else b"false")'
    # A thousandth is the finest that anybody reads in a header.
    return "%.3f" if field.kind is Kind.DOUBLE else "%d", value
