"""What the sections of one import share."""

from tests.support.registry import Bench
from tests.unit.conduit_registry.configuration.imports import BASE, imported, worked
from tests.unit.conduit_registry.conftest import Edit

from conduit_registry.store import (
    KEY,
    Store,
)

GROUPS = """
virtualKeyGroups: [{name: All, coversAll: true}, {name: Search}]
"""


async def test_what_is_not_named_stays_where_others_are_kept(
    bench: Bench, edit: Edit, store: Store
) -> None:
    """It is told, so that whoever keeps a document sees what came to be beside it."""
    await imported(bench, edit, BASE + GROUPS)
    text = """
providers: [{name: Other, providerType: Groq}, {name: Third, providerType: OpenAI, keys: []}]
mappings: []
fallbackChains: []
virtualKeyGroups: []
virtualKeys: []
"""
    work = await worked(bench, edit, text, keeps_others=True)
    assert work.lines == ["created provider 'Third'"]
    assert work.kept == [
        "provider 'Main'",
        "mapping 'fast' to provider 'main'",
        "mapping 'fast' to provider 'other'",
        "fallback chain 'fast'",
        "group 'All'",
        "group 'Search'",
        "virtual key 'ci'",
    ]
    main = "providers: [{name: Main, providerType: OpenAI, keys: [{name: Primary}]}]"
    work = await worked(bench, edit, main, keeps_others=True)
    assert (work.lines, work.kept) == (
        [],
        ["provider 'Other'", "provider 'Third'", "key_2 of provider 'Main'"],
    )
    async with store.read() as reading:
        assert len(await reading.every(KEY)) == 2
