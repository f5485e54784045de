"""Shows what a gateway answered: to people as a table, to programs as JSON or CSV."""

import csv
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import Any, NamedTuple, TextIO

from conduit_cli.admin_commands import opened
from conduit_cli.charge_export import cell
from conduit_cli.resources.tables import found, record, table
from conduit_cli.terminal import printed, say

Item = Mapping[str, Any]
# How often people are told how far a long list is.
TOLD_EVERY = 1000


class Output(NamedTuple):
    """The place and the form of what is shown."""

    as_json: bool
    as_csv: bool = False
    file: Path | None = None

    def show_list(self, items: Iterator[Item], columns: Sequence[str]) -> None:
        """Show a list, line by line; people see as much as they asked for as a table."""
        with opened(self.file) if self.file is not None else nullcontext() as file:
            told = _told(items) if file is not None else items
            if self.as_csv:
                _write_csv(told, columns, file or printed())
            elif self.as_json or file is not None:
                for item in told:
                    say(json.dumps(item, ensure_ascii=False), file=file)
            else:
                _show_table([*items], columns)

    def show(self, answer: Item, columns: Sequence[str]) -> None:
        """Show one thing, or the list that it has."""
        if self.as_json:
            say(json.dumps(answer, ensure_ascii=False))
        elif columns:
            _show_table(items_of(answer), columns)
        else:
            for line in record(answer):
                say(line)


def items_of(answer: Item) -> list[Item]:
    """Return the list that an answer is of."""
    lists = [each for each in answer.values() if isinstance(each, list)]
    items: list[Any] = lists[0] if lists else []
    return [each if isinstance(each, dict) else {"value": each} for each in items]


def _show_table(rows: Sequence[Item], columns: Sequence[str]) -> None:
    if not rows:
        say("There is none.", err=True)
        return
    for line in table(rows, columns or _members(rows)):
        say(line)


def _write_csv(items: Iterator[Item], columns: Sequence[str], file: TextIO) -> None:
    rows = items
    if not columns:
        known = [*items]
        columns, rows = _members(known), iter(known)
    writer = csv.writer(file)
    writer.writerow(columns)
    for row in rows:
        writer.writerow([cell(found(row, column)) for column in columns])


def _members(rows: Sequence[Item]) -> list[str]:
    return [*dict.fromkeys(name for row in rows for name in row)]


def _told(items: Iterator[Item]) -> Iterator[Item]:
    """Yield items, and say on a terminal how many it were so far."""
    stream, count = sys.stderr, 0
    for item in items:
        count += 1
        yield item
        if stream.isatty() and count % TOLD_EVERY == 0:
            say(f"{count:,}", nl=False, err=True, mark="\r")
    if stream.isatty():
        say(f"{count:,} written", err=True, mark="\r")
