"""The reference of the settings: all that are read, by what the guides say of them."""

import re
from collections.abc import Collection, Iterator, Mapping

from tools.documentation.markdown import table

_ROW = re.compile(r"^\| (?P<names>[^|]*`CONDUIT_[^|]*) \| (?P<rest>.*) \|$", re.MULTILINE)
_NAME = re.compile(r"`(CONDUIT_[A-Z_]+)`")
# What stands in the place of a service's name.
_TARGETS = "`CONDUIT_<SERVICE>_TARGET`"
_LINK = re.compile(r"\]\((#[^)]*)\)")


class UndocumentedSetting(Exception):
    """A setting that no guide has a word on."""


def settings_page(known: Collection[str], guides: Mapping[str, str]) -> str:
    """Return the page of all known settings. UndocumentedSetting if no guide names one.

    `guides` are the texts of pages by their paths.
    """
    told = dict(_told(guides))
    targets = {name for name in known if name.endswith("_TARGET")}
    missing = sorted(set(known) - told.keys() - targets)
    if missing:
        raise UndocumentedSetting(", ".join(missing))
    rows = [[f"`{name}`", *told[name]] for name in sorted(set(known) - targets)]
    rows.append([_TARGETS, *told[_TARGETS]])
    return (
        "# Settings\n\nEnvironment variables, read once when a process starts. "
        "A name that nobody reads is told in its log.\n\n"
        f"{table(['Setting', 'Meaning', 'Default'], rows)}"
    )


def _told(guides: Mapping[str, str]) -> Iterator[tuple[str, tuple[str, str]]]:
    """Yield each setting with what its row says of it: a row of a table, or else a sentence."""
    for path, text in guides.items():
        for name in _NAME.findall(text):
            yield name, (f"See [{_title(text)}](../{path}).", "")
    for path, text in guides.items():
        for found in _ROW.finditer(text):
            meaning, _, default = found["rest"].rpartition(" | ")
            said = _moved(meaning or default, path), _moved(default, path) if meaning else ""
            for name in _NAME.findall(found["names"]):
                yield name, said
            if _TARGETS in found["names"]:
                yield _TARGETS, said


def _title(text: str) -> str:
    return text.removeprefix("# ").split("\n", 1)[0]


def _moved(text: str, path: str) -> str:
    """Return a row's text with links that lead from the reference."""
    text = _LINK.sub(rf"](../{path}\1)", text)
    return re.sub(r"\]\(([a-z-]+\.md)", r"](../\1", text)
