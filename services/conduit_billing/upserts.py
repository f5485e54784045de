"""Inserts that may meet rows that are there already; both databases have them, each its own."""

from collections.abc import Sequence
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import DeclarativeBase

Row = dict[str, Any]
Insert = postgresql.Insert | sqlite.Insert


def insert_into(connection: AsyncConnection, table: type[DeclarativeBase]) -> Insert:
    """Return an insert that knows `on_conflict_do_...`."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


async def add_up(
    connection: AsyncConnection,
    table: type[DeclarativeBase],
    keys: Sequence[str],
    rows: Sequence[Row],
) -> None:
    """Insert rows; where the keys are there already, add the other columns to what is there.

    Rows are locked in the order given, so give them sorted: transactions that lock in the same
    order never wait for each other in a circle.
    """
    if not rows:
        return
    insert = insert_into(connection, table)
    there, new = table.__table__.c, insert.excluded
    sums = {name: there[name] + new[name] for name in rows[0] if name not in keys}
    statement = insert.on_conflict_do_update(index_elements=list(keys), set_=sums)
    await connection.execute(statement, rows)
