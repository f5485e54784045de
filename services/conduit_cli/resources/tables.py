"""Tables for a terminal. Names that others chose are shown without what would steer it."""

import re
import shutil
import unicodedata
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import click

from conduit_cli.terminal import Styled

GAP = "  "
# A column is cut before it is narrower.
LEAST_WIDTH = 6
_ELLIPSIS = "\N{HORIZONTAL ELLIPSIS}"
# What a value is about, at a glance.
_COLOURS = {
    "green": {"healthy", "active", "succeeded", "ok", "closed", "yes"},
    "red": {"unhealthy", "failed", "open", "invalid", "disabled"},
    "yellow": {"degraded", "unknown", "halfopen", "callergone", "ratelimited"},
}
# What things are called that are inside of others.
_NAMES = ("name", "operation", "providerName", "id")
# To the second, in tables: whoever needs more asks for one thing, or for JSON.
_TIME = re.compile(r"(\d{4}-\d\d-\d\d)T(\d\d:\d\d:\d\d)(?:\.\d+)?Z")
# Members whose names say another unit than JSON has: it is dollars.
_HEADS = {"costNanoUsd": "cost usd"}
_COLOUR_OF = {word: colour for colour, words in _COLOURS.items() for word in words}


def table(
    rows: Sequence[Mapping[str, Any]], columns: Sequence[str], *, width: int | None = None
) -> Iterator[str]:
    """Yield the lines of a table; columns are members, such as `balance.usedUsd`.

    Those that all rows leave empty are left out. Wide ones are cut to what `width` has room for,
    by default the terminal's.
    """
    texts = [[_TIME.sub(r"\1 \2", shown(found(row, column))) for column in columns] for row in rows]
    used = [place for place, _ in enumerate(columns) if any(row[place] for row in texts)]
    heads = [_head(columns[place]) for place in used]
    texts = [[row[place] for place in used] for row in texts]
    room = width or shutil.get_terminal_size().columns
    # Ids are there to be copied.
    whole = {place for place, head in enumerate(heads) if head.endswith("ID")}
    widths = _widths([heads, *texts], room, whole)
    yield Styled(click.style(_line(heads, widths), bold=True))
    for row in texts:
        yield Styled(_line(row, widths, coloured=True))


def record(value: Mapping[str, Any], inside: str = "") -> Iterator[str]:
    """Yield the lines of one thing: its members, those of its members inside of them."""
    for name, member in value.items():
        label = f"{inside}{_head(name)}"
        if isinstance(member, Mapping) and member:
            yield f"{label}:"
            yield from record(member, f"{inside}  ")
        elif isinstance(member, list) and any(isinstance(each, Mapping) for each in member):
            yield f"{label}:"
            for each in member:
                lines = [*record(each, f"{inside}    ")]
                yield f"{inside}  - {lines[0].strip()}" if lines else f"{inside}  -"
                yield from lines[1:]
        elif text := shown(member):
            yield f"{label}: {_coloured(text)}"


def found(value: Mapping[str, Any], path: str) -> Any:  # noqa: ANN401 # whatever JSON has
    """Return a member, or one inside of it; None where there is none."""
    member: Any = value
    for name in path.split("."):
        member = member.get(name) if isinstance(member, Mapping) else None
    return member


def shown(value: object) -> str:
    """Return a value in one line, without signs that a terminal would obey."""
    if value is None or value in ("", [], {}):
        return ""
    match value:
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:,.9f}".rstrip("0").rstrip(".")
        case list():
            return ", ".join(map(shown, value))
        case dict():
            named = [value[name] for name in _NAMES if value.get(name)]
            told = [f"{shown(name)}={shown(each)}" for name, each in value.items() if shown(each)]
            return shown(named[0]) if named else " ".join(told)
        case _:
            return "".join(sign if sign.isprintable() else " " for sign in str(value))


def width_of(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(_sign_width(sign) for sign in text)


def _sign_width(sign: str) -> int:
    if unicodedata.combining(sign):
        return 0
    return 2 if unicodedata.east_asian_width(sign) in {"W", "F"} else 1


def _head(member: str) -> str:
    last = member.rpartition(".")[2]
    if last in _HEADS:
        return _HEADS[last]
    words = "".join(f" {sign.lower()}" if sign.isupper() else sign for sign in last)
    return " ".join("ID" if word == "id" else word for word in words.split())


def _widths(rows: Sequence[Sequence[str]], room: int, whole: Collection[int]) -> list[int]:
    """Return the columns' widths: the widest are cut first, until all fit; some are left whole."""
    widths = [max(map(width_of, column), default=0) for column in zip(*rows, strict=True)]
    over = sum(widths) + len(GAP) * (len(widths) - 1) - room
    others = [place for place, _ in enumerate(widths) if place not in whole]
    while over > 0 and others:
        widest = max(others, key=lambda place: widths[place])
        if widths[widest] <= LEAST_WIDTH:
            break
        widths[widest] -= 1
        over -= 1
    return widths


def _line(row: Sequence[str], widths: Sequence[int], *, coloured: bool = False) -> str:
    cells = []
    for text, width in zip(row, widths, strict=True):
        cut = _cut(text, width)
        pad = " " * (width - width_of(cut))
        cells.append((_coloured(cut) if coloured else cut) + pad)
    return GAP.join(cells).rstrip()


def _cut(text: str, width: int) -> str:
    if width_of(text) <= width:
        return text
    kept, room = "", width - 1
    for sign in text:
        room -= _sign_width(sign)
        if room < 0:
            break
        kept += sign
    return kept + _ELLIPSIS


def _coloured(text: str) -> str:
    colour = _COLOUR_OF.get(text.lower())
    return click.style(text, fg=colour) if colour else text
