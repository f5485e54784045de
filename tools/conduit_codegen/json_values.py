"""Expressions that read one JSON value."""

from typing import NamedTuple

from .contract import (
    DURATION,
    FIELD_MASK,
    STRUCT,
    TIMESTAMP,
    Contract,
    Dialect,
    Field,
    Kind,
    Message,
)
from .json_names import filler, read_table, write_table
from .source import Source, quoted

# What a value must be to be taken as it is. Anything else goes through the reader, which is slower
# and says what is wrong.
FAST = {
    Kind.STRING: "type({0}) is str",
    Kind.BOOL: "type({0}) is bool",
    Kind.DOUBLE: "type({0}) is float",
    Kind.INT32: "type({0}) is int and -0x8000_0000 <= {0} <= 0x7FFF_FFFF",
    Kind.INT64: "type({0}) is int and -0x8000_0000_0000_0000 <= {0} <= 0x7FFF_FFFF_FFFF_FFFF",
    Kind.UINT32: "type({0}) is int and 0 <= {0} <= 0xFFFF_FFFF",
    Kind.UINT64: "type({0}) is int and 0 <= {0} <= 0xFFFF_FFFF_FFFF_FFFF",
}
READERS = {
    Kind.STRING: "text",
    Kind.BOOL: "boolean",
    Kind.BYTES: "base64_bytes",
    Kind.DOUBLE: "double",
    Kind.INT32: "int32",
    Kind.INT64: "int64",
    Kind.UINT32: "uint32",
    Kind.UINT64: "uint64",
}
WELL_KNOWN_FILLERS = {
    TIMESTAMP: "well_known.fill_timestamp",
    DURATION: "well_known.fill_duration",
    STRUCT: "well_known.fill_struct",
    FIELD_MASK: "well_known.fill_field_mask",
}
ENUM_READERS = {Dialect.ADMIN: "any_case", Dialect.OPENAI: "spelled"}


class Scope(NamedTuple):
    """The place of a piece of code: the functions of one message."""

    contract: Contract
    message: Message
    body: Source

    @property
    def dialect(self) -> Dialect:
        """The dialect of the message."""
        return self.message.dialect

    @property
    def is_admin(self) -> bool:
        """Return whether the dialect is the strict one."""
        return self.message.dialect is Dialect.ADMIN


def member_path(field: Field) -> str:
    """Return the expression of a member's path."""
    return f"path + {quoted(field.member)}"


def item_path(field: Field) -> str:
    """Return the expression of the path of an item of a list."""
    return f'f"{{path}}{field.member}[{{index}}]"'


def scalar(scope: Scope, field: Field, value: str, at: str) -> str:
    """Return the expression that reads a value of anything but a message."""
    if field.json.raw:
        return f"runtime.raw({value}, {at})"
    if field.json.money:
        return f"runtime.nano_dollars({value}, {at})"
    if field.kind is Kind.ENUM:
        return enum_value(scope, field, value, at)
    read = f"runtime.{READERS[field.kind]}({value}, {at})"
    # Only the routes of OpenAI's dialect are in a hurry.
    if scope.is_admin or field.kind not in FAST:
        return read
    return f"{value} if {FAST[field.kind].format(value)} else {read}"


def enum_value(scope: Scope, field: Field, value: str, at: str, module: str = "runtime") -> str:
    """Return the expression that reads an enum value and refuses one that it does not know."""
    enum = scope.contract.enum_of(field)
    by_spelling = read_table(scope.contract, enum, scope.dialect)
    spellings = write_table(scope.contract, enum, scope.dialect)
    return f"{module}.{ENUM_READERS[scope.dialect]}({value}, {by_spelling}, {spellings}, {at})"


def bare_string(scope: Scope, field: Field, at: str) -> str:
    """Return the expression that reads the field for which the string `member` stands."""
    return "member" if field.kind is Kind.STRING else enum_value(scope, field, "member", at)


def nested(scope: Scope, field: Field, target: str, value: str, at: str) -> str:
    """Return the statement that reads a message into `target`; `at` is the path's expression."""
    if field.type_name in WELL_KNOWN_FILLERS:
        return f"{WELL_KNOWN_FILLERS[field.type_name]}({target}, {value}, {at})"
    message = scope.contract.message_of(field)
    place = at if message.is_bare else f'{at.removesuffix(QUOTE)}."'
    return f"{filler(message)}({target}, {value}, {place})"


QUOTE = '"'
