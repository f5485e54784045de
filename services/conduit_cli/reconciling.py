"""Makes the report of a reconciliation with a running gateway."""

from collections.abc import Mapping, Sequence
from decimal import Decimal, InvalidOperation
from typing import NamedTuple, TextIO

from conduit_cli.charge_export import charges
from conduit_cli.gateway import Gateway
from conduit_cli.reconciliation import (
    FORMATS,
    ExportColumns,
    ExportUnreadable,
    billed_costs,
    charged_costs,
    differences,
    table,
)


class UnclearExport(ValueError):
    """An export of which nobody can tell what it says."""


class Report(NamedTuple):
    """The rows of a report, charges that are in none of them, and how many rows differ."""

    rows: Sequence[tuple[str, ...]]
    unpriced: int
    differing: int


def reconciled(
    gateway: Gateway,
    file: TextIO,
    form: str | None,
    given: Mapping[str, str],
    wanted: Mapping[str, str],
) -> Report:
    """Return the report of the days that an export has, or of those that are `wanted`.

    Raises UnclearExport if it cannot be read, GatewayError or OSError if charges cannot.
    """
    tolerance = _tolerance(given.get("tolerance", "0.01"))
    try:
        billed = billed_costs(file, _columns(form, given))
    except (ExportUnreadable, UnicodeDecodeError) as error:
        raise UnclearExport(f"The export cannot be read: {error}") from error
    days = [place.day.isoformat() for place in billed]
    if not days:
        raise UnclearExport("The export has no costs.")
    asked = {"startDate": min(days), "endDate": max(days)} | dict(wanted)
    inside = {
        place: cost
        for place, cost in billed.items()
        if asked["startDate"] <= place.day.isoformat() <= asked["endDate"]
    }
    charged, unpriced = charged_costs(charges(gateway, asked))
    found = differences(charged, inside)
    differing = sum(abs(each.amount) > tolerance for each in found)
    return Report(list(table(found)), unpriced, differing)


def _columns(form: str | None, given: Mapping[str, str]) -> ExportColumns:
    known = FORMATS.get(form or "", ExportColumns("", "", ""))
    columns = known._replace(
        **{
            name: given[f"{name}_column"]
            for name in ("day", "model", "cost")
            if f"{name}_column" in given
        }
    )
    if not columns.day or not columns.cost:
        raise UnclearExport("Name a --format, or the --day-column and the --cost-column.")
    return columns


def _tolerance(text: str) -> Decimal:
    try:
        tolerance = Decimal(text)
    except InvalidOperation:
        tolerance = Decimal(-1)
    if not tolerance.is_finite() or tolerance < 0:
        raise UnclearExport(f"The tolerance must be dollars, not {text!r}.")
    return tolerance
