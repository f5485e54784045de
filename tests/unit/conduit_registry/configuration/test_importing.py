"""A configuration made what a document says."""

import pytest
from tests.support.registry import Bench
from tests.unit.conduit_registry.conftest import VIRTUAL_KEY, Edit

from conduit_kernel.errors import ConduitError
from conduit_registry.configuration.document import read
from conduit_registry.configuration.importing import Import
from conduit_registry.configuration.plan import plan_of
from conduit_registry.rules.addresses import Addresses
from conduit_registry.store import FALLBACK_CHAIN, KEY, MAPPING, PROVIDER, Store

BASE = """
providers:
- name: Main
  providerType: OpenAI
  keys:
  - {name: Primary, apiKey: sk-primary-0001}
  - {name: Backup, apiKey: sk-backup-0002}
- {name: Other, providerType: Groq}
mappings:
- {modelAlias: fast, provider: Main}
- {modelAlias: fast, provider: Other, actualModelName: llama}
fallbackChains:
- {modelAlias: fast, providers: [{provider: Other}, {provider: Main}]}
virtualKeys:
- {name: ci}
"""
MADE = [
    "created provider 'Main'",
    "created key_1 of provider 'Main'",
    "created key_2 of provider 'Main'",
    "created provider 'Other'",
    "created mapping 'fast' to provider 'main'",
    "created mapping 'fast' to provider 'other'",
    "created fallback chain 'fast'",
    f"created virtual key 'ci': {VIRTUAL_KEY}",
]


async def imported(bench: Bench, edit: Edit, text: str, *, is_rehearsal: bool = False) -> list[str]:
    """Import a document; return what it changed."""
    plan = await plan_of(read(text), bench.catalog, Addresses(allow_private=True))
    async with edit() as editor:
        work = Import(editor, plan, is_rehearsal=is_rehearsal)
        await work.run()
    return work.lines


async def keys_of(store: Store) -> list[tuple[int, str, str]]:
    """Return all keys by number, name and what is shown of them."""
    async with store.read() as reading:
        return [(k.id, k.name, k.masked_api_key) for k in await reading.every(KEY)]


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
    assert [step.provider_id for step in chain.providers] == [1]
    assert len(await keys_of(store)) == 2
    assert await imported(bench, edit, "mappings: []\nfallbackChains: []") == [
        "deleted mapping 'fast' to provider 'main'",
        "deleted fallback chain 'fast'",
    ]


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


async def test_a_rehearsal_shows_no_value_of_a_virtual_key(bench: Bench, edit: Edit) -> None:
    """It would be one that never is."""
    lines = await imported(bench, edit, BASE, is_rehearsal=True)
    assert lines == [*MADE[:-1], "created virtual key 'ci'"]


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


async def test_a_chains_steps_are_replaced_as_one(bench: Bench, edit: Edit) -> None:
    """The line tells both orders."""
    await imported(bench, edit, BASE)
    text = "fallbackChains: [{modelAlias: fast, providers: [{provider: Main}]}]"
    [line] = await imported(bench, edit, text)
    assert line.startswith("changed fallback chain 'fast', providers: [")


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
