"""What Conduit charged, held against a provider's own export of what it bills, by day and model.

Formats, as the consoles of the providers export them (columns seen in published exports of 2025 and
2026, see `FORMATS`): OpenAI's costs, a row for each day and line item such as `gpt-4o-2024-08-06,
input`; Anthropic's costs, a row for each day, model and kind of token, in which models have the
names that people read, such as `Claude Haiku 4.5`. Others are read by the names of their columns.
Days are of UTC on both sides.
"""

import csv
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from datetime import UTC, date, datetime
from decimal import Decimal, InvalidOperation
from typing import Any, NamedTuple, TextIO

from conduit_cli.focus import cost_of

Json = Mapping[str, Any]
Costs = Mapping["Place", Decimal]

# A model's day of release at its end, as OpenAI and Anthropic write it.
_RELEASE = re.compile(r"-(\d{4}-\d{2}-\d{2}|\d{8})$")
_SIGNS = re.compile(r"[^a-z0-9]+")
_MAX_USD = Decimal(10**12)


class ExportUnreadable(ValueError):
    """An export that cannot be read, with the line and the reason."""


class ExportColumns(NamedTuple):
    """The names of an export's columns; an empty one is not there."""

    day: str
    model: str
    cost: str
    currency: str = ""


class Place(NamedTuple):
    """A day, and a model by the name that both sides have for it."""

    day: date
    model: str


class Difference(NamedTuple):
    """Dollars that Conduit charged and that the provider bills for one place."""

    place: Place
    charged: Decimal
    billed: Decimal

    @property
    def amount(self) -> Decimal:
        """Return how much more the provider bills than was charged."""
        return self.billed - self.charged


FORMATS: Mapping[str, ExportColumns] = {
    "openai": ExportColumns("start_time_iso", "line_item", "amount_value", "amount_currency"),
    "anthropic": ExportColumns("usage_date_utc", "model", "cost_usd"),
}


def billed_costs(file: TextIO, columns: ExportColumns) -> dict[Place, Decimal]:
    """Add up an export. ExportUnreadable if a column is missing or a cell makes no sense."""
    head = file.readline()
    delimiter = max(",;\t", key=head.count)
    names = next(csv.reader([head], delimiter=delimiter), [])
    missing = {name for name in columns if name} - set(names)
    if missing:
        raise ExportUnreadable(f"there is no column {', '.join(sorted(missing))}")
    costs: dict[Place, Decimal] = defaultdict(Decimal)
    try:
        for number, row in enumerate(csv.DictReader(file, names, delimiter=delimiter), 2):
            if cell := (row[columns.cost] or "").strip():
                place = Place(_day(row[columns.day], number), common_name(row.get(columns.model)))
                _must_be_dollars(row.get(columns.currency), number)
                costs[place] += _dollars(cell, number)
    except csv.Error as error:
        raise ExportUnreadable(f"it is no table: {error}") from error
    return costs


def charged_costs(charges: Iterable[Json]) -> tuple[dict[Place, Decimal], int]:
    """Add up charges; return as well how many of them have no price."""
    costs: dict[Place, Decimal] = defaultdict(Decimal)
    unpriced = 0
    for charge in charges:
        if (cost := cost_of(charge)) is None:
            unpriced += 1
            continue
        day = datetime.fromisoformat(str(charge["occurredAt"])).astimezone(UTC).date()
        place = Place(day, common_name(str(charge.get("actualModelName") or "")))
        costs[place] += Decimal(str(cost))
    return costs, unpriced


def differences(charged: Costs, billed: Costs) -> list[Difference]:
    """Return both sides of each day and model, in order; of each day where no model is told."""
    if not any(place.model for place in billed):
        charged, billed = _by_day(charged), _by_day(billed)
    return [
        Difference(place, charged.get(place, Decimal()), billed.get(place, Decimal()))
        for place in sorted({*charged, *billed})
    ]


def common_name(model: str | None) -> str:
    """Return a model's name as both sides have it: `claude-haiku-4-5`.

    Without what is behind a comma, the day of its release, and the case and signs of its writing.
    """
    name = (model or "").partition(",")[0].strip().lower()
    return _SIGNS.sub("-", _RELEASE.sub("", name)).strip("-")


def table(found: Iterable[Difference]) -> Iterator[tuple[str, ...]]:
    """Yield the rows of a report, its head first and a sum last."""
    yield "day", "model", "charged", "billed", "difference"
    charged = billed = Decimal()
    for each in found:
        charged, billed = charged + each.charged, billed + each.billed
        sides = each.charged, each.billed, each.amount
        yield each.place.day.isoformat(), each.place.model, *map(_written, sides)
    yield "total", "", *map(_written, (charged, billed, billed - charged))


def _by_day(costs: Costs) -> dict[Place, Decimal]:
    days: dict[Place, Decimal] = defaultdict(Decimal)
    for place, cost in costs.items():
        days[Place(place.day, "")] += cost
    return days


def _day(text: str | None, number: int) -> date:
    cell = (text or "").strip()
    try:
        if cell.isdecimal() and cell.isascii():
            return datetime.fromtimestamp(int(cell), UTC).date()
        moment = datetime.fromisoformat(cell)
    except (ValueError, OverflowError, OSError) as error:
        raise ExportUnreadable(f"line {number} has no day, but {cell[:40]!r}") from error
    return moment.date() if moment.tzinfo is None else moment.astimezone(UTC).date()


def _dollars(cell: str, number: int) -> Decimal:
    try:
        cost = Decimal(cell.removeprefix("$"))
    except InvalidOperation as error:
        raise ExportUnreadable(f"line {number} has no cost, but {cell[:40]!r}") from error
    # Credits are below zero.
    if not cost.is_finite() or abs(cost) > _MAX_USD:
        raise ExportUnreadable(f"line {number} has no cost, but {cell[:40]!r}")
    return cost


def _must_be_dollars(currency: str | None, number: int) -> None:
    if (currency or "usd").strip().lower() != "usd":
        raise ExportUnreadable(f"line {number} is in {currency!r}, not in dollars")


def _written(cost: Decimal) -> str:
    return f"{cost:.6f}"
