"""Databases are asked for nothing that PostgreSQL learnt lately."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

from sqlalchemy import LargeBinary, TypeDecorator
from sqlalchemy.types import TypeEngine

SERVICES = Path(__file__).parents[2] / "services"
# With `min(a.b)` and the like, as SQL or as SQLAlchemy writes it.
AGGREGATES = re.compile(r"\b(?:min|max)\((?:\w+\.)?(\w+)\)")


def is_binary(kind: TypeEngine[object]) -> bool:
    """Return whether a column has bytes."""
    return isinstance(kind.impl_instance if isinstance(kind, TypeDecorator) else kind, LargeBinary)


def binary_columns(service: str) -> frozenset[str]:
    """Return the names of the columns of a service that have bytes."""
    tables = import_module(f"{service}.tables").Base.metadata.tables.values()
    return frozenset(
        column.name for table in tables for column in table.columns if is_binary(column.type)
    )


def asked(service: str) -> Iterator[str]:
    """Yield the columns whose least or greatest a service asks for; released migrations aside."""
    for path in (SERVICES / service).rglob("*.py"):
        if path.parent.name != "migrations":
            yield from AGGREGATES.findall(path.read_text("utf-8"))


def test_nobody_asks_for_the_least_of_bytes() -> None:
    """PostgreSQL has no `min` and `max` of them before 18; in order of the column, the first is."""
    assert "id" in binary_columns("conduit_billing")
    assert sorted(binary_columns("conduit_billing").intersection(asked("conduit_billing"))) == []
