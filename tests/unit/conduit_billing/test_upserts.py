"""Statements about many rows."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from conduit_billing.tables import AccountRow, DayRow, PostingRow, ProviderNameRow
from conduit_billing.upserts import (
    add_up,
    insert_rows,
    insert_stored,
    known_of,
    select_among,
    select_among_bytes,
)

MANY = 40_000
KEYS = ["dimension", "day", "name", "number"]


def day(number: int, cost: int) -> dict[str, object]:
    """Return a day's sums."""
    return {
        "dimension": 1,
        "day": number,
        "name": "fast",
        "number": 0,
        "cost": cost,
        "requests": 1,
        "unpriced_requests": 0,
        "input_tokens": 0,
        "output_tokens": 0,
    }


async def test_rows_are_inserted_as_they_are_given(engine: AsyncEngine) -> None:
    """In the table's order of columns; of no rows there is no statement."""
    async with engine.begin() as connection:
        await insert_rows(connection, ProviderNameRow, [])
        await insert_rows(connection, ProviderNameRow, [(2, "b'; --"), (1, "a")])
        rows = await connection.execute(sa.select(ProviderNameRow.id, ProviderNameRow.name))
        assert sorted(rows.all()) == [(1, "a"), (2, "b'; --")]


async def test_more_values_are_looked_for_than_a_statement_has_parameters(
    engine: AsyncEngine,
) -> None:
    """Whatever is in them; SQLite takes 32,766 parameters."""
    names = [f"account-{number}" for number in range(MANY)]
    odd = ['"', "'", "\\", "[", "ключ", "a,b", ""]
    async with engine.begin() as connection:
        rows = [(number, name, 0, 1) for number, name in enumerate((*names[:3], *odd), 1)]
        await insert_rows(connection, AccountRow, rows)
        assert await known_of(connection, AccountRow.code, names) == names[:3]
        assert sorted(await known_of(connection, AccountRow.code, odd)) == sorted(odd)
        assert await known_of(connection, AccountRow.code, []) == []
        found = await select_among(connection, [AccountRow.code, AccountRow.id], ["ключ", "none"])
        assert found == [("ключ", 8)]


async def test_sums_are_added_to_what_is_there(engine: AsyncEngine) -> None:
    """What is new is inserted; columns to be kept stay."""
    async with engine.begin() as connection:
        await add_up(connection, DayRow, KEYS, [day(1, 5)])
        await add_up(connection, DayRow, KEYS, [day(1, 7), day(2, 9)])
        await add_up(connection, DayRow, KEYS, [])
        days = await connection.execute(
            sa.select(DayRow.day, DayRow.cost, DayRow.requests).order_by(DayRow.day)
        )
        assert days.all() == [(1, 12, 2), (2, 9, 1)]
        for kind in (4, 6):
            row = {"code": "a", "type": kind, "balance": -3}
            await add_up(connection, AccountRow, ["code"], [row], kept=["type"])
        account = await connection.execute(sa.select(AccountRow.type, AccountRow.balance))
        assert account.all() == [(4, -6)]


async def test_more_ids_are_looked_for_than_a_statement_has_parameters(
    engine: AsyncEngine,
) -> None:
    """As they are stored, in as many statements as it takes."""
    ids = [number.to_bytes(16) for number in range(3_001)]
    there = [ids[0], ids[1023], ids[1024], ids[3000]]
    async with engine.begin() as connection:
        await insert_stored(connection, PostingRow, [(each, 1, 1, None, None) for each in there])
        for count in (1, 2, 3, 1024, 1025, 3_001):
            found = await select_among_bytes(connection, [PostingRow.id], ids[:count])
            assert sorted(bytes(each) for (each,) in found) == [
                i for i in there if i in ids[:count]
            ]
        assert await select_among_bytes(connection, [PostingRow.id], []) == []
