"""Charges for spreadsheets, for programs, and in FOCUS, as they are exported."""

import csv
import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import TextIO
from urllib.parse import urlencode

from conduit_cli.focus import COLUMNS, cost_of, focus_rows
from conduit_cli.gateway import Gateway, Json

PAGE_SIZE = 1000
SILENCE_SECONDS = 120.0
# Of a charge, in the order in which people read them; its lines are a column of JSON.
FIELDS = (
    "id",
    "requestId",
    "occurredAt",
    "providerId",
    "providerType",
    "keyId",
    "providerAccountGroup",
    "virtualKeyId",
    "modelAlias",
    "actualModelName",
    "operation",
    "cost",
    "providerCost",
    "priceVersion",
    "adjustedCost",
    "adjustedPriceVersion",
    "usageSource",
    "isComplete",
    "durationMs",
    "tags",
    "qualifiers",
    "lines",
)
# A cell that begins so is a formula to spreadsheets; callers have a hand in some of them.
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def charges(gateway: Gateway, wanted: Mapping[str, str]) -> Iterator[Json]:
    """Yield the charges that are asked for, newest first. GatewayError or OSError if it fails."""
    token = ""
    while True:
        asked = {"pageSize": str(PAGE_SIZE), **wanted} | ({"pageToken": token} if token else {})
        page = gateway.call("GET", f"/api/usage/charges?{urlencode(asked)}")
        found = page.get("charges")
        if not isinstance(found, list):
            raise ValueError("there are no charges")  # noqa: TRY004 # of what was sent, not of ours
        yield from found
        token = str(page.get("nextPageToken") or "")
        if not token:
            return


def write_json_lines(found: Iterable[Json], file: TextIO) -> int:
    """Write charges as they are, one to a line; return how many were left out: none."""
    file.writelines(f"{json.dumps(charge, ensure_ascii=False)}\n" for charge in found)
    return 0


def write_csv(found: Iterable[Json], file: TextIO) -> int:
    """Write charges as a table with a head; return how many were left out: none."""
    table = csv.writer(file)
    table.writerow(FIELDS)
    for charge in found:
        table.writerow([cell(charge.get(name)) for name in FIELDS])
    return 0


def write_focus(found: Iterable[Json], file: TextIO) -> int:
    """Write charges in the columns of FOCUS; return how many were left out.

    Those whose price is unknown are: FOCUS has no cost that is not known, and zero would be one.
    """
    table, left_out = csv.writer(file), 0
    table.writerow(COLUMNS)
    for charge in found:
        if cost_of(charge) is None:
            left_out += 1
            continue
        for row in focus_rows(charge):
            table.writerow([cell(row.get(name)) for name in COLUMNS])
    return left_out


Write = Callable[[Iterable[Json], TextIO], int]
FORMATS: Mapping[str, Write] = {
    "jsonl": write_json_lines,
    "csv": write_csv,
    "focus": write_focus,
}


def cell(value: object) -> str:
    """Return a value as a spreadsheet takes it: as what it is, and never as a formula."""
    if value is None:
        return ""
    if isinstance(value, str):
        return f"'{value}" if value.startswith(_FORMULA) else value
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False) if value else ""
    return json.dumps(value) if isinstance(value, bool) else _number(value)


def _number(value: object) -> str:
    # The shortest decimal of a number of dollars, without an exponent.
    return f"{value:.9f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
