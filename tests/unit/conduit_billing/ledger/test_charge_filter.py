"""Which charges are asked for, as clauses."""

from conduit_billing.ledger.charge_filter import ALL_CHARGES, ChargeFilter, clauses
from conduit_billing.timestamps import DAY_MICROS


def texts(of: ChargeFilter) -> list[str]:
    """Return the clauses as SQL."""
    return [str(each) for each in clauses(of)]


def test_nothing_asked_for_is_no_clause() -> None:
    """So that the newest charges are read from the end of the index."""
    assert texts(ALL_CHARGES) == []


def test_each_member_is_a_clause() -> None:
    """One each, but for days, which are also a range of ids."""
    days = (5 * DAY_MICROS, 6 * DAY_MICROS)
    of = ChargeFilter("r", 1, 2, "k", "g", "m", *days, is_unpriced=True, cost_differs=True)
    assert len(texts(of)) == 6 + 4 + 1 + 2


def test_days_before_ids_began_are_no_error() -> None:
    """Somebody may ask for 1970."""
    assert len(texts(ChargeFilter(since=1, until=1))) == 4
