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


async def test_rules_of_a_group_are_its_documents(bench: Bench, edit: Edit, store: Store) -> None:
    """Applied again they change nothing; what a document leaves out is taken back."""
    text = """
virtualKeyGroups:
- name: Bound
  allowedProviders: [main*]
  expiresAt: 2030-01-02T03:04:05Z
  security: {allowedIPs: [10.0.0.0/8], clientCertificates: [ann]}
"""
    assert await imported(bench, edit, text) == ["created group 'Bound'"]
    assert await imported(bench, edit, text) == []
    async with store.read() as reading:
        (group,) = await reading.every(VIRTUAL_KEY_GROUP)
    assert group.allowed_providers == ("main*",)
    assert group.expires_at == 1_893_553_445_000_000
    assert (group.allowed_ips, group.client_certificates) == (("10.0.0.0/8",), ("ann",))
    await imported(bench, edit, "virtualKeyGroups: [{name: Bound}]")
    async with store.read() as reading:
        (group,) = await reading.every(VIRTUAL_KEY_GROUP)
    assert (group.allowed_providers, group.expires_at) == ((), None)
    assert (group.allowed_ips, group.client_certificates) == ((), ())


async def test_a_key_that_came_with_its_hash_keeps_its_value(
    bench: Bench, edit: Edit, store: Store
) -> None:
    """Applied again the document changes nothing, even where the value was replaced since."""
    text = f"""
virtualKeys:
- {{name: a, keySha256: {"ab" * 32}}}
- {{name: b, keySha256: {"cd" * 32}}}
"""
    assert await imported(bench, edit, text) == [
        "created virtual key 'a', by its hash",
        "created virtual key 'b', by its hash",
    ]
    assert await imported(bench, edit, text) == []
    async with edit() as editor:
        rotated, _ = await editor.rotate_virtual_key(1, 0)
    assert await imported(bench, edit, text) == []
    async with store.read() as reading:
        found = await reading.every(VIRTUAL_KEY)
    assert [each.hash for each in found] == [rotated.hash, b"\xcd" * 32]
    twice = f"{text}- {{name: c, keySha256: {'CD' * 32}}}"
    with pytest.raises(ConduitError, match="The virtual key 'b' has this value already"):
        await imported(bench, edit, twice)
