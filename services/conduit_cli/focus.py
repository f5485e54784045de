"""Charges in the columns of FOCUS, the FinOps Open Cost and Usage Specification.

The columns are those of FOCUS 1.2 that say something of a model's use, with two names of 1.3 beside
them; own columns begin with `x_`, as it asks. Quantities and their units are given where there is a
price for them (`SkuPriceId`), and only there. Source: the columns as Microsoft describes them,
https://learn.microsoft.com/cloud-computing/finops/focus/metadata, not the specification itself.
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


def focus_rows(charge: Json) -> Iterator[dict[str, Any]]:
    """Yield a row for each kind of unit of a charge with a price; their costs add up to its own."""
    shared = _shared(charge)
    total = Decimal(str(charge["cost"]))
    lines = [line for line in charge.get("lines") or () if line.get("quantity")]
    if not lines:
        yield shared | _costs(total)
        return
    left = total
    for number, line in enumerate(lines, 1):
        # What rounding once, for the whole charge, makes of it is the last one's.
        cost = left if number == len(lines) else _cost_of(line)
        left -= cost
        yield shared | _costs(cost) | _quantities(line, str(charge.get("priceVersion") or ""))


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


def _costs(cost: Decimal) -> dict[str, Any]:
    text = _decimal(cost)
    return dict.fromkeys(("BilledCost", "EffectiveCost", "ListCost", "ContractedCost"), text)


def _quantities(line: Json, version: str) -> dict[str, Any]:
    unit, price = str(line.get("unit")), line.get("nanoUsdPerMillion")
    sku = {"SkuMeter": unit}
    if not version or price is None:
        return sku
    counted = "Tokens" if unit.lower().endswith("token") else unit
    each = _decimal(Decimal(str(price)) / _MILLION / _NANO)
    return sku | {
        "ConsumedQuantity": line["quantity"],
        "ConsumedUnit": counted,
        "ContractedUnitPrice": each,
        "ListUnitPrice": each,
        "PricingCategory": "Standard",
        "PricingQuantity": line["quantity"],
        "PricingUnit": counted,
        "SkuId": unit,
        "SkuPriceId": f"{version}/{unit}",
    }


def _cost_of(line: Json) -> Decimal:
    price = Decimal(str(line.get("nanoUsdPerMillion") or 0))
    return Decimal(str(line["quantity"])) * price / _MILLION / _NANO


def _tags(tags: Any) -> dict[str, str]:  # noqa: ANN401 # a list of JSON
    """Return tags as keys with values; one without a value has an empty one."""
    pairs = (str(tag).partition("=") for tag in tags)
    return {name: value for name, _, value in pairs}


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _text(moment: datetime) -> str:
    return moment.strftime("%Y-%m-%dT%H:%M:%SZ")


def _decimal(value: Decimal) -> str:
    text = f"{value:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
