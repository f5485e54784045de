"""Ids in the database."""

import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from conduit_billing.tables import PostingRow
from conduit_billing.upserts import insert_rows
from conduit_kernel.ids import IdSource, pack_id


async def test_an_id_is_text_to_the_code_and_bytes_to_the_database(engine: AsyncEngine) -> None:
    """By SQLAlchemy's statements, and by those that are given to the driver as they are."""
    name = IdSource().next()
    row = PostingRow
    async with engine.begin() as connection:
        await insert_rows(connection, row, [(name, 2, 1, None, 5)])
        ending = {"id": f"{name}.0e", "kind": 4, "posted_at": 2, "hold_id": name}
        await connection.execute(sa.insert(row).values(ending))
        found = await connection.execute(sa.select(row.id, row.hold_id).where(row.id >= name))
        assert sorted(tuple(each) for each in found) == [(name, None), (f"{name}.0e", name)]
        stored = await connection.exec_driver_sql("SELECT id, hold_id FROM billing_postings")
        packed = pack_id(name)
        assert sorted(tuple(each) for each in stored) == [(packed, None), (packed + b".0e", packed)]
