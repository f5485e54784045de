"""A configuration made what a document says."""

import pytest
from tests.support.registry import Bench
from tests.unit.conduit_registry.configuration.imports import BASE, MADE, imported
from tests.unit.conduit_registry.conftest import Edit

from conduit_kernel.errors import ConduitError
from conduit_registry.store import (
    FALLBACK_CHAIN,
    KEY,
    MAPPING,
    PROVIDER,
    Store,
)


async def test_each_change_has_a_line_and_the_same_document_again_has_none(
    bench: Bench, edit: Edit, store: Store
) -> None:
    """Keys have no value in a document that was exported, so they stay without one."""
    assert await imported(bench, edit, BASE) == MADE
    async with store.read() as reading:
        before = await reading.state()
    again = BASE.replace(", apiKey: sk-primary-0001", "").replace(", apiKey: sk-backup-0002", "")
    for text in (BASE, again):
        assert await imported(bench, edit, text) == []
    async with store.read() as reading:
        assert await reading.state() == before


async def test_a_section_that_is_not_there_stays_and_an_empty_one_is_removed(
    bench: Bench, edit: Edit, store: Store
) -> None:
    """With an instance go its keys, its mappings and its places."""
    await imported(bench, edit, BASE)
    assert await imported(bench, edit, "virtualKeys: []") == ["deleted virtual key 'ci'"]
    main = "providers: [{name: MAIN, providerType: OpenAI}]"
    assert await imported(bench, edit, main) == [
        "deleted provider 'Other'",
        "changed provider 'MAIN', name: 'Main' to 'MAIN'",
    ]
    async with store.read() as reading:
        assert [each.id for each in await reading.every(MAPPING)] == [1]
        [chain] = await reading.every(FALLBACK_CHAIN)
        assert len(await reading.every(KEY)) == 2
    assert [step.provider_id for step in chain.providers] == [1]
    assert await imported(bench, edit, "mappings: []\nfallbackChains: []") == [
        "deleted mapping 'fast' to provider 'main'",
        "deleted fallback chain 'fast'",
    ]


@pytest.mark.parametrize(
    "text",
    [
        "providers: [{name: a, providerType: OpenAI}, {name: A, providerType: Groq}]",
        "virtualKeys: [{name: a}, {name: A}]",
        BASE + "- {name: CI}",
        "mappings: [{modelAlias: a, provider: Main}, {modelAlias: a, provider: MAIN}]",
    ],
    ids=range(4),
)
async def test_a_thing_is_in_a_document_once(bench: Bench, edit: Edit, text: str) -> None:
    """The second one is named."""
    await imported(bench, edit, BASE)
    with pytest.raises(ConduitError, match="is in the document twice") as caught:
        await imported(bench, edit, text)
    assert "[1]" in caught.value.metadata["field"]


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ("providers: [{name: MAIN, providerType: Groq}]", "providers[0].providerType"),
        (
            "providers: [{name: New, providerType: OpenAI, keys: [{name: A}]}]",
            "providers[0].keys[0].apiKey",
        ),
        (
            "providers: [{name: New, providerType: OpenAI, keys: [{apiKey: 'file:/etc/x'}]}]",
            "providers[0].keys[0].apiKey",
        ),
        ("mappings: [{modelAlias: a, provider: Gone}]", "mappings[0].provider"),
        ("providers: []\nmappings: [{modelAlias: a, provider: Main}]", "mappings[0].provider"),
    ],
)
async def test_what_cannot_be_is_named_by_its_place_and_nothing_changes(
    bench: Bench, edit: Edit, store: Store, text: str, field: str
) -> None:
    """Also when it comes after things that could be done."""
    await imported(bench, edit, BASE)
    with pytest.raises(ConduitError) as caught:
        await imported(bench, edit, text)
    assert caught.value.metadata["field"] == field
    async with store.read() as reading:
        assert [each.name for each in await reading.every(PROVIDER)] == ["Main", "Other"]


async def test_the_seeds_blocks_are_taken_as_they_stand(
    bench: Bench, edit: Edit, store: Store
) -> None:
    """Rules without instances are of all that there are; those of the document, of its own."""
    providers = """{"providers": [
      {"name": "OpenAI Primary", "providerType": "OpenAI", "weight": 70, "priority": 1},
      {"name": "OpenAI Secondary", "providerType": "OpenAI", "weight": 30, "priority": 1}]}"""
    chains = """{"fallbackChains": [{"modelAlias": "gpt-4", "providers": [
      {"providerId": 1, "priority": 1, "timeout": "30s"},
      {"providerId": 2, "priority": 2, "timeout": "30s"}]}]}"""
    security = """{"providerSecurity": {"allowedIPs": ["192.168.1.0/24"], "requireMTLS": false,
      "keyRotationDays": 90, "auditLevel": "Full"}}"""
    assert len(await imported(bench, edit, providers)) == 2
    assert await imported(bench, edit, chains) == ["created fallback chain 'gpt-4'"]
    assert len(await imported(bench, edit, security)) == 2
    assert await imported(bench, edit, security) == []
    async with store.read() as reading:
        [chain] = await reading.every(FALLBACK_CHAIN)
        found = await reading.every(PROVIDER)
    assert [step.provider_id for step in chain.providers] == [1, 2]
    assert [(each.weight, each.key_rotation_days) for each in found] == [(70, 90), (30, 90)]
    whole = f"{{{providers[1:-1]}, {security[1:-1]}}}"
    assert await imported(bench, edit, whole) == []
    own = whole.replace('"weight": 70', '"weight": 70, "providerSecurity": {"keyRotationDays": 7}')
    await imported(bench, edit, own)
    async with store.read() as reading:
        found = await reading.every(PROVIDER)
    assert [each.key_rotation_days for each in found] == [7, 90]
