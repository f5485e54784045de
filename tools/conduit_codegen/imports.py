"""Imports of generated modules, found by the names that their text uses."""

import re
from collections.abc import Iterator, Sequence

from .contract import Contract, File
from .json_names import bare_text, filler, read_table, write_table, writer
from .naming import module
from .source import Source

WORD = re.compile(r"\w+")


def import_lines(
    contract: Contract, body: Source, runtimes: Sequence[str], own: File | None = None
) -> Iterator[str]:
    """Yield the imports from the contract's package, less those of the module's own file.

    `runtimes` are the modules that generated ones share, each with the name it goes by.
    """
    used = set(WORD.findall(str(body)))
    modules = [name for name in runtimes if name.rpartition(" ")[2] in used]
    modules += sorted({module(file.name) for file in contract.files} & used)
    if modules:
        yield f"from {contract.package} import {', '.join(modules)}"
    for file in contract.files:
        names = sorted(used.intersection(_offered(contract, file)))
        if file is not own and names:
            yield f"from {contract.package}.{file.noun}_json import {', '.join(names)}"


def _offered(contract: Contract, file: File) -> Iterator[str]:
    """Yield the names that other modules may import from a file's converters."""
    for message in file.messages:
        yield filler(message)
        yield writer(message)
        yield bare_text(message)
    for enum in file.enums:
        for dialect in contract.dialects_of(enum):
            yield read_table(contract, enum, dialect)
            yield write_table(contract, enum, dialect)
