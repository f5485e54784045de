"""Charges as values: read and checked on the way in, priced, written on the way out."""

import re
from collections.abc import Callable, Sequence
from datetime import datetime
from functools import lru_cache
from typing import NamedTuple

from conduit.v1.charge_pb2 import Charge, ChargeLine, Unit, UsageSource
from conduit_billing.money import (
    MAX_CHARGE_NANO,
    MAX_PRICE_NANO,
    MAX_QUANTITY,
    cost_of,
    rounded,
)
from conduit_billing.pricing.rules import Priced
from conduit_billing.timestamps import MICRO, datetime_of, micros_of, timestamp_of
from conduit_billing.validation import at_most, bounded, clipped, refuse
from conduit_providers.prices import input_tokens_of
from conduit_providers.quantities import CACHE_HIT, Qualifiers

_is_id = re.compile(r"[0-9a-z]{26}").fullmatch
_UNITS = frozenset(Unit.values()) - {0}
_SOURCES = frozenset(UsageSource.values()) - {0}
_MAX_LINES = 32
_MAX_REQUEST_ID = 200
# Named tuples' own take several times as long.
_new = tuple.__new__
_MAX_QUALIFIERS = 16
_MAX_TAGS, _MAX_TAG_CHARS = 32, 128
# Of the type, key, account group, alias, model, operation and version of the price.
_COMMON_CHARS = (100, 40, 200, 200, 500, 40, 100)
# Different ones that are kept.
_MOST_COMMON = 2048
# The years 2000 to 2100, in microseconds.
_TIMES = (946_684_800_000_000, 4_102_444_800_000_000)
_MAX_DURATION_MS = 10**12

# The price of a model of an instance: instance, its type, model, when.
FindPrice = Callable[[int, str, str, datetime], Priced]


class Line(NamedTuple):
    """A kind of unit: how many, and nano-dollars of a million, None if unknown."""

    unit: int
    quantity: int
    price: int | None


class Attribution(NamedTuple):
    """The part that many charges have in common. Fields as in `conduit.v1.Charge`."""

    provider_id: int
    provider_type: str
    key_id: str
    account_group: str
    model_alias: str
    actual_model_name: str
    operation: str
    price_version: str


class PostedCharge(NamedTuple):
    """A charge, as the ledger keeps it. Fields as in `conduit.v1.Charge`."""

    id: str
    request_id: str
    occurred_at: int
    attribution: Attribution
    virtual_key_id: int
    cost: int | None
    usage_source: int
    is_complete: bool
    duration_ms: int
    # In order of name; JSON in the database.
    qualifiers: Qualifiers
    lines: tuple[Line, ...]
    # The lease it was paid from; empty for none.
    lease_id: str = ""
    # What its call belongs to; JSON in the database.
    tags: tuple[str, ...] = ()
    # By the provider's word; None if it says none.
    provider_cost: int | None = None
    # By the prices by which it was priced anew, and their version; None if it never was.
    adjusted_cost: int | None = None
    adjusted_version: str = ""


def is_charge_id(text: str) -> bool:
    """Tell whether a charge could have such an id."""
    return _is_id(text) is not None


def read_charge(charge: Charge, field: str) -> PostedCharge:
    """Return a charge that was delivered as `field`. InvalidRequest if it makes no sense.

    Descriptions that are too long are cut: callers had a hand in them, and a charge must count.
    """
    at, provider_id, virtual_key_id = charge.occurred_at, charge.provider_id, charge.virtual_key_id
    occurred_at = at.seconds * MICRO + at.nanos // 1000
    name, source, duration_ms = charge.id, charge.usage_source, charge.duration_ms
    if not (
        _is_id(name)
        and source in _SOURCES
        and _TIMES[0] <= occurred_at <= _TIMES[1]
        and 0 < provider_id <= MAX_QUANTITY
        and 0 <= virtual_key_id <= MAX_QUANTITY
        and 0 <= duration_ms <= _MAX_DURATION_MS
    ):
        # Names of fields are made for errors alone.
        _refuse_charge(charge, field)
    lines, expected = _read_lines(charge.lines, field)
    cost = charge.cost_nano_usd
    is_known = bool(cost) or charge.HasField("cost_nano_usd")
    if is_known and (cost != expected or cost > MAX_CHARGE_NANO):
        _check_cost(cost, expected, len(lines), field)
    attribution = _attribution(
        provider_id,
        charge.provider_type,
        charge.key_id,
        charge.provider_account_group,
        charge.model_alias,
        charge.actual_model_name,
        charge.operation,
        charge.price_version,
    )
    tags, lease_id = charge.tags, charge.lease_id
    is_told = charge.HasField("provider_cost_nano_usd")
    request_id = charge.request_id
    if len(request_id) > _MAX_REQUEST_ID or "\0" in request_id:
        request_id = clipped(request_id, _MAX_REQUEST_ID)
    found = (
        name,
        request_id,
        occurred_at,
        attribution,
        virtual_key_id,
        cost if is_known else None,
        source,
        charge.is_complete,
        duration_ms,
        _read_qualifiers(charge, field) if charge.qualifiers else (),
        lines,
        clipped(lease_id, 26) if lease_id else "",
        tuple([clipped(tag, _MAX_TAG_CHARS) for tag in tags[:_MAX_TAGS]]) if tags else (),
        _read_provider_cost(charge.provider_cost_nano_usd) if is_told else None,
        None,
        "",
    )
    return _new(PostedCharge, found)


@lru_cache(_MOST_COMMON)
def _attribution(provider_id: int, *texts: str) -> Attribution:
    """Return what most charges of a key have in common, each text cut where it is too long."""
    cut = [clipped(text, most) for text, most in zip(texts, _COMMON_CHARS, strict=True)]
    return Attribution(provider_id, *cut)


def price_charge(charge: PostedCharge, find_price: FindPrice) -> PostedCharge:
    """Return the charge with the prices that it lacks, where they are known by now.

    An answer from the cache is charged a share that only its router knew; it stays without a price.
    """
    if charge.cost is not None or CACHE_HIT in charge.qualifiers:
        return charge
    common, at = charge.attribution, datetime_of(charge.occurred_at)
    priced = find_price(common.provider_id, common.provider_type, common.actual_model_name, at)
    read = input_tokens_of((line.unit, line.quantity) for line in charge.lines)
    prices = priced.sheet.at(read, charge.qualifiers)
    lines = tuple(
        line if line.price is not None else line._replace(price=prices.get(line.unit))
        for line in charge.lines
    )
    cost = cost_of((line.quantity, line.price) for line in lines)
    if cost is None or cost > MAX_CHARGE_NANO:
        return charge
    if not cost and not priced.sheet.tells_of([(line.unit, line.quantity) for line in lines]):
        return charge
    common = common._replace(price_version=common.price_version or priced.version)
    return charge._replace(lines=lines, cost=cost, attribution=common)


def charge_message(charge: PostedCharge) -> Charge:
    """Return a charge as the contract says it."""
    common = charge.attribution
    return Charge(
        id=charge.id,
        request_id=charge.request_id,
        occurred_at=timestamp_of(charge.occurred_at),
        provider_id=common.provider_id,
        provider_type=common.provider_type,
        key_id=common.key_id,
        provider_account_group=common.account_group,
        virtual_key_id=charge.virtual_key_id,
        model_alias=common.model_alias,
        actual_model_name=common.actual_model_name,
        operation=common.operation,
        lines=[
            ChargeLine(
                unit=Unit.ValueType(line.unit),
                quantity=line.quantity,
                nano_usd_per_million=line.price,
            )
            for line in charge.lines
        ],
        cost_nano_usd=charge.cost,
        price_version=common.price_version,
        usage_source=UsageSource.ValueType(charge.usage_source),
        is_complete=charge.is_complete,
        duration_ms=charge.duration_ms,
        qualifiers=dict(charge.qualifiers),
        lease_id=charge.lease_id,
        tags=charge.tags,
        provider_cost_nano_usd=charge.provider_cost,
        adjusted_cost_nano_usd=charge.adjusted_cost,
        adjusted_price_version=charge.adjusted_version,
    )


def _read_provider_cost(cost: int) -> int | None:
    """Return the provider's own word; nonsense of a provider's is none, and the charge counts."""
    return cost if 0 <= cost <= MAX_CHARGE_NANO else None


def _read_qualifiers(charge: Charge, field: str) -> Qualifiers:
    at_most(f"{field}.qualifiers", len(charge.qualifiers), _MAX_QUALIFIERS)
    pairs = charge.qualifiers.items()
    return tuple(sorted((clipped(name, 40), clipped(value, 40)) for name, value in pairs))


def _refuse_charge(charge: Charge, field: str) -> None:
    """Raise InvalidRequest that names what is wrong with a charge."""
    if not _is_id(charge.id):
        refuse(f"{field}.id", "must have 26 digits and small letters")
    if charge.usage_source not in _SOURCES:
        refuse(f"{field}.usageSource", "must say where the units come from")
    bounded(f"{field}.occurredAt", micros_of(charge.occurred_at), *_TIMES)
    bounded(f"{field}.providerId", charge.provider_id, 1, MAX_QUANTITY)
    bounded(f"{field}.virtualKeyId", charge.virtual_key_id, 0, MAX_QUANTITY)
    bounded(f"{field}.durationMs", charge.duration_ms, 0, _MAX_DURATION_MS)


def _read_lines(lines: Sequence[ChargeLine], field: str) -> tuple[tuple[Line, ...], int | None]:
    """Return the lines of a charge, and what they come to: None without a price that is needed."""
    if len(lines) > _MAX_LINES:
        at_most(f"{field}.lines", len(lines), _MAX_LINES)
    read, total, is_known = list[Line](), 0, True
    for line in lines:
        unit, quantity = line.unit, line.quantity
        price: int | None = line.nano_usd_per_million
        if not price and not line.HasField("nano_usd_per_million"):
            price = None
        if (
            unit not in _UNITS
            or not 0 <= quantity <= MAX_QUANTITY
            or (price is not None and not 0 <= price <= MAX_PRICE_NANO)
        ):
            _refuse_line(line, f"{field}.lines[{len(read)}]")
        read.append(_new(Line, (unit, quantity, price)))
        if price is not None:
            total += quantity * price
        elif quantity:
            is_known = False
    return tuple(read), rounded(total) if is_known else None


def _refuse_line(line: ChargeLine, field: str) -> None:
    if line.unit not in _UNITS:
        refuse(f"{field}.unit", "must say what was counted")
    bounded(f"{field}.quantity", line.quantity, 0, MAX_QUANTITY)
    bounded(f"{field}.nanoUsdPerMillion", line.nano_usd_per_million, 0, MAX_PRICE_NANO)


def _check_cost(cost: int, expected: int | None, lines: int, field: str) -> None:
    """Check a cost that differs from what its lines come to; without prices there is nothing to."""
    bounded(f"{field}.cost", cost, 0, MAX_CHARGE_NANO)
    # Another way of rounding may differ by one for each line. A provider's own word on the cost
    # comes without prices, and stands.
    if lines and expected is not None and abs(cost - expected) > lines:
        refuse(f"{field}.cost", f"must be the sum of the lines, {expected} nano-dollars")
