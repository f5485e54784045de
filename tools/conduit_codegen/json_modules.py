"""Writes `<noun>_json.py`: the JSON converters of one file's messages."""

from collections.abc import Iterator

from .contract import Contract, Dialect, Enum, File, Message
from .imports import import_lines
from .json_names import read_table, write_table
from .json_readers import write_reader
from .json_values import Scope
from .json_writers import write_writer
from .naming import module, spelling
from .source import NOTICE, Source, quoted

RUNTIMES = ("json_runtime as runtime", "well_known_runtime as well_known")


def json_modules(contract: Contract) -> Iterator[tuple[str, str]]:
    """Yield the path and text of each module."""
    folder = contract.package.replace(".", "/")
    for file in contract.files:
        enums = [(e, dialect) for e in file.enums for dialect in contract.dialects_of(e)]
        messages = [message for message in file.messages if not message.is_in_headers]
        if enums or messages:
            text = _module(contract, file, enums, messages)
            yield f"{folder}/{file.noun}_json.py", text


def _module(
    contract: Contract, file: File, enums: list[tuple[Enum, Dialect]], messages: list[Message]
) -> str:
    body = Source()
    for enum, dialect in enums:
        _tables(body, contract, enum, dialect)
    for message in messages:
        scope = Scope(contract, message, body)
        write_reader(scope)
        write_writer(scope)
    head = Source()
    head.line(f'"""JSON converters of protos/{file.name}. {NOTICE}"""\n')
    head.line("from __future__ import annotations\n")
    head.line("from typing import Final\n")
    head.line("\n".join(import_lines(contract, body, RUNTIMES, own=file)))
    head.gap()
    return f"{head}{body}"


def _tables(body: Source, contract: Contract, enum: Enum, dialect: Dialect) -> None:
    """Add an enum's tables from spelling to value and back."""
    pb2 = module(enum.file)
    value_type = f"{pb2}.{enum.name}.ValueType"
    spelled = [(spelling(enum, value, dialect), f"{pb2}.{value.name}") for value in enum.values]
    # The zero value comes first, so that another one of the same spelling wins on reading.
    by_spelling = {
        name.lower() if dialect is Dialect.ADMIN else name: value for name, value in spelled if name
    }
    read, write = read_table(contract, enum, dialect), write_table(contract, enum, dialect)
    with body.block(f"{read}: Final[dict[str, {value_type}]] = {{"):
        for name, value in by_spelling.items():
            body.line(f"{quoted(name)}: {value},")
    body.line("}")
    text_type = "str" if all(name for name, _ in spelled) else "str | None"
    with body.block(f"{write}: Final[dict[{value_type}, {text_type}]] = {{"):
        for name, value in spelled:
            body.line(f"{value}: {quoted(name) if name else None},")
    body.line("}")
    body.gap()
