"""Mappings and chains made what a document says."""

from tests.support.registry import Bench
from tests.unit.conduit_registry.configuration.imports import BASE, imported
from tests.unit.conduit_registry.conftest import Edit


async def test_a_chains_steps_are_replaced_as_one(bench: Bench, edit: Edit) -> None:
    """The line tells both orders."""
    await imported(bench, edit, BASE)
    text = "fallbackChains: [{modelAlias: fast, providers: [{provider: Main}]}]"
    [line] = await imported(bench, edit, text)
    assert line.startswith("changed fallback chain 'fast', providers: [")


async def test_an_id_that_the_document_gives_is_known_in_it_alone(bench: Bench, edit: Edit) -> None:
    """The answers of another gateway's API have such ids."""
    await imported(bench, edit, BASE)
    text = BASE.replace("- name: Main", "- id: 41\n  name: Main").replace(
        "{modelAlias: fast, provider: Main}", "{modelAlias: fast, providerId: 41}"
    )
    assert await imported(bench, edit, text.replace("{name: Other", "{id: 1, name: Other")) == []
