"""Charges: read, priced and written."""

from datetime import datetime

import pytest
from google.protobuf.timestamp_pb2 import Timestamp
from tests.support.billing import DOLLAR, NOW, charge

from conduit.v1 import charge_pb2 as pb
from conduit_billing.ledger.charges import charge_message, price_charge, read_charge
from conduit_billing.money import MAX_CHARGE_NANO
from conduit_billing.pricing.rules import UNKNOWN, Priced
from conduit_kernel.errors import InvalidRequest
from conduit_providers.prices import PriceSheet, Tier, Variant

DEAR = Priced(PriceSheet({pb.UNIT_INPUT_TOKEN: 2 * DOLLAR}), "rule:7@now")


def unpriced(**fields: object) -> pb.Charge:
    """Return a charge without a price."""
    return charge(price=None, **fields)  # type: ignore[arg-type] # whichever a test names


@pytest.mark.parametrize("price", [None, DOLLAR])
def test_a_charge_survives_being_read_and_written(price: int | None) -> None:
    """The ledger's form of a charge loses nothing of it."""
    made = charge(price=price)
    made.qualifiers.update({"size": "1024x1024", "quality": "high"})
    made.provider_cost_nano_usd = 0
    assert charge_message(read_charge(made, "charge")) == made


@pytest.mark.parametrize("nonsense", [-1, MAX_CHARGE_NANO + 1, 2**63 - 1])
def test_a_providers_nonsense_of_a_cost_is_no_word(nonsense: int) -> None:
    """Its charge counts all the same."""
    assert read_charge(charge(provider_cost_nano_usd=nonsense), "charge").provider_cost is None
    assert read_charge(charge(), "charge").provider_cost is None


def test_descriptions_are_cut_rather_than_refused() -> None:
    """Callers had a hand in them, and a charge must count."""
    made = charge(model_alias="\0" + "a" * 1000, request_id="é" * 1000, operation="x" * 99)
    made.qualifiers["q" * 99] = "v\0" * 99
    read = read_charge(made, "charge")
    assert read.attribution.model_alias == "a" * 200
    assert (len(read.request_id), len(read.attribution.operation)) == (200, 40)
    assert read.qualifiers == (("q" * 40, "v" * 40),)


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"id": ""}, "id"),
        ({"id": "A" * 26}, "id"),
        ({"id": "a" * 27}, "id"),
        ({"id": "a" * 26 + "\n"}, "id"),
        ({"usage_source": 0}, "usageSource"),
        ({"usage_source": 99}, "usageSource"),
        ({"provider_id": 0}, "providerId"),
        ({"provider_id": 2**63 - 1}, "providerId"),
        ({"virtual_key_id": -1}, "virtualKeyId"),
        ({"duration_ms": -1}, "durationMs"),
        ({"duration_ms": 2**62}, "durationMs"),
        ({"qualifiers": {str(n): "x" for n in range(17)}}, "qualifiers"),
    ],
)
def test_a_charge_that_makes_no_sense_is_refused(change: dict[str, object], field: str) -> None:
    """The error names the field, and which of a delivery's it is of."""
    with pytest.raises(InvalidRequest) as caught:
        read_charge(charge(**change), "charges[3]")  # type: ignore[arg-type] # whichever a case names
    assert caught.value.metadata["field"] == f"charges[3].{field}"


@pytest.mark.parametrize("seconds", [-(2**62), 0, 946_684_799, 4_102_444_801, 2**62])
def test_a_charge_is_of_this_century(seconds: int) -> None:
    """A clock that was never set, or a made-up one."""
    made = charge()
    made.occurred_at.CopyFrom(Timestamp(seconds=seconds))
    with pytest.raises(InvalidRequest) as caught:
        read_charge(made, "charge")
    assert caught.value.metadata["field"] == "charge.occurredAt"


@pytest.mark.parametrize(
    ("line", "field"),
    [
        (pb.ChargeLine(quantity=1), "unit"),
        (pb.ChargeLine(unit=999, quantity=1), "unit"),  # type: ignore[arg-type] # of a newer router
        (pb.ChargeLine(unit=pb.UNIT_IMAGE, quantity=-1), "quantity"),
        (pb.ChargeLine(unit=pb.UNIT_IMAGE, quantity=2**62), "quantity"),
        (pb.ChargeLine(unit=pb.UNIT_IMAGE, nano_usd_per_million=-1), "nanoUsdPerMillion"),
        (pb.ChargeLine(unit=pb.UNIT_IMAGE, nano_usd_per_million=2**62), "nanoUsdPerMillion"),
    ],
)
def test_a_line_that_makes_no_sense_is_refused(line: pb.ChargeLine, field: str) -> None:
    """By its place."""
    made = unpriced()
    made.lines.append(line)
    with pytest.raises(InvalidRequest) as caught:
        read_charge(made, "charge")
    assert caught.value.metadata["field"] == f"charge.lines[1].{field}"


def test_a_charge_has_so_many_lines_at_most() -> None:
    """No call uses so many kinds of units."""
    made = unpriced()
    made.lines.extend([made.lines[0]] * 31)
    assert len(read_charge(made, "charge").lines) == 32
    made.lines.append(made.lines[0])
    with pytest.raises(InvalidRequest):
        read_charge(made, "charge")


def test_a_cost_is_the_sum_of_its_lines_but_for_rounding() -> None:
    """One nano-dollar for each line; a provider's own word comes without prices, and stands."""
    for difference in (-1, 0, 1):
        made = charge()
        made.cost_nano_usd += difference
        assert read_charge(made, "charge").cost == DOLLAR + difference
    for wrong in (DOLLAR - 2, DOLLAR + 2, -1, MAX_CHARGE_NANO + 1):
        made = charge()
        made.cost_nano_usd = wrong
        with pytest.raises(InvalidRequest) as caught:
            read_charge(made, "charge")
        assert caught.value.metadata["field"] == "charge.cost"
    told = unpriced()
    told.cost_nano_usd = 12345
    assert read_charge(told, "charge").cost == 12345


def test_a_charge_without_a_price_gets_the_one_of_its_time() -> None:
    """By instance, type and model; one that has a cost is left alone, and nobody is asked."""
    asked: list[tuple[int, str, str, datetime]] = []

    def find(provider_id: int, provider_type: str, model: str, at: datetime) -> Priced:
        asked.append((provider_id, provider_type, model, at))
        return DEAR

    read = read_charge(unpriced(), "charge")
    priced = price_charge(read, find)
    assert (priced.cost, priced.attribution.price_version) == (2 * DOLLAR, "rule:7@now")
    assert [line.price for line in priced.lines] == [2 * DOLLAR]
    [(provider_id, provider_type, model, at)] = asked
    assert (provider_id, provider_type, model) == (1, "OpenAI", "gpt-4o")
    assert at.timestamp() == NOW
    known = read_charge(charge(), "charge")
    assert price_charge(known, find) is known
    assert len(asked) == 1


def test_an_answer_from_the_cache_is_not_charged_in_full() -> None:
    """Its router knew the share but no price, Billing the price but no share: it is unpriced."""
    made = unpriced()
    made.qualifiers["cache"] = "hit"
    read = read_charge(made, "charge")
    assert price_charge(read, lambda *_: DEAR) is read


def test_a_charge_whose_cost_is_that_of_its_lines_is_refused_if_it_is_nonsense() -> None:
    """A million dollars, and a unit more."""
    made = charge(tokens=10**9, price=10**15)
    made.cost_nano_usd = 10**18
    with pytest.raises(InvalidRequest, match="cost"):
        read_charge(made, "charge")


def test_lines_that_have_a_price_keep_it() -> None:
    """So does the version of a charge that names one."""
    made = unpriced(price_version="catalog:1")
    made.lines.add(unit=pb.UNIT_OUTPUT_TOKEN, quantity=1_000_000, nano_usd_per_million=DOLLAR)
    priced = price_charge(read_charge(made, "charge"), lambda *_: DEAR)
    assert [line.price for line in priced.lines] == [2 * DOLLAR, DOLLAR]
    assert (priced.cost, priced.attribution.price_version) == (3 * DOLLAR, "catalog:1")


def test_a_price_is_that_of_long_requests_and_of_qualifiers() -> None:
    """As the sheet has it for what was read."""
    unit = pb.UNIT_INPUT_TOKEN
    sheet = PriceSheet(
        {unit: 1},
        tiers=(Tier(200_000, {unit: 5 * DOLLAR}),),
        variants=(Variant({"service_tier": "batch"}, {unit: 3 * DOLLAR}),),
    )
    find = Priced(sheet, "catalog:1")
    long = price_charge(read_charge(unpriced(), "charge"), lambda *_: find)
    assert long.cost == 5 * DOLLAR
    made = unpriced()
    made.qualifiers["service_tier"] = "batch"
    assert price_charge(read_charge(made, "charge"), lambda *_: find).cost == 3 * DOLLAR


def test_a_price_that_stays_unknown_or_cannot_be_leaves_a_charge_as_it_was() -> None:
    """Unknown is not zero; a cost of more than a million dollars is a mistake."""
    read = read_charge(unpriced(), "charge")
    assert price_charge(read, lambda *_: UNKNOWN) is read
    absurd = Priced(PriceSheet({pb.UNIT_INPUT_TOKEN: MAX_CHARGE_NANO + 1}), "rule:1@now")
    assert price_charge(read, lambda *_: absurd) is read
