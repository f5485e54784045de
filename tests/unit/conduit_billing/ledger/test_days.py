"""Charges added up by day."""

from tests.support.billing import DAY, DOLLAR, NOW, charge

from conduit.v1 import charge_pb2 as pb
from conduit_billing.ledger.charges import PostedCharge, read_charge
from conduit_billing.ledger.days import DayKey, DaySum, days_of

TODAY = NOW // DAY
MIDNIGHT = TODAY * DAY


def read(**fields: object) -> PostedCharge:
    """Return a charge as the ledger has it."""
    return read_charge(charge(**fields), "charge")  # type: ignore[arg-type] # whichever a test names


def test_a_day_begins_at_midnight() -> None:
    """UTC, to the second."""
    days = days_of([read(at=MIDNIGHT - 1), read(at=MIDNIGHT), read(at=MIDNIGHT + DAY - 1)])
    assert {key.day: total.requests for key, total in days.items()} == {TODAY - 1: 1, TODAY: 2}


def test_sums_are_kept_apart_by_all_that_reports_group_by() -> None:
    """Instance, account group, virtual key and alias."""
    made = [
        read(),
        read(),
        read(provider_id=2),
        read(provider_account_group="development"),
        read(virtual_key_id=5),
        read(model_alias="slow"),
    ]
    days = days_of(made)
    assert days[DayKey(TODAY, 1, "production", 4, "fast")] == DaySum(2 * DOLLAR, 2, 0, 2_000_000, 0)
    assert len(days) == 5
    assert sum(total.requests for total in days.values()) == len(made)


def test_a_charge_without_a_price_is_counted_apart() -> None:
    """Its cost is unknown, which is not nothing."""
    (total,) = days_of([read(price=None, tokens=12), read(tokens=0)]).values()
    assert total == DaySum(0, 2, 1, 12, 0)


def test_every_kind_of_token_counts_as_read_or_written() -> None:
    """What is no token does not."""
    made = charge(price=None, tokens=1)
    for unit, quantity in (
        (pb.UNIT_CACHED_INPUT_TOKEN, 2),
        (pb.UNIT_CACHE_WRITE_TOKEN, 4),
        (pb.UNIT_OUTPUT_TOKEN, 8),
        (pb.UNIT_REASONING_TOKEN, 16),
        (pb.UNIT_IMAGE, 32),
        (pb.UNIT_REQUEST, 64),
        (pb.UNIT_COMPUTE_MILLISECOND, 128),
    ):
        made.lines.add(unit=unit, quantity=quantity)
    (total,) = days_of([read_charge(made, "charge")]).values()
    assert (total.input_tokens, total.output_tokens) == (7, 24)


def test_of_no_charges_there_is_no_day() -> None:
    """A delivery of statistics alone has none."""
    assert days_of([]) == {}
