"""Inserts of many rows, and such as may meet rows that are there already, for both databases."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
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


async def insert_rows(
    connection: AsyncConnection, table: type[DeclarativeBase], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows of numbers and texts, each with a value for every column, in the table's order.

    The driver gets them as they are: SQLAlchemy would take several times as long to make
    parameters of them, and a charge has many rows.
    """
    if rows:
        statement = sa.insert(table).compile(dialect=connection.dialect)
        await connection.exec_driver_sql(str(statement), list(rows))


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
