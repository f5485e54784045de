"""Charges in the columns of FOCUS, the FinOps Open Cost and Usage Specification.

The columns are those of FOCUS 1.2 that say something of a model's use, with two names of 1.3 beside
them; own columns begin with `x_`, as it asks. What is used has a quantity and a unit price whose
product is its list cost, always: a cost that is known without prices is one request at that cost.
Source: the specification itself, read on 2026-11-30 at its tag v1.2,
https://github.com/FinOps-Open-Cost-and-Usage-Spec/FOCUS_Spec/tree/v1.2/specification/columns.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

Json = Mapping[str, Any]

COLUMNS = (
    "BilledCost",
    "BillingAccountId",
    "BillingAccountName",
    "BillingCurrency",
    "BillingPeriodEnd",
    "BillingPeriodStart",
    "ChargeCategory",
    "ChargeClass",
    "ChargeDescription",
    "ChargeFrequency",
    "ChargePeriodEnd",
    "ChargePeriodStart",
    "ConsumedQuantity",
    "ConsumedUnit",
    "ContractedCost",
    "ContractedUnitPrice",
    "EffectiveCost",
    "HostProviderName",
    "InvoiceIssuerName",
    "ListCost",
    "ListUnitPrice",
    "PricingCategory",
    "PricingQuantity",
    "PricingUnit",
    "ProviderName",
    "PublisherName",
    "ResourceId",
    "ResourceName",
    "ResourceType",
    "ServiceCategory",
    "ServiceName",
    "ServiceProviderName",
    "ServiceSubcategory",
    "SkuId",
    "SkuMeter",
    "SkuPriceId",
    "SubAccountId",
    "SubAccountName",
    "Tags",
    "x_ChargeId",
    "x_RequestId",
    "x_UsageSource",
    "x_VirtualKeyId",
)
_NANO = Decimal(1_000_000_000)
_MILLION = Decimal(1_000_000)


def cost_of(charge: Json) -> Any:  # noqa: ANN401 # what JSON has
    """Return what a charge costs now, also where it was priced anew; None if that is unknown."""
    adjusted = charge.get("adjustedCost")
    return charge.get("cost") if adjusted is None else adjusted


def focus_rows(charge: Json) -> Iterator[dict[str, Any]]:
    """Yield a row for each kind of unit of a charge with a price; their costs add up to its own."""
    shared = _shared(charge)
    total = Decimal(str(cost_of(charge)))
    lines = [line for line in charge.get("lines") or () if line.get("quantity")]
    version, model = str(charge.get("priceVersion") or ""), str(charge.get("actualModelName"))
    version = str(charge.get("adjustedPriceVersion") or version)
    is_adjusted = charge.get("adjustedCost") is not None
    is_unpriced = any(line.get("nanoUsdPerMillion") is None for line in lines)
    # The lines of one that was priced anew have the prices of before.
    if not version or not lines or is_adjusted or is_unpriced:
        yield shared | _costs(total, total) | _as_a_request(model, version, total)
        return
    left = total
    for number, line in enumerate(lines, 1):
        # What is billed is rounded once, for the whole charge, and the last one has the rest.
        cost = _cost_of(line)
        billed = left if number == len(lines) else cost
        left -= billed
        yield shared | _costs(billed, cost) | _quantities(line, model, version)


def _shared(charge: Json) -> dict[str, Any]:
    began = _moment(str(charge["occurredAt"]))
    ended = began + timedelta(milliseconds=max(1, int(charge.get("durationMs") or 0)))
    month = began.replace(day=1, hour=0, minute=0, second=0, microsecond=0)
    provider, model = charge.get("providerType"), charge.get("actualModelName")
    account = charge.get("providerAccountGroup") or f"provider-{charge.get('providerId')}"
    return {
        "BillingAccountId": account,
        "BillingAccountName": account,
        "BillingCurrency": "USD",
        "BillingPeriodStart": _text(month),
        "BillingPeriodEnd": _text((month + timedelta(days=32)).replace(day=1)),
        "ChargeCategory": "Usage",
        "ChargeDescription": f"{charge.get('operation')} with {model}",
        "ChargeFrequency": "Usage-Based",
        "ChargePeriodStart": _text(began),
        "ChargePeriodEnd": _text(ended),
        "HostProviderName": provider,
        "InvoiceIssuerName": provider,
        "ProviderName": provider,
        "PublisherName": provider,
        "ResourceId": charge.get("keyId"),
        "ResourceName": charge.get("modelAlias"),
        "ResourceType": "API key",
        "ServiceCategory": "AI and Machine Learning",
        "ServiceName": f"{provider} API",
        "ServiceProviderName": provider,
        "ServiceSubcategory": "Generative AI",
        "SubAccountId": str(charge.get("virtualKeyId") or 0),
        "SubAccountName": f"virtual key {charge.get('virtualKeyId') or 0}",
        "Tags": json.dumps(_tags(charge.get("tags") or ()), ensure_ascii=False),
        "x_ChargeId": charge.get("id"),
        "x_RequestId": charge.get("requestId"),
        "x_UsageSource": charge.get("usageSource"),
        "x_VirtualKeyId": charge.get("virtualKeyId"),
    }


def _costs(billed: Decimal, listed: Decimal) -> dict[str, Any]:
    """Return what a row costs: as it is billed, and as its quantity and price say."""
    bill, price = _decimal(billed), _decimal(listed)
    return {"BilledCost": bill, "EffectiveCost": bill, "ListCost": price, "ContractedCost": price}


def _quantities(line: Json, model: str, version: str) -> dict[str, Any]:
    unit = str(line.get("unit"))
    counted = "Tokens" if unit.lower().endswith("token") else unit
    each = Decimal(str(line["nanoUsdPerMillion"])) / _MILLION / _NANO
    sku = _sku(model, unit, version) | {"PricingCategory": "Standard"}
    return sku | _quantity(line["quantity"], counted, each)


def _as_a_request(model: str, version: str, cost: Decimal) -> dict[str, Any]:
    """Return the quantities of a charge whose cost is a provider's own word."""
    sku = _sku(model, "Request", version or "provider") | {"PricingCategory": "Other"}
    return sku | _quantity(1, "Requests", cost)


def _sku(model: str, meter: str, version: str) -> dict[str, Any]:
    # A price has one SKU, and a version of prices may be of many models.
    sku = f"{model}/{meter}"
    return {"SkuId": sku, "SkuMeter": meter, "SkuPriceId": f"{version}/{sku}"}


def _quantity(quantity: int, unit: str, price: Decimal) -> dict[str, Any]:
    each = _decimal(price)
    return {
        "ConsumedQuantity": quantity,
        "ConsumedUnit": unit,
        "ContractedUnitPrice": each,
        "ListUnitPrice": each,
        "PricingQuantity": quantity,
        "PricingUnit": unit,
    }


def _cost_of(line: Json) -> Decimal:
    price = Decimal(str(line.get("nanoUsdPerMillion") or 0))
    return Decimal(str(line["quantity"])) * price / _MILLION / _NANO


def _tags(tags: Any) -> dict[str, str | bool]:  # noqa: ANN401 # a list of JSON
    """Return tags as keys with values; one without a value is true."""
    pairs = (str(tag).partition("=") for tag in tags)
    return {name: value if separator else True for name, separator, value in pairs}


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _decimal(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
