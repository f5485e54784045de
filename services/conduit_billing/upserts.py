"""Statements about many rows, for both databases, given to the driver as they are.

SQLAlchemy would take several times as long to make parameters of rows, and a charge has many. Each
statement is compiled once: a batch needs a dozen, which take as long as the rows of a small one.
"""

from collections.abc import Collection, Sequence
from functools import lru_cache
from typing import Any

import orjson
import sqlalchemy as sa
from sqlalchemy.engine import Dialect
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import DeclarativeBase, InstrumentedAttribute

from conduit_billing.packed_id import PackedId
from conduit_kernel.ids import pack_id
from conduit_kernel.inserts import insert_into

Row = dict[str, Any]
# Of a statement of SQLite, which takes more.
_MOST_PARAMETERS = 1024
# Any numbers that nobody else locks.
LEDGER_LOCK = 4_830_177_261
QUOTA_LOCK = 4_830_177_262


async def take_turns(connection: AsyncConnection, lock: int = LEDGER_LOCK) -> None:
    """Wait until no other transaction writes to the ledger, and keep others waiting.

    On SQLite every writer's transaction does so from its beginning. Another `lock` is for what has
    nothing to do with the ledger.
    """
    if connection.dialect.name == "postgresql":
        await connection.execute(sa.select(sa.func.pg_advisory_xact_lock(lock)))


async def insert_rows(
    connection: AsyncConnection, table: type[DeclarativeBase], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows, each with a number or text for every column, in the table's order."""
    ids = _id_places(table)
    await insert_stored(connection, table, [_packed(row, ids) for row in rows] if ids else rows)


async def insert_stored(
    connection: AsyncConnection, table: type[DeclarativeBase], rows: Sequence[tuple[Any, ...]]
) -> None:
    """Insert rows as they are stored: with packed ids."""
    if rows:
        await connection.exec_driver_sql(_insert(connection.dialect, table), list(rows))


async def select_among(
    connection: AsyncConnection,
    columns: Sequence[InstrumentedAttribute[Any]],
    values: Collection[str],
) -> list[tuple[Any, ...]]:
    """Return the columns of the rows whose first column has one of many values."""
    if not values:
        return []
    statement = _select_among(connection.dialect, tuple(columns))
    is_array = connection.dialect.name == "postgresql"
    among = list(values) if is_array else orjson.dumps(list(values)).decode()
    return [tuple(row) for row in await connection.exec_driver_sql(statement, (among,))]


async def select_among_bytes(
    connection: AsyncConnection,
    columns: Sequence[InstrumentedAttribute[Any]],
    values: Sequence[bytes],
) -> list[tuple[Any, ...]]:
    """Return the columns, as they are stored, of the rows whose first one has one of many values.

    Such as packed ids.
    """
    if connection.dialect.name == "postgresql":
        statement = _select_among(connection.dialect, tuple(columns))
        found = await connection.exec_driver_sql(statement, (list(values),)) if values else ()
        return [tuple(row) for row in found]
    rows = []
    for start in range(0, len(values), _MOST_PARAMETERS):
        piece = values[start : start + _MOST_PARAMETERS]
        # Few lengths, so that few statements are compiled: the last value stands in for the rest.
        length = 1 << (len(piece) - 1).bit_length()
        statement = _select_in(connection.dialect, tuple(columns), length)
        parameters = (*piece, *([piece[-1]] * (length - len(piece))))
        rows += [tuple(row) for row in await connection.exec_driver_sql(statement, parameters)]
    return rows


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
    if rows:
        names = tuple([column.name for column in table.__table__.c if column.name in rows[0]])
        values = [tuple([row[name] for name in names]) for row in rows]
        await add_up_rows(connection, table, tuple(keys), names, values, kept)


async def add_up_rows(  # noqa: PLR0917 # what `add_up` takes, and the names of the columns
    connection: AsyncConnection,
    table: type[DeclarativeBase],
    keys: tuple[str, ...],
    names: tuple[str, ...],
    rows: Sequence[tuple[Any, ...]],
    kept: Collection[str] = (),
) -> None:
    """Do what `add_up` does with rows as tuples, whose columns `names` has in the table's order."""
    if rows:
        statement = _add_up(connection.dialect, table, keys, names, frozenset(kept))
        await connection.exec_driver_sql(statement, list(rows))


@lru_cache
def _insert(dialect: Dialect, table: type[DeclarativeBase]) -> str:
    return str(sa.insert(table).compile(dialect=dialect))


@lru_cache
def _select_in(
    dialect: Dialect, columns: tuple[InstrumentedAttribute[Any], ...], length: int
) -> str:
    query = str(sa.select(*columns).compile(dialect=dialect))
    return f"{query} WHERE {columns[0].expression} IN ({', '.join('?' * length)})"


@lru_cache
def _id_places(table: type[DeclarativeBase]) -> tuple[int, ...]:
    columns = enumerate(table.__table__.c)
    return tuple(at for at, column in columns if isinstance(column.type, PackedId))


def _packed(row: tuple[Any, ...], places: tuple[int, ...]) -> tuple[Any, ...]:
    values = list(row)
    for at in places:
        if values[at] is not None:
            values[at] = pack_id(values[at])
    return tuple(values)


@lru_cache
def _select_among(dialect: Dialect, columns: tuple[InstrumentedAttribute[Any], ...]) -> str:
    query = str(sa.select(*columns).compile(dialect=dialect))
    is_array = dialect.name == "postgresql"
    among = "= ANY($1)" if is_array else "IN (SELECT value FROM json_each(?))"
    return f"{query} WHERE {columns[0].expression} {among}"  # names of our own


@lru_cache
def _add_up(
    dialect: Dialect,
    table: type[DeclarativeBase],
    keys: tuple[str, ...],
    names: tuple[str, ...],
    kept: frozenset[str],
) -> str:
    """Return the statement, which takes values in the table's order of columns."""
    insert = insert_into(dialect, table).values({name: sa.bindparam(name) for name in names})
    there, new = table.__table__.c, insert.excluded
    sums = {name: there[name] + new[name] for name in names if name not in {*keys, *kept}}
    statement = insert.on_conflict_do_update(index_elements=list(keys), set_=sums).inline()
    order = tuple([column.name for column in table.__table__.c if column.name in names])
    if order != names:
        raise ValueError(f"{names} are not in the order of {table.__tablename__}")
    return str(statement.compile(dialect=dialect))
