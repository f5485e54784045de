"""Names of the functions and tables in generated converters, and the fields they are about."""

from .contract import Contract, Dialect, Enum, Field, Message
from .naming import screaming, snake


def reader(message: Message) -> str:
    """Return the name of the function that reads a message."""
    return f"{snake(message.name)}_from_json"


def filler(message: Message) -> str:
    """Return the name of the function that reads into an empty message."""
    return f"fill_{snake(message.name)}"


def writer(message: Message) -> str:
    """Return the name of the function that writes a message."""
    return f"{snake(message.name)}_to_json"


def bare_text(message: Message) -> str:
    """Return the name of the function that writes a message as a bare string where it can."""
    return f"{snake(message.name)}_as_text"


def known(message: Message) -> str:
    """Return the name of the table of the members that a message knows."""
    return f"_{screaming(message.name)}_MEMBERS"


def known_here(message: Message) -> str:
    """Return the expression of the members that `message` knows, which its choice decides."""
    oneof = message.discriminated
    choice = f'[message.WhichOneof("{oneof.name}")]' if oneof else ""
    return known(message) + choice


def read_table(contract: Contract, enum: Enum, dialect: Dialect) -> str:
    """Return the name of the table from spelling to value."""
    return f"{_enum(contract, enum, dialect)}_BY_SPELLING"


def write_table(contract: Contract, enum: Enum, dialect: Dialect) -> str:
    """Return the name of the table from value to spelling."""
    return f"{_enum(contract, enum, dialect)}_SPELLINGS"


def _enum(contract: Contract, enum: Enum, dialect: Dialect) -> str:
    """Return an enum's name, with the dialect where there are several."""
    several = len(contract.dialects_of(enum)) > 1
    return screaming(enum.name) + (f"_{dialect}" if several else "")


def members(contract: Contract, message: Message) -> tuple[Field, ...]:
    """Return the fields that are JSON members.

    Those that headers carry are none, nor is the field that keeps unknown members, or the one that
    null stands for.
    """
    return tuple(
        field
        for field in message.fields
        if not (field.json.header or field.json.unknown or field.json.null)
        and not is_in_headers(contract, field)
    )


def is_in_headers(contract: Contract, field: Field) -> bool:
    """Return whether a field holds a message that HTTP headers carry."""
    return field.type_name in contract.messages and contract.message_of(field).is_in_headers


def text_field(contract: Contract, field: Field) -> Field:
    """Return the field for which a bare string stands."""
    return contract.message_of(field).field(field.json.text_member)


def can_be_null(field: Field, *, is_admin: bool) -> bool:
    """Return whether a member that is always written is null where its field is not set.

    Messages of OpenAI's dialect have a form of their own for what is not set.
    """
    return field.json.always and (
        field.is_optional or field.json.raw or (is_admin and field.has_presence)
    )


def null_field(contract: Contract, field: Field) -> Field | None:
    """Return the field that is set where a member is null, of a member that can be."""
    if not field.is_message or field.repeated or field.type_name not in contract.messages:
        return None
    return contract.message_of(field).null


def text_targets(contract: Contract) -> dict[str, Field]:
    """Return the messages, by full name, for which a bare string can stand, and what it sets."""
    return {
        field.type_name: text_field(contract, field)
        for message in contract.messages.values()
        for field in message.fields
        if field.json.text_member
    }
