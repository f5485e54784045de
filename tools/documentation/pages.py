"""Gathers the pages of the site: those of `docs/` as they are, and the reference beside them."""

import posixpath
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from tools.conduit_codegen.contract import Contract
from tools.documentation.command_page import command_page
from tools.documentation.configuration_page import configuration_page
from tools.documentation.contract_pages import contract_pages
from tools.documentation.error_page import error_page
from tools.documentation.settings_page import settings_page

from conduit_cli.commands import conduit
from conduit_cli.configuration.schema import schema
from conduit_kernel.setting_names import known_names

Pages = dict[str, str]
# Pages that stand outside `docs/`, and where they are in the site.
_OUTSIDE = {
    "README.md": "index.md",
    "CHANGELOG.md": "changelog.md",
    "CONTRIBUTING.md": "contributing.md",
    "clients/README.md": "client-stubs.md",
}
_LINK = re.compile(r"\[([^\]]*)\]\((?!https?:|mailto:|#)([^)#\s]+)((?:#[^)\s]*)?)\)")
# The parts of the site, and the guides that belong to each by name; others are how-tos.
_PARTS = {
    "Tutorials": ("switching-from-litellm.md", "claude-code.md", "codex.md", "gemini-cli.md"),
    "Reference": ("providers.md", "compatibility.md", "compatibility-promise.md"),
    "How it is made": ("architecture.md", "performance.md"),
}


def guides(root: Path) -> Pages:
    """Return what is written by hand, by path in the site."""
    docs = [path.relative_to(root).as_posix() for path in (root / "docs").rglob("*.md")]
    places = {**{name: name.removeprefix("docs/") for name in docs}, **_OUTSIDE}
    found = {
        place: _relinked((root / name).read_text("utf-8"), name, places)
        for name, place in places.items()
    }
    return dict(sorted(found.items()))


def _relinked(text: str, name: str, places: Mapping[str, str]) -> str:
    """Return a page with links that lead within the site; those to other files become text."""
    above = "../" * places[name].count("/")

    def moved(link: re.Match[str]) -> str:
        path = posixpath.normpath(posixpath.join(posixpath.dirname(name), link[2]))
        if path in places:
            return f"[{link[1]}]({above}{places[path]}{link[3]})"
        # One of the site's own that is not there is left for the generator to refuse.
        return link[0] if path.startswith("docs/") else link[1]

    return _LINK.sub(moved, text)


def reference(contract: Contract, written: Pages) -> Pages:
    """Return what is made of the code, by path in the site."""
    made = {
        **dict(contract_pages(contract)),
        "errors.md": error_page(contract),
        "command.md": command_page(conduit),
        "settings.md": settings_page(known_names(), written),
        "configuration-file.md": configuration_page(schema()),
    }
    return {f"reference/{path}": text for path, text in made.items()}


def navigation(written: Pages, contract: Contract) -> list[object]:
    """Return the site's table of contents."""
    placed = {name for names in _PARTS.values() for name in names}
    rest = [
        name
        for name in written
        if "/" not in name and name not in placed and name not in _OUTSIDE.values()
    ]
    made = [
        *(f"reference/{service.name}.md" for service in contract.services),
        *(f"reference/{name}.md" for name in ("messages", "errors", "command", "settings")),
        "reference/configuration-file.md",
    ]
    decisions = [name for name in written if name.startswith("adr/")]
    return [
        "index.md",
        {"Tutorials": list(_PARTS["Tutorials"])},
        {"How-tos": [*rest, "client-stubs.md"]},
        {"Reference": [*made, *_PARTS["Reference"]]},
        {"How it is made": [*_PARTS["How it is made"], {"Decisions": _readme_first(decisions)}]},
        {"Project": ["changelog.md", "contributing.md"]},
    ]


def _readme_first(names: list[str]) -> list[str]:
    return sorted(names, key=lambda name: (not name.endswith("README.md"), name))


def problems(nav: list[object], pages: Pages) -> Iterator[str]:
    """Yield what the table of contents names that is not there."""
    for each in nav:
        if isinstance(each, dict):
            for inner in each.values():
                yield from problems(inner, pages)
        elif each not in pages:
            yield str(each)
