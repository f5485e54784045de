"""Writes the functions that write a message as HTTP headers.

What they return are lines as they are sent, put together in one piece: a list of names and values,
which would be joined at once, costs every call several times as much.
"""

from .contract import ContractError, Field, Kind, Message
from .json_values import Scope
from .naming import module, snake


def header_writer(message: Message) -> str:
    """Return the name of the function that writes a message as headers."""
    return f"_lines_of_{snake(message.name)}"


def write_header_writer(scope: Scope) -> None:
    """Add the function: it writes numbers, and texts, ids and optional fields that are said."""
    message, body = scope.message, scope.body
    argument = f"message: {module(message.file)}.{message.name}"
    with body.block(f"def {header_writer(message)}({argument}) -> bytes:"):
        body.line(f'"""Return the header lines that say a `{message.name}`."""')
        texts = [field for field in message.fields if _is_text(field)]
        for field in texts:
            body.line(f"{field.name} = {_text(field)}")
        if texts:
            names = ", ".join(field.name for field in texts)
            with body.block(f"if not http.is_plain({' + '.join(names.split(', '))}):"):
                for field in texts:
                    body.line(f"{field.name} = http.safe({field.name})")
        body.line("lines = (")
        for field in message.fields:
            body.line(f"    {'+ ' if field is not message.fields[0] else ''}{_line(scope, field)}")
        body.line(")")
        body.line("return lines.encode()")
    body.gap()


def _is_text(field: Field) -> bool:
    return field.kind is Kind.STRING


def _text(field: Field) -> str:
    value = f"message.{field.name}"
    return f'", ".join({value}) if {value} else ""' if field.repeated else value


def _line(scope: Scope, field: Field) -> str:
    """Return the expression of a field's line; empty where the message does not say it."""
    value = field.name if _is_text(field) else f"message.{field.name}"
    said = f'f"{field.json.header}: {_form(scope, field, value)}\\r\\n"'
    if field.has_presence:
        return f'({said} if message.HasField("{field.name}") else "")'
    # No thing has the id 0.
    is_id = field.name.endswith("_id")
    return f'({said} if {value} else "")' if _is_text(field) or is_id else said


def _form(scope: Scope, field: Field, value: str) -> str:
    """Return what stands for a header's value in a formatted string."""
    if field.kind is Kind.STRING:
        return f"{{{value}}}"
    if field.repeated or field.kind in {Kind.BYTES, Kind.ENUM, Kind.MESSAGE}:
        problem = f"{scope.message.full_name}.{field.name}: no header can carry its type"
        raise ContractError(problem)
    if field.json.money:
        return f"{{json.dollars_text({value})}}"
    if field.kind is Kind.BOOL:
        return f"{{'true' if {value} else 'false'}}"
    # A thousandth is the finest that anybody reads in a header.
    return f"{{{value}:.3f}}" if field.kind is Kind.DOUBLE else f"{{{value}}}"
