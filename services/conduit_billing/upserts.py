"""Statements about many rows, for both databases, given to the driver as they are.

SQLAlchemy would take several times as long to make parameters of rows, and a charge has many.
"""

from collections.abc import Collection, Sequence
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute

Row = dict[str, Any]
Insert = postgresql.Insert | sqlite.Insert
# Any number that nobody else locks.
_LEDGER_LOCK = 4_830_177_261


async def take_turns(connection: AsyncConnection) -> None:
    """Wait until no other transaction writes to the ledger, and keep others waiting.

    On SQLite every writer's transaction does so from its beginning.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LEDGER_LOCK)))


def insert_into(connection: AsyncConnection, table: type[DeclarativeBase]) -> Insert:
    """Return an insert that knows `on_conflict_do_...`."""
    if connection.dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


async def insert_rows(
    connection: AsyncConnection, table: type[DeclarativeBase], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows, each with a number or text for every column, in the table's order."""
    if rows:
        statement = sa.insert(table).compile(dialect=connection.dialect)
        await connection.exec_driver_sql(str(statement), list(rows))


async def select_among(
    connection: AsyncConnection,
    columns: Sequence[InstrumentedAttribute[Any]],
    values: Collection[str],
) -> list[tuple[Any, ...]]:
    """Return the columns of the rows whose first column has one of many values."""
    if not values:
        return []
    query = str(sa.select(*columns).compile(dialect=connection.dialect))
    if connection.dialect.name == "postgresql":
        found = await connection.exec_driver_sql(
            f"{query} WHERE {columns[0].expression} = ANY($1)",  # names of our own
            (list(values),),
        )
    else:
        found = await connection.exec_driver_sql(
            f"{query} WHERE {columns[0].expression} IN (SELECT value FROM json_each(?))",  # noqa: S608 # the same
            (orjson.dumps(list(values)).decode(),),
        )
    return [tuple(row) for row in found]


async def known_of(
    connection: AsyncConnection, column: InstrumentedAttribute[str], values: Collection[str]
) -> list[str]:
    """Return those of many values that a column has."""
    return [value for (value,) in await select_among(connection, [column], values)]


async def add_up(
    connection: AsyncConnection,
    table: type[DeclarativeBase],
    keys: Sequence[str],
    rows: Sequence[Row],
    kept: Collection[str] = (),
) -> None:
    """Insert rows; where the keys are there already, add the other columns to what is there.

    Columns to be `kept` stay as they are. Rows are locked in the order given, so give them sorted:
    transactions that lock in the same order never wait for each other in a circle.
    """
    if not rows:
        return
    insert = insert_into(connection, table)
    there, new = table.__table__.c, insert.excluded
    sums = {name: there[name] + new[name] for name in rows[0] if name not in {*keys, *kept}}
    statement = insert.on_conflict_do_update(index_elements=list(keys), set_=sums)
    await connection.execute(statement, rows)
