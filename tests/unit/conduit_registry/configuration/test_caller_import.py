"""Virtual keys and groups made what a document says."""

import pytest
from tests.support.registry import Bench
from tests.unit.conduit_registry.configuration.imports import BASE, MADE, imported
from tests.unit.conduit_registry.conftest import Edit

from conduit_kernel.errors import ConduitError
from conduit_registry.store import (
    VIRTUAL_KEY,
    VIRTUAL_KEY_GROUP,
    Store,
)

GROUPS = """
virtualKeyGroups:
- {name: All, coversAll: true}
- {name: Search, budgets: [{limitUsd: 5, period: Day}]}
virtualKeys:
- {name: ci, group: SEARCH}
"""


async def test_a_rehearsal_shows_no_value_of_a_virtual_key(bench: Bench, edit: Edit) -> None:
    """It would be one that never is."""
    lines = await imported(bench, edit, BASE, is_rehearsal=True)
    assert lines == [*MADE[:-1], "created virtual key 'ci'"]


async def test_groups_are_named_and_go_once_no_key_is_in_them(
    bench: Bench, edit: Edit, store: Store
) -> None:
    """One that covers all may be replaced by another one in the same document."""
    lines = await imported(bench, edit, GROUPS, is_rehearsal=True)
    assert lines == [
        "created group 'All'",
        "created group 'Search'",
        "created virtual key 'ci'",
    ]
    assert await imported(bench, edit, GROUPS.replace("SEARCH", "search")) == []
    async with store.read() as reading:
        assert [each.group_id for each in await reading.every(VIRTUAL_KEY)] == [2]
    moved = GROUPS.replace("name: Search,", "name: Found,").replace("SEARCH", "Found")
    assert await imported(bench, edit, moved.replace("name: All", "name: Everybody")) == [
        "deleted group 'All'",
        "deleted group 'Search'",
        "created group 'Everybody'",
        "created group 'Found'",
        "changed virtual key 'ci', groupId: 2 to 4",
    ]
    async with store.read() as reading:
        assert [each.id for each in await reading.every(VIRTUAL_KEY_GROUP)] == [3, 4]
    with pytest.raises(ConduitError, match="There is no group of virtual keys named 'Gone'"):
        await imported(bench, edit, "virtualKeys: [{name: ci, group: Gone}]")
    with pytest.raises(ConduitError, match="1 virtual keys are in it"):
        await imported(bench, edit, "virtualKeyGroups: []")
