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
    """Tokens are tokens, of whichever kind; what kind is in the SKU, which is a model's."""
    first, second = focus_rows(CHARGE)
    assert (first["ConsumedQuantity"], first["PricingUnit"]) == (5, "Tokens")
    assert (first["SkuId"], first["SkuMeter"]) == ("gpt-4o/InputToken", "InputToken")
    assert second["ListUnitPrice"] == "0.000000003"
    assert second["SkuPriceId"] == "rule:1/gpt-4o/OutputToken"


NO_PRICE = CHARGE | {"priceVersion": "", "lines": [{"unit": "InputToken", "quantity": 5}]}


def test_a_cost_without_prices_is_one_request() -> None:
    """A provider's own word on the cost comes so, with lines or without."""
    for charge in (NO_PRICE, CHARGE | {"lines": []}, CHARGE | {"lines": None}):
        (row,) = focus_rows(charge)
        assert row["BilledCost"] == row["ListUnitPrice"] == "0.000000017"
        assert (row["PricingQuantity"], row["PricingUnit"]) == (1, "Requests")
        assert row["PricingCategory"] == "Other"


# Of the specification at v1.2: columns that a data set must have, those among them that may be
# null, and those of others that must not be where something was used.
MANDATORY = frozenset(
    {
        "BilledCost",
        "BillingAccountId",
        "BillingAccountName",
        "BillingCurrency",
        "BillingPeriodEnd",
        "BillingPeriodStart",
        "ChargeCategory",
        "ChargeClass",
        "ChargeDescription",
        "ChargePeriodEnd",
        "ChargePeriodStart",
        "ContractedCost",
        "EffectiveCost",
        "InvoiceIssuerName",
        "ListCost",
        "PricingQuantity",
        "PricingUnit",
        "ProviderName",
        "PublisherName",
        "ServiceCategory",
        "ServiceName",
    }
)
MAY_BE_NULL = frozenset({"BillingAccountName", "ChargeClass", "ChargeDescription"})
OF_USAGE = frozenset(
    {
        "ChargeFrequency",
        "ConsumedQuantity",
        "ConsumedUnit",
        "ContractedUnitPrice",
        "ListUnitPrice",
        "PricingCategory",
        "ServiceSubcategory",
        "SkuId",
        "SkuPriceId",
    }
)
OTHERS = frozenset(
    {
        "ResourceId",
        "ResourceName",
        "ResourceType",
        "SkuMeter",
        "SubAccountId",
        "SubAccountName",
        "Tags",
    }
)
NAMES_OF_1_3 = frozenset({"HostProviderName", "ServiceProviderName"})


def test_columns_are_the_specifications() -> None:
    """All that it demands, no name that it does not know, and own ones marked as such."""
    own = {name for name in COLUMNS if name.startswith("x_")}
    assert set(COLUMNS) - own == MANDATORY | OF_USAGE | OTHERS | NAMES_OF_1_3
    assert len(set(COLUMNS)) == len(COLUMNS)


@pytest.mark.parametrize("charge", [CHARGE, NO_PRICE])
def test_rows_keep_the_specifications_rules(charge: dict[str, Any]) -> None:
    """What must be there is, and a quantity at its unit price is what the row costs by the list."""
    for row in focus_rows(charge):
        assert all(row.get(name) is not None for name in (MANDATORY | OF_USAGE) - MAY_BE_NULL)
        for kind in ("List", "Contracted"):
            product = Decimal(row["PricingQuantity"]) * Decimal(row[f"{kind}UnitPrice"])
            assert product == Decimal(row[f"{kind}Cost"])
        assert row["ChargeCategory"] == "Usage"
        assert row["ChargeFrequency"] == "Usage-Based"
        assert row["PricingCategory"] in {"Standard", "Dynamic", "Committed", "Other"}


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
    """One without a value is true."""
    row = next(focus_rows(CHARGE | {"tags": ["team=search", "nightly", "empty="]}))
    assert row["Tags"] == '{"team": "search", "nightly": true, "empty": ""}'
