"""Writes docs/providers.md: what each provider type can do, and how many wire cases show it.

    python -m tools.provider_table            write it
    python -m tools.provider_table --check    only say whether it is up to date

From the catalog and the expected results of the wire cases alone; the cases are replayed by the
tests, and a claim without one fails them.
"""

import sys
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from tests.support.session_cases import session_cases
from tests.support.wire_cases import WireCase, all_cases, cases_of
from tests.wire.test_claims import shown_by

from conduit_providers.catalog import load_catalog
from conduit_providers.spec import Endpoint, ProviderSpec

PAGE = Path(__file__).parents[1] / "docs" / "providers.md"

# In the order of the table; others come behind them.
COLUMNS = (
    "stream",
    "tools",
    "parallel_tools",
    "vision",
    "audio",
    "files",
    "video",
    "json_object",
    "json_schema",
    "reasoning",
    "logprobs",
    "seed",
    "n",
    "prompt_cache",
    "dimensions",
    "base64",
)
OPERATIONS = {
    "chat": "Chat",
    "embed": "Embeddings",
    "converse": "Sessions",
    "image": "Images",
    "image_edit": "Edits of images",
    "speak": "Speech",
    "create_voice": "Voices made",
    "models": "Model lists",
    "voices": "Voice lists",
}
HEAD = """\
# Providers

What each provider type can do. A number is how many wire cases (`tests/wire`) show it: recorded
exchanges that the tests replay, both ways. A dash is what a type does not claim, and a claim
without a case fails the build. Errors are the cases of failures: each has its reason, and the
provider's own words.

`python -m tools.provider_table` writes this page from the catalog and the cases;
`docs/adding-a-provider.md` says how a row is added.
"""

NOT_CLAIMED = "-"

# How the cases' sources begin, and what the columns are called.
SOURCES = {
    "SDK types": "SDK's types",
    "documentation": "documentation",
    "server source": "server's source",
    "reported": "reported",
    "composed": "composed",
    "made up": "made up",
}
FACTS = """\
## Where the facts are from

Each type's catalog file names the pages and the SDKs that it was taken from, and the day; each
case names where its answer is from. Most answers are put together from the SDK's types, which
read them in the tests. *Reported* is what users show that they got, *composed* what no page or type
shows, and *made up* what no provider sends on purpose. No case was recorded with a key: nothing was
tried against the providers themselves.
"""
# What somebody who relies on a type would want to know.
UNCONFIRMED = {
    "AzureOpenAI": "the rate-limit headers, which are those that users show",
    "Cerebras": "the bodies of most errors, and the windows of limits beyond the documented two",
    "Cohere": "the headers of limits and of the request's id, which users show",
    "DeepInfra": "the parameters that it does not take, and the bodies of errors",
    "DeepSeek": "the bodies of errors, but for those that users show",
    "Fireworks": "the bodies of most errors, and the headers that tell what remains of a limit",
    "HuggingFace": "the bodies of the router's own errors; it names no headers of limits",
    "Mistral": "the names of the rate-limit headers, which are those that users show",
    "NvidiaNIM": "what NVIDIA's own API takes beyond vLLM's parameters, and how it names thoughts",
    "Perplexity": "the bodies of most errors; it names no headers of limits",
    "PerplexityAgent": "the bodies of errors, and whether counts include what the cache had",
    "SambaNova": "the bodies of errors, and how the reset of a limit is written",
    "Together": "the bodies of most errors; the newest page names only the reset of a limit",
    "xAI": "the rate-limit headers, which are OpenAI's by guess, and the bodies of errors",
}

Cases = Sequence[WireCase]
Shown = Callable[[WireCase], set[str]]


def every_case() -> Cases:
    """Return the cases of exchanges and of sessions."""
    return [*all_cases(), *session_cases()]


def page(specs: tuple[ProviderSpec, ...], cases: Cases, shown: Shown) -> str:
    """Return the page; `shown` says which capabilities a case shows."""
    operations = sorted(
        {name for spec in specs for name in spec.endpoints},
        key=lambda name: (list(OPERATIONS).index(name) if name in OPERATIONS else 99, name),
    )
    sections = (_section(name, specs, cases, shown) for name in operations)
    parts = [HEAD, *sections, _auths(specs), _facts(specs, cases), _unconfirmed(specs)]
    return "\n".join(parts)


def _section(operation: str, specs: tuple[ProviderSpec, ...], cases: Cases, shown: Shown) -> str:
    serving = [spec for spec in specs if operation in spec.endpoints]
    claimed = {c for spec in serving for c in spec.endpoints[operation].capabilities}
    columns = [c for c in COLUMNS if c in claimed] + sorted(claimed - set(COLUMNS))
    head = ["Type", "cases", "errors", *(f"`{c}`" for c in columns)]
    rows = [
        [
            spec.name,
            *_counts(
                spec.endpoints[operation],
                cases_of(f"{spec.name}/{operation}", cases),
                columns,
                shown,
            ),
        ]
        for spec in serving
    ]
    title = OPERATIONS.get(operation, operation.capitalize())
    return f"## {title}\n\n{_table(head, rows)}"


def _counts(endpoint: Endpoint, cases: Cases, columns: list[str], shown: Shown) -> Iterator[str]:
    found = Counter(name for case in cases for name in shown(case))
    yield str(len(cases))
    yield str(sum("error" in case.result for case in cases))
    for name in columns:
        yield str(found[name]) if name in endpoint.capabilities else NOT_CLAIMED


def _auths(specs: tuple[ProviderSpec, ...]) -> str:
    rows = [[spec.name, f"`{spec.auth.kind}`", spec.auth.description] for spec in specs]
    return f"## Keys\n\n{_table(['Type', 'strategy', 'what a key is'], rows)}"


def _facts(specs: tuple[ProviderSpec, ...], cases: Cases) -> str:
    rows = [[spec.name, spec.checked_on.isoformat(), *_sources(spec, cases)] for spec in specs]
    return f"{FACTS}\n{_table(['Type', 'checked on', *SOURCES.values()], rows)}"


def _sources(spec: ProviderSpec, cases: Cases) -> Iterator[str]:
    places = {f"{spec.name}/{operation}" for operation in spec.endpoints}
    found = Counter(
        case.source.partition(":")[0] for case in cases for place in case.places if place in places
    )
    yield from (str(found[kind]) if found[kind] else NOT_CLAIMED for kind in SOURCES)


def _unconfirmed(specs: tuple[ProviderSpec, ...]) -> str:
    lines = [
        f"* {spec.name}: {UNCONFIRMED[spec.name]}.\n" for spec in specs if spec.name in UNCONFIRMED
    ]
    return f"## What is not confirmed by the provider's own pages\n\n{''.join(lines)}"


def _table(head: list[str], rows: list[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def main() -> int:
    """Write the page, or compare it; the exit status."""
    text = page(load_catalog().specs, every_case(), shown_by)
    if "--check" not in sys.argv:
        PAGE.write_text(text, encoding="utf-8")
        return 0
    if PAGE.exists() and PAGE.read_text(encoding="utf-8") == text:
        return 0
    print("docs/providers.md is out of date: run python -m tools.provider_table")
    return 1


if __name__ == "__main__":
    sys.exit(main())
