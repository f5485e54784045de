"""Names: from the contract's to Python's and JSON's."""

import re

from .contract import Dialect, Enum, EnumValue

_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def snake(name: str) -> str:
    """Return `chat_message` for `ChatMessage`."""
    return _HUMP.sub("_", name).lower()


def screaming(name: str) -> str:
    """Return `CHAT_MESSAGE` for `ChatMessage`."""
    return snake(name).upper()


def camel(name: str) -> str:
    """Return `pageSize` for `page_size`."""
    head, *tail = name.split("_")
    return head + "".join(part[:1].upper() + part[1:] for part in tail)


def module(file: str) -> str:
    """Return `chat_pb2` for `conduit/v1/chat.proto`."""
    return noun(file) + "_pb2"


def noun(file: str) -> str:
    """Return `chat` for `conduit/v1/chat.proto`."""
    return file.rpartition("/")[2].removesuffix(".proto")


def spelling(enum: Enum, value: EnumValue, dialect: Dialect) -> str:
    """Return how a dialect spells an enum value; empty where it has no spelling.

    OpenAI's has none for the zero value, unless the contract gives one.
    """
    if value.spelling:
        return value.spelling
    bare = value.name.removeprefix(screaming(enum.name) + "_")
    if dialect is Dialect.OPENAI:
        return bare.lower() if value.number else ""
    return "".join(word.capitalize() for word in bare.split("_"))
