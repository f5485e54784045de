"""Imports of configuration documents, as their tests make them."""

from tests.support.registry import Bench
from tests.unit.conduit_registry.conftest import VIRTUAL_KEY as VALUE
from tests.unit.conduit_registry.conftest import Edit

from conduit_registry.configuration.document import read
from conduit_registry.configuration.importing import Import
from conduit_registry.configuration.plan import plan_of
from conduit_registry.rules.addresses import Addresses

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
    "created provider 'Other'",
    "created key_1 of provider 'Main'",
    "created key_2 of provider 'Main'",
    "created mapping 'fast' to provider 'main'",
    "created mapping 'fast' to provider 'other'",
    "created fallback chain 'fast'",
    f"created virtual key 'ci': {VALUE}",
]


async def worked(
    bench: Bench, edit: Edit, text: str, *, is_rehearsal: bool = False, keeps_others: bool = False
) -> Import:
    """Import a document; return how that went."""
    plan = await plan_of(read(text), bench.catalog, Addresses(allow_private=True))
    async with edit() as editor:
        work = Import(editor, plan, is_rehearsal=is_rehearsal, keeps_others=keeps_others)
        await work.run()
    return work


async def imported(bench: Bench, edit: Edit, text: str, *, is_rehearsal: bool = False) -> list[str]:
    """Import a document; return what it changed."""
    return (await worked(bench, edit, text, is_rehearsal=is_rehearsal)).lines
