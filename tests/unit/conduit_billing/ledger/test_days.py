"""Charges added up by day."""

from tests.support.billing import DAY, DOLLAR, NOW, charge

from conduit.v1 import charge_pb2 as pb
from conduit_billing.ledger.charges import PostedCharge, read_charge
from conduit_billing.ledger.days import DayKey, DaySum, Dimension, days_of

TODAY = NOW // DAY
MIDNIGHT = TODAY * DAY


def read(**fields: object) -> PostedCharge:
    """Return a charge as the ledger has it."""
    return read_charge(charge(**fields), "charge")  # type: ignore[arg-type] # whichever a test names


def test_a_day_begins_at_midnight() -> None:
    """UTC, to the second."""
    days = days_of([read(at=MIDNIGHT - 1), read(at=MIDNIGHT), read(at=MIDNIGHT + DAY - 1)])
    for dimension in Dimension:
        found = {key.day: total.requests for key, total in of(dimension, days).items()}
        assert found == {TODAY - 1: 1, TODAY: 2}


def of(dimension: Dimension, days: dict[DayKey, DaySum]) -> dict[DayKey, DaySum]:
    """Return the sums of a dimension."""
    return {key: total for key, total in days.items() if key.dimension is dimension}


def test_each_way_of_grouping_has_sums_of_its_own() -> None:
    """As many as it has names, and not as there are combinations; each adds up to all charges."""
    made = [
        read(),
        read(),
        read(provider_id=2),
        read(provider_account_group="development"),
        read(virtual_key_id=5),
        read(model_alias="slow"),
        read(key_id="key_2"),
    ]
    days = days_of(made)
    assert days[DayKey(Dimension.VIRTUAL_KEY, TODAY, "", 4)].requests == 6
    assert days[DayKey(Dimension.KEY, TODAY, "key_2", 1)] == DaySum(DOLLAR, 1, 0, 1_000_000, 0)
    assert {dimension: len(of(dimension, days)) for dimension in Dimension} == {
        Dimension.DAY: 1,
        Dimension.PROVIDER: 2,
        Dimension.KEY: 3,
        Dimension.ACCOUNT_GROUP: 3,
        Dimension.VIRTUAL_KEY: 2,
        Dimension.MODEL: 2,
        Dimension.TAG: 1,
        Dimension.VIRTUAL_KEY_MODEL: 3,
        Dimension.GROUP: 1,
    }
    for dimension in Dimension:
        found = of(dimension, days).values()
        assert sum(total.requests for total in found) == len(made)
        assert sum(total.cost for total in found) == len(made) * DOLLAR


def test_a_charge_counts_for_the_group_of_its_virtual_key() -> None:
    """As it is in now; what is in none has a sum, too."""
    days = days_of(
        [read(), read(virtual_key_id=5), read(virtual_key_id=6)],
        lambda key: {4: 7, 5: 7}.get(key, 0),
    )
    found = of(Dimension.GROUP, days)
    assert {key.number: total.requests for key, total in found.items()} == {7: 2, 0: 1}


def test_a_charge_counts_for_each_of_its_tags() -> None:
    """And one without a tag for none."""
    days = days_of([read(tags=["a", "b"]), read(tags=["a"]), read()])
    found = of(Dimension.TAG, days)
    assert {key.name: total.requests for key, total in found.items()} == {"a": 2, "b": 1, "": 1}


def test_a_charge_without_a_price_is_counted_apart() -> None:
    """Its cost is unknown, which is not nothing."""
    days = days_of([read(price=None, tokens=12), read(tokens=0)])
    assert days[DayKey(Dimension.DAY, TODAY)] == DaySum(0, 2, 1, 12, 0)


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
    total = days_of([read_charge(made, "charge")])[DayKey(Dimension.DAY, TODAY)]
    assert (total.input_tokens, total.output_tokens) == (7, 24)


def test_of_no_charges_there_is_no_day() -> None:
    """A delivery of statistics alone has none."""
    assert days_of([]) == {}
