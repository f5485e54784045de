"""Charges in the columns of FOCUS."""

from decimal import Decimal
from typing import Any

import pytest

from conduit_cli.focus import COLUMNS, focus_rows

CHARGE: dict[str, Any] = {
    "id": "01",
    "requestId": "req_1",
    "occurredAt": "2026-12-31T23:59:59.5Z",
    "providerId": 3,
    "providerType": "OpenAI",
    "keyId": "key_1",
    "providerAccountGroup": "production",
    "virtualKeyId": 4,
    "modelAlias": "fast",
    "actualModelName": "gpt-4o",
    "operation": "chat",
    "cost": 0.000000017,
    "priceVersion": "rule:1",
    "durationMs": 800,
    "tags": ["team=search", "nightly"],
    "lines": [
        {"unit": "InputToken", "quantity": 5, "nanoUsdPerMillion": 1_500_000},
        {"unit": "OutputToken", "quantity": 3, "nanoUsdPerMillion": 3_000_000},
        {"unit": "ReasoningToken", "quantity": 0, "nanoUsdPerMillion": 3_000_000},
    ],
}


def test_rows_add_up_to_the_charge() -> None:
    """Exactly, though it was rounded once and they are not."""
    rows = list(focus_rows(CHARGE))
    assert [row["BilledCost"] for row in rows] == ["0.0000000075", "0.0000000095"]
    assert sum(Decimal(row["BilledCost"]) for row in rows) == Decimal("0.000000017")
    assert {row[name] for row in rows for name in row if name not in COLUMNS} == set()


def test_quantities_have_their_units_and_prices() -> None:
    """Tokens are tokens, of whichever kind; what kind is in the SKU."""
    first, second = focus_rows(CHARGE)
    assert (first["ConsumedQuantity"], first["PricingUnit"], first["SkuId"]) == (
        5,
        "Tokens",
        "InputToken",
    )
    assert second["ListUnitPrice"] == "0.000000003"
    assert second["SkuPriceId"] == "rule:1/OutputToken"


def test_without_a_price_there_are_no_quantities() -> None:
    """As FOCUS asks of what has no SkuPriceId."""
    (row,) = focus_rows(CHARGE | {"priceVersion": "", "lines": CHARGE["lines"][:1]})
    for name in ("ConsumedQuantity", "PricingQuantity", "PricingUnit", "PricingCategory"):
        assert name not in row
    assert row["BilledCost"] == "0.000000017"


def test_periods_end_where_the_next_ones_begin() -> None:
    """Also at the end of a year."""
    row = next(focus_rows(CHARGE))
    assert row["BillingPeriodStart"] == "2026-12-01T00:00:00Z"
    assert row["BillingPeriodEnd"] == "2027-01-01T00:00:00Z"
    assert (row["ChargePeriodStart"], row["ChargePeriodEnd"]) == (
        "2026-12-31T23:59:59Z",
        "2027-01-01T00:00:00Z",
    )


def test_tags_are_keys_with_values() -> None:
    """One without a value is a key alone."""
    row = next(focus_rows(CHARGE))
    assert row["Tags"] == '{"team": "search", "nightly": ""}'


@pytest.mark.parametrize("lines", [[], None])
def test_a_charge_without_lines_is_one_row(lines: object) -> None:
    """A provider's own word on the cost comes so."""
    (row,) = focus_rows(CHARGE | {"lines": lines})
    assert row["BilledCost"] == "0.000000017"
