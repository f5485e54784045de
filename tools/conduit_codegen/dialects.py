"""Which dialect each message is written in, and which messages are written bare."""

from collections.abc import Iterable

from google.protobuf import descriptor_pb2 as d

from .contract import ContractError, Dialect
from .options import Options

_DIALECTS = {1: Dialect.ADMIN, 2: Dialect.OPENAI}


def resolved_dialects(
    files: Iterable[d.FileDescriptorProto], options: Options
) -> dict[str, Dialect]:
    """Return the dialect of each message: its own, or that of the messages that hold it, or ADMIN.

    Raises ContractError where a message without a dialect of its own is held in both.
    """
    messages = {f".{file.package}.{m.name}": m for file in files for m in file.message_type}
    own = {name: _DIALECTS.get(options.number(m, "dialect")) for name, m in messages.items()}
    holders: dict[str, set[str]] = {name: set() for name in messages}
    for name, message in messages.items():
        for field in message.field:
            if field.type_name in holders:
                holders[field.type_name].add(name)
    return {
        name.removeprefix("."): _inherited(name, own, holders, frozenset()) for name in messages
    }


def _inherited(
    name: str, own: dict[str, Dialect | None], holders: dict[str, set[str]], below: frozenset[str]
) -> Dialect:
    """Return a message's own dialect, or the one that all of its holders agree on."""
    if (dialect := own[name]) is not None:
        return dialect
    above = {_inherited(holder, own, holders, below | {name}) for holder in holders[name] - below}
    if len(above) > 1:
        problem = f"{name.removeprefix('.')} is held in two dialects; give it one of its own"
        raise ContractError(problem)
    return above.pop() if above else Dialect.ADMIN


def bare_messages(files: Iterable[d.FileDescriptorProto], options: Options) -> set[str]:
    """Return the messages that fields hold bare.

    Raises ContractError where some do and some do not.
    """
    uses: dict[str, set[bool]] = {}
    for file in files:
        for field in (f for message in file.message_type for f in message.field):
            if field.type == field.TYPE_MESSAGE:
                is_bare = options.members(field, "as_json").get("bare", False)
                uses.setdefault(field.type_name.removeprefix("."), set()).add(is_bare)
    for name, ways in uses.items():
        if len(ways) > 1:
            problem = f"{name} is held both bare and as an object"
            raise ContractError(problem)
    return {name for name, ways in uses.items() if True in ways}
