"""What tables make of values that are no column's."""

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError
from tests.support.registry import numbered
from tests.unit.conduit_registry.conftest import AUTHOR

from conduit_registry.store import FALLBACK_CHAIN, KEY, MAPPING, Store
from conduit_registry.store.tables import FallbackChainRow
from conduit_registry.values import FallbackChain, Key, ModelMapping, Step


def test_steps_keep_their_order_over_a_change() -> None:
    """Rows are used again by their places, because a place is what makes a row."""
    row = FallbackChainRow()
    chain = FallbackChain(
        id=1, model_alias="fast", providers=(Step(2, 1, None), Step(1, 2, 30_000_000))
    )
    FALLBACK_CHAIN.write(row, chain)
    kept = row.steps[0]
    changed = FallbackChain(id=1, model_alias="fast", providers=(Step(1, 9, None), Step(3, 0, 1)))
    FALLBACK_CHAIN.write(row, changed)
    assert FALLBACK_CHAIN.read(row) == changed
    assert row.steps[0] is kept


async def test_nothing_belongs_to_an_instance_that_is_not_there(store: Store) -> None:
    """Whatever the code above forgets, the database keeps to it."""
    with pytest.raises(IntegrityError):
        async with store.change(AUTHOR) as changing:
            await changing.create(KEY, numbered(Key(provider_id=9)))
    mapping = ModelMapping(model_alias="fast", provider_id=9, actual_model_name="gpt-4o")
    with pytest.raises(IntegrityError):
        async with store.change(AUTHOR) as changing:
            await changing.create(MAPPING, numbered(mapping))
    chain = FallbackChain(model_alias="fast", providers=(Step(9, 0),))
    with pytest.raises(IntegrityError):
        async with store.change(AUTHOR) as changing:
            await changing.create(FALLBACK_CHAIN, numbered(chain))


def test_what_is_unique_is_so_in_the_database() -> None:
    """Two processes that both looked before they wrote cannot both have written."""
    found = {
        (table.name, tuple(column.name for column in constraint.columns))
        for table in FallbackChainRow.metadata.tables.values()
        for constraint in table.constraints
        if isinstance(constraint, sa.UniqueConstraint)
    }
    assert found >= {
        ("providers", ("folded_name",)),
        ("model_mappings", ("model_alias", "provider_id")),
        ("fallback_chains", ("model_alias",)),
        ("virtual_keys", ("folded_name",)),
        ("virtual_keys", ("hash",)),
    }
