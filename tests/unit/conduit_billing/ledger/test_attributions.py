"""Attributions have one row each."""

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncEngine

from conduit_billing.ledger import attributions as module
from conduit_billing.ledger.attributions import Attributions
from conduit_billing.ledger.charges import Attribution
from conduit_billing.tables import AttributionRow

ONE = Attribution(1, "OpenAI", "key_1", "production", "fast", "gpt-4o", "chat", "rule:1")
TWO = ONE._replace(key_id="key_2")


async def count(engine: AsyncEngine) -> int:
    """Return how many rows there are."""
    async with engine.connect() as connection:
        query = sa.select(sa.func.count()).select_from(AttributionRow)
        return await connection.scalar(query) or 0


async def test_an_attribution_keeps_its_row(engine: AsyncEngine) -> None:
    """For those who remember it, and for those who never saw it."""
    first = Attributions()
    async with engine.begin() as connection:
        made = await first.ids_of(connection, {ONE, TWO})
        first.note(made)
        assert await first.ids_of(connection, {ONE}) == {ONE: made[ONE]}
    async with engine.begin() as connection:
        assert await Attributions().ids_of(connection, {ONE, TWO}) == made
    assert await count(engine) == 2


async def test_what_was_taken_back_is_made_again(engine: AsyncEngine) -> None:
    """Nothing is remembered before it is there to stay."""
    found = Attributions()
    async with engine.connect() as connection:
        await found.ids_of(connection, {ONE})
        await connection.rollback()
    async with engine.begin() as connection:
        made = await found.ids_of(connection, {TWO, ONE})
    async with engine.connect() as connection:
        query = sa.select(AttributionRow.id).where(AttributionRow.key_id == "key_1")
        assert await connection.scalar(query) == made[ONE]


async def test_few_are_remembered(engine: AsyncEngine, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is forgotten is found again."""
    monkeypatch.setattr(module, "MOST_REMEMBERED", 3)
    found = Attributions()
    async with engine.begin() as connection:
        ids = []
        for number in (1, 2, 3, 4, 1):
            wanted = ONE._replace(provider_id=number)
            made = await found.ids_of(connection, {wanted})
            found.note(made)
            ids.append(made[wanted])
        assert len(set(ids[:4])) == 4
        assert ids[4] == ids[0]


async def test_the_longest_names_have_a_row(engine: AsyncEngine) -> None:
    """Whatever signs they are of: the index is of their digest."""
    long = Attribution(1, "я" * 100, "я" * 40, "я" * 200, "я" * 200, "я" * 500, "я" * 40, "я" * 100)
    async with engine.begin() as connection:
        assert len(await Attributions().ids_of(connection, {long})) == 1
