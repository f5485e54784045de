"""Instances and keys made what a document says."""

import pytest
from tests.support.registry import Bench
from tests.unit.conduit_registry.configuration.imports import BASE, imported
from tests.unit.conduit_registry.conftest import Edit

from conduit_kernel.errors import ConduitError
from conduit_registry.store import (
    KEY,
    Store,
)


async def keys_of(store: Store) -> list[tuple[int, str, str]]:
    """Return all keys by number, name and what is shown of them."""
    async with store.read() as reading:
        return [(k.id, k.name, k.masked_api_key) for k in await reading.every(KEY)]


async def test_keys_are_known_by_id_and_else_by_name(
    bench: Bench, edit: Edit, store: Store
) -> None:
    """A renamed key keeps its value, a new value is a rotation, and what is left over goes."""
    await imported(bench, edit, BASE)
    text = """
providers:
- name: Main
  providerType: OpenAI
  keys:
  - {id: key_2, name: Renamed}
  - {name: Primary, apiKey: sk-rotated-9999}
  - {name: Third, apiKey: "env:THIRD"}
- {name: Other, providerType: Groq}
"""
    assert await imported(bench, edit, text) == [
        "changed key_2 of provider 'Main', name: 'Backup' to 'Renamed'",
        "rotated key_1 of provider 'Main'",
        "created key_3 of provider 'Main'",
    ]
    assert await keys_of(store) == [
        (1, "Primary", "…9999"),
        (2, "Renamed", "…0002"),
        (3, "Third", "env:THIRD"),
    ]


async def test_keys_of_one_name_are_each_taken_once(bench: Bench, edit: Edit) -> None:
    """The older first; one without a name is known by its id alone."""
    twins = [{"name": "A", "apiKey": "sk-first-0001"}, {"name": "A", "apiKey": "sk-second-0002"}]
    provider = "providers: [{name: Main, providerType: OpenAI, keys: %s}]"
    await imported(bench, edit, provider % twins)
    kept = [{"name": "A", "organization": "org-1"}]
    assert await imported(bench, edit, provider % kept) == [
        "deleted key_2 of provider 'Main'",
        "changed key_1 of provider 'Main', organization: '' to 'org-1'",
    ]
    nameless = [{"apiKey": "sk-third-0003"}]
    assert await imported(bench, edit, provider % nameless) == [
        "deleted key_1 of provider 'Main'",
        "created key_3 of provider 'Main'",
    ]


async def test_a_document_that_moves_an_instance_gives_its_keys_again(
    bench: Bench, edit: Edit, store: Store
) -> None:
    """All of them, or it changes nothing; without the section of keys they are stored ones, too."""
    await imported(bench, edit, BASE)
    moved = BASE.replace(
        "providerType: OpenAI", "providerType: OpenAI\n  baseUrl: http://127.0.0.1:9"
    )
    before = await keys_of(store)
    one = moved.replace(", apiKey: sk-backup-0002", "")
    none = "providers: [{name: Main, providerType: OpenAI, baseUrl: 'http://127.0.0.1:9'}]"
    for text, field in ((one, "providers[0].keys[1].apiKey"), (none, "providers[0].baseUrl")):
        with pytest.raises(ConduitError) as caught:
            await imported(bench, edit, text)
        assert caught.value.metadata["field"] == field
        assert await keys_of(store) == before
    lines = await imported(bench, edit, moved)
    assert "rotated key_1 of provider 'Main'" in lines
    async with store.read() as reading:
        found = await reading.every(KEY)
    assert [each.destination for each in found] == ["http://127.0.0.1:9"] * 2
